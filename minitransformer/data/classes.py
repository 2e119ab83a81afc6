"""Two tasks of classes, read from packages where these are installed: voices and digits.

The files alone are read; neither package is imported, so that it needs none of what it would need
itself. Nothing of them is part of this project.
"""

import gzip
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minitransformer.data.packages import package_file

PATCH = 2        # an image of 8 x 8 is 16 patches of 2 x 2
TEST_DIGITS = 400
VALIDATION = 6   # of so many examples that may be learned from, one is for choosing settings


class ClassData(NamedTuple):
    """Three lists of examples (features (T, C) float32, label), and what the labels mean."""

    train: list
    validation: list
    test: list
    classes: tuple  # the name of each label

    @property
    def n_features(self):
        """C, the numbers in each vector."""
        return self.train[0][0].shape[1]


def japanese_vowels():
    """Who of nine men says "ae": 270 recordings to learn from, 370 to test on, 7 to 29 frames each.

    A frame is 12 numbers that describe its spectrum (LPC cepstrum coefficients). The test part is
    the publishers'; of the others, 5 of each man's 30 are for validation. Raises
    ModuleNotFoundError, with the command that installs it, where the package aeon is missing.
    Source: Kudo, Toyama and Shimbo 1999.
    """
    folder = package_file("aeon", "datasets/data/JapaneseVowels", holds="the voices",
                          install="--no-deps aeon==1.6.0")
    learning, test = (read_ts(folder / f"JapaneseVowels_{part}.ts") for part in ("TRAIN", "TEST"))
    classes = sorted({label for _, label in learning})
    learning, test = ([(frames, classes.index(label)) for frames, label in part]
                      for part in (learning, test))
    return _split(learning, test, tuple(f"speaker {name}" for name in classes))


def digits():
    """Handwritten digits, 8 x 8 points in 17 shades of grey: 1,397 to learn from, 400 to test on.

    An image is 16 tokens, its patches of 2 x 2 points, row by row, each point from 0 to 1. The test
    part is fixed; of the others, a sixth is for validation. Raises ModuleNotFoundError, with the
    command that installs it, where the package scikit-learn is missing.
    Source: Alpaydin and Kaynak 1998 (the test part of theirs).
    """
    path = package_file("sklearn", "datasets/data/digits.csv.gz", holds="the digits",
                        install="--no-deps scikit-learn")
    with gzip.open(path, "rt") as file:
        table = np.loadtxt(file, delimiter=",", dtype=np.float32)             # (N, 65)
    images, labels = table[:, :-1].reshape(-1, 8, 8) / 16, table[:, -1].astype(int)
    order = np.random.default_rng(0).permutation(len(images))
    examples = [(to_patches(images[i]), int(labels[i])) for i in order]
    return _split(examples[TEST_DIGITS:], examples[:TEST_DIGITS], tuple(map(str, range(10))))


def to_patches(image, size=PATCH):
    """An image (rows, columns) -> its square patches, row by row: (T, size * size)."""
    rows, columns = image.shape
    grid = image.reshape(rows // size, size, columns // size, size)           # (R, size, C, size)
    return grid.transpose(0, 2, 1, 3).reshape(-1, size * size)                # (T, size * size)


def from_patches(patches, size=PATCH):
    """The square image (rows, columns) whose patches these are."""
    side = round(len(patches) ** 0.5)
    grid = patches.reshape(side, side, size, size)                            # (R, C, size, size)
    return grid.transpose(0, 2, 1, 3).reshape(side * size, side * size)


def read_ts(path):
    """The examples of a .ts file: a list of (array (T, C) float32, the class as it is written).

    A line holds C columns, separated by colons, of T numbers each, and the class; lines before
    @data describe the file. Raises ValueError, with the line's number, for one that is not so.
    """
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    start = next((i for i, line in enumerate(lines) if line.lower() == "@data"), None)
    if start is None:
        raise ValueError(f"{path} has no line @data, so it is not a .ts file")
    examples = []
    for number, line in enumerate(lines[start + 1:], start + 2):
        *columns, label = line.split(":")
        try:
            series = np.array([column.split(",") for column in columns], np.float32)  # (C, T)
        except ValueError:
            series = np.empty(0)
        if series.ndim != 2 or not np.isfinite(series).all():
            raise ValueError(f"{path}, line {number}: expected columns of as many finite numbers, "
                             f"then a class, all separated by colons; got {line[:40]!r}")
        examples.append((series.T.copy(), label.strip()))
    return examples


def _split(learning, test, classes):
    """Every sixth example of a class, in the order given, is for validation."""
    seen, parts = dict.fromkeys(range(len(classes)), 0), ([], [])
    for example in learning:
        seen[example[1]] += 1
        parts[seen[example[1]] % VALIDATION == 0].append(example)
    return ClassData(*parts, test, classes)

"""Voices and digits. Where the packages that hold them are missing, the reading is tested."""

import gzip
import importlib.machinery
import importlib.util
import subprocess
import sys

import numpy as np
import pytest

from minitransformer.data import classes, packages
from minitransformer.data.classes import (
    digits, from_patches, japanese_vowels, read_ts, to_patches)

TS = """#A comment: with a colon
@problemName Two
@classLabel true a b
@data
1,2,3:-4,5.5,6:b
7:8e-1:a
"""


def has(module):
    return importlib.util.find_spec(module) is not None


voices = pytest.mark.skipif(not has("aeon"), reason="pip install --no-deps aeon==1.6.0")
images = pytest.mark.skipif(not has("sklearn"), reason="pip install --no-deps scikit-learn")


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """installed(module): an empty folder in which a package's data files can be put."""
    def make(module):
        spec = importlib.machinery.ModuleSpec(module, None, is_package=True)
        spec.submodule_search_locations = [str(tmp_path)]
        monkeypatch.setattr(packages.importlib.util, "find_spec",
                            lambda name: spec if name == module else None)
        return tmp_path
    return make


def test_a_ts_file_is_columns_and_a_class(tmp_path):
    (tmp_path / "two.ts").write_text(TS, encoding="utf-8")
    (first, b), (second, a) = read_ts(tmp_path / "two.ts")
    assert (a, b) == ("a", "b") and first.dtype == np.float32
    assert first.tolist() == [[1, -4], [2, 5.5], [3, 6]]
    np.testing.assert_array_equal(second, np.array([[7, 0.8]], np.float32))


@pytest.mark.parametrize("line", ["1,2:3:a", "1,x:3,4:a", "1,nan:3,4:a", "a", ":a"])
def test_another_line_is_refused_by_its_number(tmp_path, line):
    (tmp_path / "two.ts").write_text(TS + line + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"two.ts, line 7: expected columns of as many finite"):
        read_ts(tmp_path / "two.ts")


def test_another_file_is_refused(tmp_path):
    (tmp_path / "two.txt").write_text("1,2:3,4:a\n", encoding="utf-8")
    with pytest.raises(ValueError, match="has no line @data, so it is not a .ts file"):
        read_ts(tmp_path / "two.txt")


def test_patches_are_read_row_by_row_and_put_back():
    image = np.arange(64).reshape(8, 8)
    patches = to_patches(image)
    assert patches.shape == (16, 4)
    assert patches[:2].tolist() == [[0, 1, 8, 9], [2, 3, 10, 11]]
    assert patches[5].tolist() == image[2:4, 2:4].ravel().tolist()
    assert np.array_equal(from_patches(patches), image)
    assert np.array_equal(from_patches(to_patches(image, 4), 4), image)


def test_voices_as_their_files_are(installed):
    folder = installed("aeon") / "datasets" / "data" / "JapaneseVowels"
    folder.mkdir(parents=True)
    lines = [f"{i},{i}:0,0:{1 + i % 3}" for i in range(21)]
    for part, count in (("TRAIN", 21), ("TEST", 5)):
        (folder / f"JapaneseVowels_{part}.ts").write_text(
            "\n".join(["@data", *lines[:count]]) + "\n", encoding="utf-8")
    data = japanese_vowels()
    assert data.classes == ("speaker 1", "speaker 2", "speaker 3") and data.n_features == 2
    assert [len(part) for part in data[:3]] == [18, 3, 5]
    assert [int(frames[0, 0]) for frames, _ in data.validation] == [15, 16, 17]  # each one's sixth
    assert all(label == int(frames[0, 0]) % 3 for part in data[:3] for frames, label in part)


def test_digits_as_their_file_is(installed, monkeypatch):
    monkeypatch.setattr(classes, "TEST_DIGITS", 30)
    path = installed("sklearn") / "datasets" / "data" / "digits.csv.gz"
    path.parent.mkdir(parents=True)
    rng = np.random.default_rng(1)
    table = np.column_stack([rng.integers(17, size=(130, 64)), np.arange(130) % 10])
    with gzip.open(path, "wt") as file:
        np.savetxt(file, table, fmt="%d", delimiter=",")
    data = digits()
    assert data.classes == tuple("0123456789") and len(data.test) == 30
    assert len(data.train) + len(data.validation) == 100
    assert [label for _, label in digits().test] == [label for _, label in data.test]
    pictures = {tuple(row[:64]): row[64] for row in table}
    for part in data[:3]:
        for patches, label in part:
            assert patches.shape == (16, 4) and patches.dtype == np.float32
            assert pictures.pop(tuple(np.round(16 * from_patches(patches)).ravel())) == label
    assert not pictures


@pytest.mark.parametrize("load, module, command", [
    (japanese_vowels, "aeon", "pip install --no-deps aeon==1.6.0"),
    (digits, "sklearn", "pip install --no-deps scikit-learn")])
@pytest.mark.parametrize("there", [False, True])
def test_a_missing_package_is_answered_with_its_command(installed, load, module, command, there):
    installed(module if there else "another")       # there, but without the file: too new, too old
    with pytest.raises(ModuleNotFoundError, match=command):
        load()


@voices
def test_the_real_voices():
    data = japanese_vowels()
    assert [len(part) for part in data[:3]] == [225, 45, 370] and data.n_features == 12
    lengths = [len(frames) for part in data[:3] for frames, _ in part]
    assert (min(lengths), max(lengths)) == (7, 29)
    for part, each in ((data.train, 25), (data.validation, 5)):
        assert np.bincount([label for _, label in part]).tolist() == [each] * 9
    assert np.bincount([label for _, label in data.test]).sum() == 370


@images
def test_the_real_digits():
    data = digits()
    parts = data[:3]
    assert sum(map(len, parts)) == 1797 and len(data.test) == 400 and data.n_features == 4
    values = np.stack([patches for part in parts for patches, _ in part])
    assert (values.min(), values.max()) == (0, 1)
    assert all(np.bincount([label for _, label in part], minlength=10).min() > 10 for part in parts)


@voices
@images
def test_neither_package_is_imported():
    code = ("import sys; from minitransformer.data.classes import digits, japanese_vowels; "
            "digits(); japanese_vowels(); print({'aeon', 'sklearn', 'scipy'} & sys.modules.keys())")
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"

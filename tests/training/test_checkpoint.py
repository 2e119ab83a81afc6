"""Checkpoints: exact, whole even when the process is killed, refused when not to be trusted."""

import json
import os
import pickle
import zipfile

import numpy as np
import pytest

from minitransformer.training import (
    CheckpointError,
    expect_same_settings,
    load_arrays,
    save_arrays,
    take_tree,
)

ARRAYS = {
    "params.w": np.arange(6, dtype=np.float32).reshape(2, 3),
    "params.blocks.0.b": np.array([1.5, -2.5]),
    "optimizer.steps": np.array(7, dtype=np.int64),
    "file": np.zeros((0, 3), dtype=np.float32),          # also a keyword of np.savez
    "transposed": np.arange(6.0).reshape(2, 3).T,
    "complex": np.array([1 + 2j]),
    "flags": np.array([True, False]),
}
METADATA = {"config": {"d_model": 16, "norm": "layer"}, "step": 3, "text": "naïve"}


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "run" / "a.npz"
    save_arrays(path, ARRAYS, METADATA)
    return path


def test_everything_comes_back_exactly(saved):
    arrays, metadata = load_arrays(str(saved))
    assert metadata == METADATA and list(arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype and arrays[name].shape == array.shape
        np.testing.assert_array_equal(arrays[name], array)


def test_numpy_reads_the_file_too(saved):
    with np.load(saved) as file:
        np.testing.assert_array_equal(file["params.w"], ARRAYS["params.w"])
        assert json.loads(file["metadata.json"])["metadata"] == METADATA


def test_a_file_of_numpy_gets_a_plain_refusal(tmp_path):
    np.savez(tmp_path / "a.npz", w=np.zeros(3))
    with pytest.raises(CheckpointError, match="without metadata.json"):
        load_arrays(tmp_path / "a.npz")


def test_the_same_content_gives_the_same_bytes(saved, tmp_path):
    save_arrays(tmp_path / "b.npz", ARRAYS, METADATA)
    assert saved.read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing.npz.*check the path"):
        load_arrays(tmp_path / "nothing.npz")


def test_every_truncation_is_refused(saved):
    whole = saved.read_bytes()
    for length in [0, 1, *range(10, len(whole), 97), len(whole) - 1]:
        saved.write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match="cut off"):
            load_arrays(saved)


def test_damage_is_refused_or_harmless(saved):
    """A flipped byte is found, by a checksum mostly; or nothing reads it, such as a date."""
    whole = saved.read_bytes()
    refused = 0
    for place in range(0, len(whole), 3):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        saved.write_bytes(damaged)
        try:
            arrays, metadata = load_arrays(saved)
        except CheckpointError:
            refused += 1
            continue
        assert metadata == METADATA
        for name, array in ARRAYS.items():
            np.testing.assert_array_equal(arrays[name], array)
    assert refused > len(whole) / 6  # more than half of those tried


class Trap:
    """A pickle that would leave a trace if it ever were loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


def test_a_pickle_is_refused_and_not_run(tmp_path):
    path, trace = tmp_path / "evil.npz", tmp_path / "it ran"
    path.write_bytes(pickle.dumps(Trap(trace)))
    with pytest.raises(CheckpointError, match="pickle"):
        load_arrays(path)
    assert not trace.exists()


def test_an_array_of_pickled_objects_is_refused_and_not_run(tmp_path):
    path, trace = tmp_path / "evil.npz", tmp_path / "it ran"
    np.savez(tmp_path / "evil.npz", **{"params.w": np.array([Trap(trace)], dtype=object)})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("metadata.json", '{"arrays": ["params.w"], "metadata": {}}')
    with pytest.raises(CheckpointError, match="Object arrays.*pickled objects.*refused"):
        load_arrays(path)
    assert not trace.exists()


def test_objects_and_non_finite_numbers_are_not_saved(saved):
    before = saved.read_bytes()
    for bad, message in ((np.array([None]), "objects"), (np.array([1.0, np.nan]), "NaN"),
                         (np.array([np.inf]), "NaN or infinity")):
        with pytest.raises(CheckpointError, match=f"'w'.*{message}"):
            save_arrays(saved, {"w": bad}, {})
    assert saved.read_bytes() == before and os.listdir(saved.parent) == [saved.name]


def test_non_finite_numbers_are_not_loaded(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, w=np.array([np.nan]))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("metadata.json", '{"arrays": ["w"], "metadata": {}}')
    with pytest.raises(CheckpointError, match="'w' holds NaN"):
        load_arrays(path)


def test_an_error_while_saving_keeps_the_old_file_and_leaves_nothing(saved, monkeypatch):
    before = saved.read_bytes()

    def full_disk(descriptor):
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="no space"):
        save_arrays(saved, {"w": np.ones(3)}, {})
    assert saved.read_bytes() == before and os.listdir(saved.parent) == [saved.name]


TEMPLATE = {"w": np.zeros((2, 3), np.float32), "blocks": [{"b": np.zeros(2)}]}


def test_take_tree(saved):
    tree = take_tree(saved, load_arrays(saved)[0], "params", TEMPLATE)
    np.testing.assert_array_equal(tree["w"], ARRAYS["params.w"])
    np.testing.assert_array_equal(tree["blocks"][0]["b"], ARRAYS["params.blocks.0.b"])


@pytest.mark.parametrize("template, message", [
    ({**TEMPLATE, "gain": np.zeros(2)}, "missing.*'gain'"),
    ({"w": TEMPLATE["w"]}, "no place.*'blocks.0.b'"),
    ({**TEMPLATE, "w": np.zeros((3, 2), np.float32)}, r"'w'.*\(2, 3\).*\(3, 2\)"),
    ({**TEMPLATE, "w": np.zeros((2, 3))}, "float32.*float64.*dtype")])
def test_a_tree_that_does_not_fit_is_refused(saved, template, message):
    with pytest.raises(CheckpointError, match=message):
        take_tree(saved, load_arrays(saved)[0], "params", template)


def test_other_settings_are_listed():
    expect_same_settings("a.npz", "config", {"a": 1, "pair": [1, 2]}, {"a": 1, "pair": (1, 2)})
    with pytest.raises(CheckpointError, match="another config: a = 1 there, 2 here; "
                                              "b = 'absent' there, 3 here. Give"):
        expect_same_settings("a.npz", "config", {"a": 1, "c": 0}, {"a": 2, "b": 3, "c": 0})
    with pytest.raises(CheckpointError, match="model = None there, 'encoder_decoder' here"):
        expect_same_settings("a.npz", "model", None, "encoder_decoder")

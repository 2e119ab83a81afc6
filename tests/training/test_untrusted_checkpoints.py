"""Files made to mislead: code that wants to run, sizes that are not there, names that are paths."""

import json
import pickle
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from minitransformer.models import EncoderDecoder, EncoderDecoderConfig
from minitransformer.training import CheckpointError, load_arrays, save_arrays


class Harmless:
    """Pickled, it is an order to open a file for writing, which any unpickling obeys."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return open, (str(self.marker), "w")


def write_zip(path, members, *, names, metadata=None, compression=zipfile.ZIP_STORED):
    """A checkpoint of raw members: {member's name: bytes}, listing the arrays `names`."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("metadata.json", json.dumps({"arrays": names, "metadata": metadata or {}}))
        for name, content in members:
            archive.writestr(name, content)


def npy(header, data=b"", version=(1, 0)):
    """The bytes of a .npy file with this text for a header."""
    text = (header + "\n").encode()
    length = struct.pack("<H" if version == (1, 0) else "<I", len(text))
    return b"\x93NUMPY" + bytes(version) + length + text + data


def header(shape, descr="<f8"):
    return f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}"


def test_what_runs_under_pickle_and_numpy_is_refused_here(tmp_path):
    marker, path = tmp_path / "marker", tmp_path / "a.npz"
    order = pickle.dumps(Harmless(marker))
    pickle.loads(order).close()
    assert marker.exists()  # so the trap is armed
    marker.unlink()

    objects = np.empty(1, object)
    objects[0] = Harmless(marker)
    np.savez(path, w=objects)
    with np.load(path, allow_pickle=True) as file:
        file["w"]
    assert marker.exists()
    marker.unlink()
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("metadata.json", '{"arrays": ["w"], "metadata": {}}')

    plain = tmp_path / "b.npz"
    plain.write_bytes(order)
    disguised = tmp_path / "c.npz"  # objects inside a structure
    write_zip(disguised, [("w.npy", npy(header((1,), [("x", "|O")]), order))], names=["w"])
    for file in (path, plain, disguised):
        with pytest.raises(CheckpointError, match="pickled objects"):
            load_arrays(file)
    assert not marker.exists()


@pytest.mark.parametrize("name", ["../w", "/w", "a/w", "..\\w", "C:w", ""])
def test_a_name_that_is_a_path_is_refused(tmp_path, name):
    write_zip(tmp_path / "a.npz", [(f"{name}.npy", npy(header((1,)), bytes(8)))], names=[name])
    with pytest.raises(CheckpointError, match="no name of an array"):
        load_arrays(tmp_path / "a.npz")
    with pytest.raises(CheckpointError, match="no name of an array"):
        save_arrays(tmp_path / "b.npz", {name: np.ones(1)}, {})
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("members, message", [
    (["w.npy", "w.npy"], "'w.npy' 2 times"), (["w.npy", "../evil.py"], "'../evil.py' 1 times"),
    ([], "'w.npy' 0 times"), (["w.npy", "metadata.json"], "'metadata.json' 2 times")])
def test_the_members_are_those_of_the_list(tmp_path, members, message):
    one = npy(header((1,)), bytes(8))
    listing = json.dumps({"arrays": ["w"], "metadata": {}})
    write_zip(tmp_path / "a.npz", [(m, listing if m.endswith("json") else one) for m in members],
              names=["w"])
    with pytest.raises(CheckpointError, match=message):
        load_arrays(tmp_path / "a.npz")


def test_an_array_that_the_list_names_twice_is_refused(tmp_path):
    write_zip(tmp_path / "a.npz", [("w.npy", npy(header((1,)), bytes(8)))], names=["w", "w"])
    with pytest.raises(CheckpointError, match="1 times, and its list names it 2 times"):
        load_arrays(tmp_path / "a.npz")


def peak_of(function, *arguments):
    """(the error that function(*arguments) raises, the most memory that it took, in bytes)."""
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError) as error:
            function(*arguments)
        return str(error.value), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_zip_bomb_is_refused_before_it_goes_off(tmp_path):
    path = tmp_path / "a.npz"
    write_zip(path, [("w.npy", npy(header((2**24,)), bytes(2**27)))], names=["w"],
              compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 2**18
    message, peak = peak_of(load_arrays, path)
    assert "compressed" in message and peak < 2**20


@pytest.mark.parametrize("shape", [(2**40,), (2**31, 2**31), (2**62, 4), (10**30,), (3,),
                                   (-1,), (-2, -1), (0, 10**30)])
@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_a_header_that_claims_more_than_there_is(tmp_path, shape, version):
    path = tmp_path / "a.npz"
    write_zip(path, [("w.npy", npy(header(shape), bytes(16), version))], names=["w"])
    message, peak = peak_of(load_arrays, path)
    assert str(path) in message and peak < 2**20
    assert "has the shape" in message or shape == (0, 10**30)  # which takes no byte
    assert ("size below 0" in message) == (min(shape) < 0)
    assert ("but 16 are there" in message) == (min(shape) > 0)


@pytest.mark.parametrize("content", [
    npy("(" * 9000), npy("{'descr': '<f8'}"), npy(header((1,), "<U1000000000")),
    npy(header((1,), "<M8[s]"), bytes(8)), npy(header((1,), "<V8"), bytes(8)),
    npy(header("(True,)"), bytes(8)), npy(header("'aaaa'"), bytes(8)),
    npy(header((2,)), bytes(8), (3, 0)), b"\x93NUMPY\x02\x00\xff\xff\xff\xff", b""])
def test_a_header_of_something_else(tmp_path, content):
    write_zip(tmp_path / "a.npz", [("w.npy", content)], names=["w"])
    message, peak = peak_of(load_arrays, tmp_path / "a.npz")
    assert "a.npz" in message and peak < 2**22


def test_sizes_in_the_zip_archives_own_list(tmp_path):
    path = tmp_path / "a.npz"
    write_zip(path, [("w.npy", npy(header((1,)), bytes(8)))], names=["w"])
    whole = path.read_bytes()
    place = whole.rindex(b"PK\x01\x02") + 20  # in the list: compressed size, then size
    for sizes in ((2**31, 2**31), (10, 2**31), (2**31, 10)):
        path.write_bytes(whole[:place] + struct.pack("<II", *sizes) + whole[place + 8:])
        message, peak = peak_of(load_arrays, path)
        assert "a.npz" in message and peak < 2**20


def test_strings_are_not_saved(tmp_path):
    with pytest.raises(CheckpointError, match="'w' is an array of <U3, expected numbers"):
        save_arrays(tmp_path / "a.npz", {"w": np.array(["abc"])}, {})


CONFIG = {"src_vocab_size": 5, "tgt_vocab_size": 6, "d_model": 8, "n_heads": 2, "n_layers": 2,
          "d_ff": 4, "max_seq_len": 7}


@pytest.mark.parametrize("change", [
    {"d_model": 2**40}, {"d_ff": 2**40}, {"src_vocab_size": 2**50}, {"tgt_vocab_size": 2**50},
    {"n_layers": 10**15}, {"positions": "learned", "max_seq_len": 2**50}])
def test_a_configuration_that_asks_for_terabytes(tmp_path, change):
    path = tmp_path / "a.npz"
    model = EncoderDecoder(EncoderDecoderConfig(**CONFIG), dtype="float64")
    model.save(path)
    arrays, metadata = load_arrays(path)
    metadata["config"].update(change)
    save_arrays(path, arrays, metadata)
    message, peak = peak_of(EncoderDecoder.load, path)
    assert "more parameters than" in message and peak < 2**20


def test_weights_that_are_whole_numbers_are_refused(tmp_path):
    path = tmp_path / "a.npz"
    EncoderDecoder(EncoderDecoderConfig(**CONFIG)).save(path)
    arrays, metadata = load_arrays(path)
    save_arrays(path, {name: array.astype("int8") for name, array in arrays.items()}, metadata)
    with pytest.raises(CheckpointError, match="int8, expected real numbers"):
        EncoderDecoder.load(path)


@pytest.mark.parametrize("step", [None, -1, 1.5, "3", True])
def test_a_run_that_has_made_no_number_of_steps(tmp_path, start, step):
    start(tmp_path).train(1)
    arrays, metadata = load_arrays(tmp_path / "checkpoint.npz")
    save_arrays(tmp_path / "checkpoint.npz", arrays, {**metadata, "step": step})
    with pytest.raises(CheckpointError, match="steps were made, expected a whole number"):
        start(tmp_path, resume=True)
    del metadata["model"]
    save_arrays(tmp_path / "checkpoint.npz", arrays, metadata)
    with pytest.raises(CheckpointError, match="None there"):
        start(tmp_path, resume=True)

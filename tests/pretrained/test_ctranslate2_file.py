import struct
import tracemalloc

import numpy as np
import pytest

from minitransformer.pretrained.ctranslate2_file import read_ctranslate2

CODES = {"float32": 0, "int8": 1, "int16": 2, "int32": 3, "float16": 4}


def text(word):
    raw = word.encode() + b"\0"
    return struct.pack("<H", len(raw)) + raw


def tensor(name, array):
    array = np.asarray(array)
    sizes = struct.pack(f"<{array.ndim}I", *array.shape)
    return (text(name) + struct.pack("<B", array.ndim) + sizes
            + struct.pack("<BI", CODES[array.dtype.name], array.nbytes) + array.tobytes())


def model(*tensors, aliases=(), version=6):
    names = b"".join(text(alias) + text(name) for alias, name in aliases)
    return (struct.pack("<I", version) + text("SmallSpec") + struct.pack("<II", 3, len(tensors))
            + b"".join(tensors) + struct.pack("<I", len(aliases)) + names)


W = np.arange(6, dtype=np.float32).reshape(2, 3)
SMALL = model(tensor("layer/w", W), tensor("n_heads", np.int16(4)),
              tensor("half", np.array([0.5, -2], np.float16)), aliases=[("out/w", "layer/w")])


@pytest.fixture
def read(tmp_path):
    def write_and_read(data):
        path = tmp_path / "model.bin"
        path.write_bytes(data)
        return read_ctranslate2(path)
    return write_and_read


def test_names_shapes_types_and_numbers(read):
    file = read(SMALL)
    assert (file.kind, file.revision) == ("SmallSpec", 3)
    assert list(file.arrays) == ["layer/w", "n_heads", "half", "out/w"]
    assert np.array_equal(file.arrays["layer/w"], W)
    assert file.arrays["n_heads"].shape == () and file.arrays["n_heads"] == 4
    assert file.arrays["half"].dtype == np.float16 and file.arrays["half"].tolist() == [0.5, -2]


@pytest.mark.parametrize("dtype", CODES)
def test_every_type(read, dtype):
    array = np.array([[1], [-2]], dtype)
    found = read(model(tensor("x", array))).arrays["x"]
    assert found.dtype == dtype and np.array_equal(found, array)


def test_an_alias_is_the_same_array(read):
    arrays = read(SMALL).arrays
    assert arrays["out/w"] is arrays["layer/w"]


def test_a_file_cut_off_anywhere_is_refused(read):
    for length in range(len(SMALL)):
        with pytest.raises(ValueError, match="model.bin, byte"):
            read(SMALL[:length])


@pytest.mark.slow
def test_a_flipped_bit_gives_another_file_or_an_error_that_names_it(read):
    for n in range(8 * len(SMALL)):
        damaged = bytearray(SMALL)
        damaged[n // 8] ^= 1 << n % 8
        try:
            read(bytes(damaged))
        except ValueError as error:
            assert "model.bin, byte" in str(error)


def test_random_bytes_are_refused(read):
    rng = np.random.default_rng(0)
    for n in range(300):
        data = rng.bytes(int(rng.integers(200)))
        with pytest.raises(ValueError, match="model.bin, byte"):
            read(data if n % 2 else struct.pack("<I", 6) + data)


HEAD = struct.pack("<I", 6) + text("Spec") + struct.pack("<II", 3, 1) + text("w")


@pytest.mark.parametrize("data, words", [
    (model(version=5), "its version is 5, expected 6"),
    (SMALL + b"\0\0", "2 bytes follow its end"),
    (HEAD + struct.pack("<BIBI", 1, 2, 9, 8) + bytes(8), "'w' has the type 9"),
    (HEAD + struct.pack("<B", 255) + bytes(2000), "'w' has 255 axes, expected at most 8"),
    (HEAD + struct.pack("<BIBI", 1, 0, 0, 0) + bytes(4), r"'w' has 0 bytes.* shape \(0,\)"),
    (HEAD + struct.pack("<BIBI", 1, 3, 0, 8) + bytes(8), r"'w' has 8 bytes.* shape \(3,\)"),
    (model(tensor("w", W), tensor("w", W)), "'w' is there twice"),
    (model(tensor("w", W), aliases=[("w", "w")]), "'w' is there twice"),
    (model(tensor("w", W), aliases=[("v", "u")]), "'v' stands for 'u', which is not there"),
    (model(tensor("w", np.float32([1, np.nan]))), "'w' holds numbers that are not finite"),
    (model(tensor("w", np.float16([np.inf]))), "'w' holds numbers that are not finite"),
    (struct.pack("<IH", 6, 2) + b"ab", "kind is b'ab', expected text and a zero byte"),
    (struct.pack("<IH", 6, 2) + b"\xff\0", "expected text"),
    (struct.pack("<IH", 6, 0), "kind is b''"),
])
def test_what_is_wrong_is_named(read, data, words):
    with pytest.raises(ValueError, match=words):
        read(data)


@pytest.mark.parametrize("claim", [
    struct.pack("<BIBI", 1, 2**30 - 1, 0, 2**32 - 4),                   # 4 GB of float32
    struct.pack("<B8IBI", 8, *[2**32 - 1] * 8, 0, 2**32 - 1),           # 10^77 numbers
])
def test_an_absurd_size_costs_no_memory(read, claim):
    tracemalloc.start()
    with pytest.raises(ValueError, match="'w'"):
        read(HEAD + claim + bytes(100))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_an_absurd_count_ends_with_the_file(read):
    with pytest.raises(ValueError, match="name of array 1 would take 2 bytes, but 0 are"):
        read(model(version=6)[:-8] + struct.pack("<I", 2**32 - 1) + tensor("w", W))


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_ctranslate2(tmp_path / "model.bin")

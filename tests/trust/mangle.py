"""Files as they come after an accident or from an enemy, and what a reader may do with them."""

import json
import struct
import tracemalloc

import numpy as np

EXTREMES = [0, 1, 0x7F, 0x80, 0xFF, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1,
            2**63, 2**64 - 1]

VALUES = [None, True, False, 0, -1, 3, 1.5, 1e30, 10**30, float("nan"), "", "a", "abc", "aa", "\0",
          "\ud800", [], [None], ["a"], ["a", 1], ["a", "b"], ["a", "a"], [""], [[]], [["a"]],
          [["a", "b"]], [["é", "b"]], [["Ā", "b"]], [["a", "b", "c"]], [["", "a"]], [[1, 2]],
          [1.0, 2.0], ["x", "y", "z", "w"], {}, {"kind": "words"}, {"kind": ["words"]}, {"a": []}]
ABSURD = [10**12, 1e300, 10**400, 2**63, -8, 0.5, float("inf"), float("-inf"), "8", [[8]], [{}]]
DEEP = [b"[" * 99_999, b'{"a":' * 99_999, b'{"model_type":' + b"[" * 99_999]


def mangled(rng, content, count):
    """Yield (what was done, bytes) count times, from a good file's bytes and a generator.

    The sorts take turns: cut off, a bit flipped, a number overwritten by an extreme one, a stretch
    left out, doubled, or random, and random bytes altogether. Half of all places are among the
    first 200 bytes, where headers are.
    """
    for n in range(count):
        size = len(content)
        place = int(rng.integers(min(size, 200) if rng.random() < 0.5 else size))
        length = int(rng.integers(1, 40))
        sort, out = n % 7, bytearray(content)
        if sort == 0:
            what, out = f"cut off at {place}", out[:place]
        elif sort == 1:
            bit = int(rng.integers(8))
            what = f"bit {bit} of byte {place} flipped"
            out[place] ^= 1 << bit
        elif sort == 2:
            number = EXTREMES[rng.integers(len(EXTREMES))]
            width = int(rng.choice([1, 2, 4, 8]))
            raw = struct.pack("<Q", number)[:width]
            what = f"{number} in {width} bytes at {place}"
            out[place:place + width] = raw
        elif sort == 3:
            what = f"{length} bytes at {place} left out"
            del out[place:place + length]
        elif sort == 4:
            what = f"{length} bytes at {place} doubled"
            out[place:place] = out[place:place + length]
        elif sort == 5:
            what = f"{length} random bytes at {place}"
            out[place:place + length] = rng.bytes(length)
        else:
            what, out = "random bytes altogether", rng.bytes(place)
        yield f"file {n}: {what}", bytes(out)


def fuzz(read, path, seed, count, **expected):
    """Try a reader on count mangled copies of the good file at path."""
    files = mangled(np.random.default_rng(seed), path.read_bytes(), count)
    return try_reader(read, path, files, **expected)


def try_reader(read, path, files, *, same=None, most_memory=1 << 24, named=()):
    """Read each of files, (what, bytes), from path; returns how many were refused.

    A refusal is a ValueError (the package's own errors are such) that names the file, or one of
    named, other files. same(result) says whether a file that is not refused gave what the good one
    gives; None where the format has no checksum. most_memory: bytes that reading one may take.
    AssertionError for all else.
    """
    refused = 0
    for what, content in files:
        path.write_bytes(content)
        tracemalloc.start()
        try:
            result = read(path)
        except ValueError as error:
            assert any(name in str(error) for name in (path.name, *named)), \
                f"{what}: the file is not named: {error!r}"
            assert type(error) is not UnicodeDecodeError, what
            refused += 1
        except Exception as error:
            raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error
        else:
            assert same is None or same(result), f"{what}: read as something else"
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert peak < most_memory, f"{what}: reading took {peak:,} bytes"
    return refused


def places(metadata, path=()):
    """The path of every value in nested dicts."""
    for key, value in metadata.items():
        yield (*path, key)
        if isinstance(value, dict):
            yield from places(value, (*path, key))


def with_value(metadata, path, value):
    changed = json.loads(json.dumps(metadata))
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return changed

"""Files as they come after an accident or from an enemy, and what a reader may do with them."""

import struct
import tracemalloc

EXTREMES = [0, 1, 0x7F, 0x80, 0xFF, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1,
            2**63, 2**64 - 1]


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


def try_reader(read, path, files, *, same=None, most_memory=1 << 24):
    """Read each of files, (what, bytes), from path; returns how many were refused.

    A refusal is a ValueError (the package's own errors are such) that names the file. same(result)
    says whether a file that is not refused gave what the good one gives; None where the format has
    no checksum. most_memory: bytes that reading one may take. AssertionError for all else.
    """
    refused = 0
    for what, content in files:
        path.write_bytes(content)
        tracemalloc.start()
        try:
            result = read(path)
        except ValueError as error:
            assert path.name in str(error), f"{what}: the file is not named: {error!r}"
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

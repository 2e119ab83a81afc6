"""CTranslate2's model.bin, read by hand: names and arrays, one behind the other.

Everything is little-endian. A text is its length (u16) and so many bytes, the last of them 0.

    version   u32           6
    kind      text          what the arrays belong to, such as "WhisperSpec"
    revision  u32           of that kind
    count     u32           then, for each array:
                 name  text
                 rank  u8, and as many sizes, u32 each
                 type  u8   a key of TYPES
                 bytes u32, and as many bytes, row by row
    aliases   u32           then, for each: another name, text; the array's name, text

A file is data that a stranger wrote: every length is compared with what is left of the file before
anything is read or made, so no header can ask for more memory than the file itself takes.
"""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

VERSION = 6
TYPES = {0: "<f4", 1: "<i1", 2: "<i2", 3: "<i4", 4: "<f2"}
MOST_AXES = 8  # more than any array of a model has


class Ctranslate2File(NamedTuple):
    """What a file holds; the arrays are read-only, an alias is a further name of the same one."""

    kind: str
    revision: int
    arrays: dict


def read_ctranslate2(path):
    """The Ctranslate2File at path.

    Raises FileNotFoundError when there is none; ValueError, naming the file and the place, for
    another version, a file that is cut off or goes on after its end, an array whose sizes and bytes
    do not agree, an unknown type, a name given twice, and numbers that are not finite.
    """
    reader = _Reader(path, memoryview(Path(path).read_bytes()))
    version = reader.number("version", 4)
    if version != VERSION:
        raise reader.error(f"its version is {version}, expected {VERSION}: it is no model.bin of "
                           f"CTranslate2, or another release's")
    kind = reader.text("kind")
    revision = reader.number("revision", 4)
    arrays = {}
    for n in range(reader.number("count of arrays", 4)):
        name = _new(reader, arrays, reader.text(f"name of array {n}"))
        arrays[name] = _array(reader, name)
    for n in range(reader.number("count of aliases", 4)):
        alias = _new(reader, arrays, reader.text(f"alias {n}"))
        name = reader.text(f"what {alias!r} stands for")
        if name not in arrays:
            raise reader.error(f"{alias!r} stands for {name!r}, which is not there")
        arrays[alias] = arrays[name]
    if reader.left:
        raise reader.error(f"{reader.left} bytes follow its end")
    return Ctranslate2File(kind, revision, arrays)


def _array(reader, name):
    rank = reader.number(f"rank of {name!r}", 1)
    if rank > MOST_AXES:
        raise reader.error(f"{name!r} has {rank} axes, expected at most {MOST_AXES}")
    shape = tuple(reader.number(f"sizes of {name!r}", 4) for _ in range(rank))
    code = reader.number(f"type of {name!r}", 1)
    if code not in TYPES:
        raise reader.error(f"{name!r} has the type {code}, expected one of {sorted(TYPES)}")
    dtype = np.dtype(TYPES[code])
    n_bytes = reader.number(f"byte count of {name!r}", 4)
    if 0 in shape or n_bytes != math.prod(shape) * dtype.itemsize:
        raise reader.error(f"{name!r} has {n_bytes} bytes, which is not its shape {shape} in "
                           f"{dtype.name}")
    array = np.frombuffer(reader.take(f"numbers of {name!r}", n_bytes), dtype).reshape(shape)
    if dtype.kind == "f" and not np.isfinite(array).all():
        raise reader.error(f"{name!r} holds numbers that are not finite")
    return array


def _new(reader, arrays, name):
    if name in arrays:
        raise reader.error(f"{name!r} is there twice")
    return name


class _Reader:
    """Bytes taken from the front, never beyond the end."""

    def __init__(self, path, data):
        self.path, self.data, self.at = path, data, 0

    @property
    def left(self):
        return len(self.data) - self.at

    def take(self, what, n_bytes):
        if n_bytes > self.left:
            raise self.error(f"the {what} would take {n_bytes} bytes, but {self.left} are left: it "
                             f"is cut off or damaged")
        self.at += n_bytes
        return self.data[self.at - n_bytes:self.at]

    def number(self, what, n_bytes):
        return int.from_bytes(self.take(what, n_bytes), "little")

    def text(self, what):
        raw = bytes(self.take(what, self.number(f"length of the {what}", 2)))
        try:
            text, end = raw[:-1].decode(), raw[-1:]
        except UnicodeDecodeError:
            end = None
        if end != b"\0":
            raise self.error(f"the {what} is {raw[:40]!r}, expected text and a zero byte")
        return text

    def error(self, message):
        return ValueError(f"{self.path}, byte {self.at}: {message}")

"""Checkpoints: named arrays and a JSON text in one .npz file, without pickle, written atomically.

A .npz file is a zip archive with one .npy file for each array; `np.load` reads it too. Loading
never runs code: an array of Python objects would need pickle, which can, and is refused. Nor is a
file believed: what its headers claim is compared with the bytes that are there before memory is
taken for it.
"""

import contextlib
import glob
import json
import math
import os
import zipfile
from pathlib import Path

import numpy as np

from minitransformer.tree import tree_fill, tree_items

METADATA = "metadata.json"
NUMBERS = "biufc"  # NumPy's kinds of numbers: truth values, whole ones, real and complex ones


class CheckpointError(ValueError):
    """A checkpoint that cannot be trusted or does not belong here."""


def save_arrays(path, arrays, metadata):
    """Write {name: array} and metadata, a dict that JSON can hold, to path.

    A reader finds the old file or the new one, never half of one: everything goes to a temporary
    file in the same folder, is forced to the disk, and takes the name in one step. What a killed
    process left behind is removed by the next save. The same content gives the same bytes.
    Raises CheckpointError for what load would refuse: arrays of anything but numbers, NaN or
    infinity, and names that are paths.
    """
    path = Path(path)
    arrays = {name: np.asarray(array) for name, array in arrays.items()}
    for name, array in arrays.items():
        _expect_plain_name(path, name)
        _expect_numbers(path, name, array.dtype)
        _expect_finite(path, name, array)
    # The names stand here too: a zip archive's own list of members bears no checksum.
    text = json.dumps({"arrays": list(arrays), "metadata": metadata}, indent=1)

    path.parent.mkdir(parents=True, exist_ok=True)
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        with contextlib.suppress(OSError):  # Windows keeps a file that somebody has open
            leftover.unlink()
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            with zipfile.ZipFile(file, "w") as archive:
                archive.writestr(zipfile.ZipInfo(METADATA), text)
                for name, array in arrays.items():
                    # A ZipInfo bears a fixed date, so that the bytes depend on the content alone.
                    with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as out:
                        np.lib.format.write_array(out, array, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def load_arrays(path):
    """Read what save_arrays wrote: ({name: array}, metadata).

    Raises FileNotFoundError when there is no such file; CheckpointError when it is cut off or
    damaged (the archive holds a checksum of each member), was not written by save_arrays, claims
    more than it holds, or holds pickled objects, NaN or infinity.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint {path}: check the path, or train first")
    try:
        with zipfile.ZipFile(path) as archive:
            if METADATA not in archive.namelist():
                raise CheckpointError(f"{path} is a zip archive without {METADATA}, so it was not "
                                      f"written by this package: give a file that it saved")
            _expect_honest_sizes(path, archive)
            content = json.loads(archive.read(METADATA))
            _expect_members(path, content["arrays"], archive)
            arrays = {name: _read_array(path, name, archive) for name in content["arrays"]}
            metadata = dict(content["metadata"])
    except CheckpointError:
        raise
    except Exception as error:  # damaged bytes can trip zipfile, zlib, json and numpy in many ways
        raise CheckpointError(
            f"{path} cannot be read ({error}): it is cut off, damaged, no checkpoint at all, or "
            f"holds pickled objects, which could run code when loaded and are refused; "
            f"take an earlier copy, or train again") from error
    return arrays, metadata


def open_trained(path, file, kind, *, words, keys):
    """(path of the file, its metadata) of a model that `train` made.

    path: the file, or the folder that it was written to, as `file`. kind: "translator"; words: what
    its metadata must hold, under keys, beside the configuration.
    Raises FileNotFoundError when there is none, CheckpointError when it is something else.
    """
    path = Path(path)
    path = path / file if path.is_dir() else path
    task = kind.replace(" ", "-")
    if not path.exists():
        raise FileNotFoundError(f"there is no {kind} at {path}: make one with `train {task}`, or "
                                f"say with --model where one is")
    _, metadata = load_arrays(path)
    if not set(keys) <= metadata.keys():
        raise CheckpointError(f"{path} holds no {words}, so it is not a {kind}: give the {file} "
                              f"that `train {task}` made")
    return path, metadata


def read_tokenizer(path, kind, stored, vocab_size):
    """kind.from_dict(stored), stored being what path's metadata holds.

    Raises CheckpointError for something else, or when it has another vocab_size than the model.
    """
    try:
        tokenizer = kind.from_dict(stored)
    except ValueError as error:
        raise CheckpointError(f"{path} holds no usable tokenizer ({error}): train the model "
                              f"again") from error
    if tokenizer.vocab_size != vocab_size:
        raise CheckpointError(f"{path} holds a tokenizer of {tokenizer.vocab_size} ids and a model "
                              f"of {vocab_size}: they do not belong together; train the model "
                              f"again")
    return tokenizer


def take_tree(path, arrays, prefix, template):
    """The tree stored under prefix ("params" takes "params.encoder.0..."), built like template.

    arrays is what load_arrays(path) gave. Raises CheckpointError, naming the array, when one is
    missing, left over, or of another shape or dtype than the template's.
    """
    start = prefix + "."
    found = {name[len(start):]: a for name, a in arrays.items() if name.startswith(start)}
    try:
        tree = tree_fill(template, found)
    except ValueError as error:
        raise CheckpointError(f"{path} does not fit, under {prefix!r}: {error}; give the "
                              f"configuration that it was saved with") from error
    for name, leaf in tree_items(template):
        if found[name].dtype != leaf.dtype:
            raise CheckpointError(f"{path} holds {start + name!r} as {found[name].dtype}, expected "
                                  f"{leaf.dtype}: make the model with dtype={found[name].dtype}")
    return tree


def expect_same_settings(path, what, saved, given):
    """Raise CheckpointError unless both are equal, listing the keys in which two dicts differ."""
    saved, given = (json.loads(json.dumps(x)) for x in (saved, given))  # a tuple becomes a list
    if saved == given:
        return
    if not (isinstance(saved, dict) and isinstance(given, dict)):
        saved, given = {what: saved}, {what: given}
    differences = [f"{key} = {saved.get(key, 'absent')!r} there, {given.get(key, 'absent')!r} here"
                   for key in {**saved, **given} if saved.get(key) != given.get(key)]
    raise CheckpointError(f"{path} has another {what}: {'; '.join(differences)}. Give the settings "
                          f"that it was saved with, or start anew in another folder")


def _expect_honest_sizes(path, archive):
    """Members are stored as they are, and together are no larger than the file.

    A compressed member of a kilobyte may become a gigabyte, and members may lie over each other.
    """
    members, size = archive.infolist(), path.stat().st_size
    for member in members:
        if member.compress_type or member.file_size != member.compress_size:  # 0: stored
            raise CheckpointError(f"{path} holds {member.filename!r} compressed, which this "
                                  f"package never does: nobody knows what it would grow to, so it "
                                  f"is refused")
    if (claimed := sum(member.file_size for member in members)) > size:
        raise CheckpointError(f"{path} claims to hold {claimed:,} bytes, but has {size:,}: it is "
                              f"damaged or made to mislead, and refused")


def _expect_members(path, names, archive):
    """The archive holds the metadata and the arrays that they name, each once, and nothing else."""
    for name in names:
        _expect_plain_name(path, name)
    expected = sorted([METADATA, *(f"{name}.npy" for name in names)])
    found = sorted(archive.namelist())
    if found != expected:
        odd = next((x for x in found if found.count(x) != expected.count(x)), None)
        odd = odd or next(x for x in expected if x not in found)
        raise CheckpointError(f"{path} holds {odd!r} {found.count(odd)} times, and its list names "
                              f"it {expected.count(odd)} times: it is damaged, or was not written "
                              f"by this package")


def _expect_plain_name(path, name):
    if not isinstance(name, str) or not name or set(name) & set('/\\:\0'):
        raise CheckpointError(f"{path}: {name!r} is no name of an array: it may hold no / and \\ "
                              f"and :, as a path does")


def _read_array(path, name, archive):
    member = archive.getinfo(f"{name}.npy")
    with archive.open(member) as file:
        _expect_honest_header(path, name, file, member.file_size)
    with archive.open(member) as file:
        array = np.lib.format.read_array(file, allow_pickle=False)
        if file.read(1):  # reading to the end also compares the checksum
            raise CheckpointError(f"{path} holds more bytes for {name!r} than its shape asks for")
    _expect_finite(path, name, array)
    return array


def _expect_honest_header(path, name, file, size):
    """The .npy header's shape is that of the bytes behind it: NumPy takes the memory it asks for.

    file stands at the header's start and ends after size bytes. An array of objects is left to
    NumPy, which refuses it before anything else.
    """
    read = {(1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0}[np.lib.format.read_magic(file)]
    shape, _, dtype = read(file)
    if dtype.hasobject:
        return
    _expect_numbers(path, name, dtype)
    if min(shape, default=0) < 0:
        raise CheckpointError(f"{path}: {name!r} has the shape {shape} in its header, with a size "
                              f"below 0: it is damaged or made to mislead, and refused")
    asked, there = math.prod(shape) * dtype.itemsize, size - file.tell()
    if asked > there:
        raise CheckpointError(f"{path}: {name!r} has the shape {shape} in its header, which takes "
                              f"{asked:,} bytes, but {there:,} are there: it is damaged or made to "
                              f"mislead, and refused")


def _expect_numbers(path, name, dtype):
    if dtype.hasobject:
        raise CheckpointError(f"{path}: {name!r} is an array of Python objects, which only pickle "
                              f"could store: give arrays of numbers")
    if dtype.kind not in NUMBERS:
        raise CheckpointError(f"{path}: {name!r} is an array of {dtype}, expected numbers")


def _expect_finite(path, name, array):
    if array.dtype.kind in "fc" and not np.isfinite(array).all():
        raise CheckpointError(f"{path}: {name!r} holds NaN or infinity, so no training can go on "
                              f"from it; go back to an earlier checkpoint")

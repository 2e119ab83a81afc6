"""Errors at the door: shapes, ids and sizes are checked by name, before any arithmetic."""

import functools
import numbers

import numpy as np


def expect_shape(name, array, dims, **sizes):
    """Raise ValueError unless array has the axes that dims names, with the sizes given.

    dims is a string of axis names, "..." standing for any number of leading axes:
    expect_shape("gain", gain, "D", D=512); expect_shape("x", x, "... D", D=512).
    An axis whose size is not given may have any size.
    """
    open_start, names = _axes(dims)
    shape = np.shape(array)
    given = shape[len(shape) - len(names):] if open_start else shape
    if len(given) == len(names):
        for n, size in zip(names, given):
            if n in sizes and sizes[n] != size:
                break
        else:
            return
    wanted = ["..."] * open_start + [str(sizes.get(n, n)) for n in names]
    comma = "," if len(wanted) == 1 else ""
    raise ValueError(f"{name} has shape {shape}, expected ({', '.join(wanted)}{comma}) = ({dims})")


@functools.cache  # a decoder of four layers asks a hundred times a token
def _axes(dims):
    """"... T D" -> (True, ("T", "D")): whether more axes may stand before, and the named ones."""
    names = tuple(dims.split())
    open_start = names[:1] == ("...",)
    return open_start, names[open_start:]


def expect_same_shape(name, array, other_name, other):
    """Raise ValueError unless the two arrays have one shape."""
    if np.shape(array) != np.shape(other):
        raise ValueError(f"{name} has shape {np.shape(array)}, but {other_name} has shape "
                         f"{np.shape(other)}: the two must be the same")


def expect_broadcastable(name, array, dims, shape):
    """Raise ValueError unless the array broadcasts to shape, whose axes dims names: "B H T S"."""
    given = np.shape(array)
    last = shape[len(shape) - len(given):]
    if len(given) > len(shape) or any(g not in (1, s) for g, s in zip(given, last)):
        raise ValueError(f"{name} has shape {given}, which does not broadcast to "
                         f"({', '.join(dims.split())}) = {shape}")


def expect_length(length, max_seq_len):
    """Raise ValueError when a sequence of so many tokens is longer than the model allows."""
    if length > max_seq_len:
        raise ValueError(f"the sequence has {length} tokens, but max_seq_len is {max_seq_len}: "
                         f"shorten it or configure a longer model")


def expect_ids(name, ids, size):
    """Raise TypeError unless ids are integers, ValueError unless each is in 0 .. size - 1."""
    ids = np.asarray(ids)
    if not np.issubdtype(ids.dtype, np.integer):
        raise TypeError(f"{name} must be integers, got {ids.dtype}")
    if ids.size and (ids.min() < 0 or ids.max() >= size):
        worst = ids.min() if ids.min() < 0 else ids.max()
        raise ValueError(f"{name} holds the id {worst}, but there are {size} entries: "
                         f"ids run from 0 to {size - 1}")


def expect_fraction(name, value):
    """Raise ValueError unless value is a number and 0 <= value < 1."""
    if not (isinstance(value, numbers.Real) and 0 <= value < 1):
        raise ValueError(f"{name} is {value!r}, expected 0 <= it < 1")

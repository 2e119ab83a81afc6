"""What an answer gave, carried from a notebook's kernel to the grader as plain JSON.

A submitted notebook may hold anything, so nothing that comes from it is unpickled or executed: the
grader reads numbers, text, and how they are nested. The verdict is formed on the grader's side.
"""

import base64
import json
import re
from collections import namedtuple
from pathlib import Path

import numpy as np

from minitransformer.teaching.exercise import Exercise, find
from minitransformer.teaching.judge import Outcome, outcomes

LARGEST_FILE = 200_000_000  # bytes
PLAIN = (type(None), bool, int, float, str)
NUMBERS = re.compile(r"[<>|=]([biufc]\d{1,2}|U\d{1,6})")


def write_outcomes(id, answer, *, seed, path):
    """In the notebook's kernel: try an answer on inputs of this seed, and write what it gave."""
    given = outcomes(find(id, Exercise), answer, seed=seed)
    text = json.dumps([[encode(value), error and error[:2000], place[:500], changed]
                       for value, error, place, changed in given])
    Path(path).write_text(text, encoding="utf-8")


def read_outcomes(path):
    """In the grader: the list of Outcomes. Raises ValueError for a file that holds none."""
    path = Path(path)
    if not path.exists() or path.stat().st_size > LARGEST_FILE:
        raise ValueError("what it gave is missing or too large")
    try:
        return [Outcome(decode(value), _text(error), _text(place) or "", _text(changed))
                for value, error, place, changed in json.loads(path.read_text(encoding="utf-8"))]
    except (TypeError, LookupError, RecursionError, ValueError) as error:
        raise ValueError(f"what it gave cannot be read ({error})") from None


def encode(value):
    """A value as JSON knows it: arrays keep their type to the bit, nesting keeps its kind."""
    if type(value) in PLAIN:
        return {"plain": value}
    if isinstance(value, dict):
        return {"dict": [[encode(key), encode(child)] for key, child in value.items()]}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return {"named": [type(value).__name__, list(value._fields), [encode(v) for v in value]]}
    if isinstance(value, (list, tuple)):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [encode(child) for child in value]}
    if type(value) is complex:
        return {"complex": [value.real, value.imag]}
    if isinstance(value, (np.ndarray, np.generic)) and NUMBERS.fullmatch(value.dtype.str):
        kind = "array" if isinstance(value, np.ndarray) else "scalar"
        data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode("ascii")
        return {kind: [value.dtype.str, list(value.shape), data]}
    return {"other": type(value).__name__}


def decode(content):
    """The value that encode was given; of what is no number or text, a stand-in of its name."""
    (kind, inside), = content.items()
    if kind == "plain" and type(inside) in PLAIN:
        return inside
    if kind == "dict":
        return {decode(key): decode(child) for key, child in inside}
    if kind == "named":
        name, fields, children = inside
        values = [decode(child) for child in children]
        return namedtuple(name, fields, rename=True)(*values)
    if kind in ("list", "tuple"):
        values = [decode(child) for child in inside]
        return values if kind == "list" else tuple(values)
    if kind == "complex":
        return complex(*inside)
    if kind in ("array", "scalar"):
        dtype, shape, data = inside
        if not NUMBERS.fullmatch(dtype):
            raise ValueError(f"an array of the type {dtype}")
        array = np.frombuffer(base64.b64decode(data), np.dtype(dtype)).reshape(shape).copy()
        return array if kind == "array" else array[()]
    if kind == "other":
        return type(str(inside), (), {})()
    raise ValueError(f"a value of the kind {kind}")


def _text(value):
    return value if value is None else str(value)

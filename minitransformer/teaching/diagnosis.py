"""What is wrong with an array, in a learner's words, found by comparing it with the right one."""

import itertools

import numpy as np


def named_leaves(value, name):
    """[(name, leaf)] of nested dicts, lists, tuples and NamedTuples: "cache.x", "dparams.q.w"."""
    if not isinstance(value, (dict, list, tuple)):
        return [(name, value)]
    return [leaf for key, child in children(value) for leaf in named_leaves(child, f"{name}.{key}")]


def children(value):
    """[(key, child)] of a dict, list, tuple or NamedTuple."""
    if isinstance(value, dict):
        return list(value.items())
    return list(zip(getattr(value, "_fields", range(len(value))), value))


def kind_words(value):
    """What kind of thing it is: "an array", "a dict of 2", "None"."""
    if value is None:
        return "None"
    kind = {np.ndarray: "array", str: "string"}.get(type(value), type(value).__name__)
    size = f" of {len(value)}" if isinstance(value, (dict, list, tuple)) else ""
    return f"a{'n' * (kind[0].lower() in 'aeiou')} {kind}{size}"


def is_close(a, b, tolerance):
    """Whether a and b have one shape and agree, relative to the largest entry of b."""
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and not np.any(_apart(a, b, tolerance))


def _apart(a, b, tolerance):
    """Where two arrays of one shape disagree. Infinities agree with themselves alone, nan too."""
    if not (is_number(a) and is_number(b)):
        return a != b
    finite = np.abs(b[np.isfinite(b)])
    bound = tolerance * (finite.max() if finite.size else 0.0)
    with np.errstate(invalid="ignore"):
        return (a != b) & ~(np.abs(a - b) <= bound) & ~(np.isnan(a) & np.isnan(b))


def is_number(array):
    """Whether the array holds numbers (truth values and text are compared exactly)."""
    return np.issubdtype(array.dtype, np.number)


def explain(name, given, expected, sizes, tolerance):
    """What is wrong with the result called name, as one or two sentences; None when it is right.

    sizes: {"x.shape[0]": 4, ...} of the arguments, to say where a factor comes from. None for
    an answer that is a plain value: then the right value is not told.
    A name that begins with d is the gradient of the array named after the d.
    """
    if isinstance(expected, str) or isinstance(given, str):
        same = type(given) is type(expected) and given == expected
        return None if same else f"{name} is {given!r}, which is not right."
    if expected is None or given is None:
        kinds = f"{kind_words(given)}, expected {kind_words(expected)}"
        return None if given is expected else f"{name} is {kinds}."
    if callable(expected):  # a cache may hold a function: what it does shows in the numbers
        return None
    given, expected = np.asarray(given), np.asarray(expected)
    if given.dtype == object:
        return f"{name} is not an array of numbers, but {type(given.flat[0]).__name__}."
    if sizes is None and given.dtype.kind in "iu" and expected.dtype.kind == "f":
        given = given.astype(expected.dtype)  # typed in by hand: 1 means 1.0
    if given.shape != expected.shape:
        return _shape_words(name, given, expected, tolerance)
    if words := _dtype_words(name, given, expected):
        return words
    if is_close(given, expected, tolerance):
        return None
    words = _value_words(name, given, expected, sizes or {}, tolerance)
    if sizes is None:
        return words
    return f"{words} {_first_difference(name, given, expected, tolerance)}"


def _dtype_words(name, given, expected):
    if given.dtype == expected.dtype or expected.ndim == 0 and given.dtype.kind in "iuf":
        return None
    if np.iscomplexobj(given):
        return f"{name} is complex, but it should be real: has .imag or .real been forgotten?"
    if given.dtype.kind == expected.dtype.kind in "iu":
        return None
    return (f"{name} has the type {given.dtype}, expected {expected.dtype}: "
            "a result keeps the type of its inputs.")


def _shape_words(name, given, expected, tolerance):
    if name.startswith("d"):
        words = (f"{name} has shape {given.shape}, but {name[1:]} has shape {expected.shape}: "
                 "a gradient always has the shape of the array it belongs to.")
    else:
        words = f"{name} has shape {given.shape}, expected {expected.shape}."
    if is_close(given.T, expected, tolerance):
        return f"{words} Yours is the right one transposed."
    if given.size == expected.size and is_close(given.reshape(expected.shape), expected, tolerance):
        return f"{words} The numbers are right, only the axes are not."
    for axes in _subsets(given.ndim):
        if any(is_close(given.sum(axis=axes, keepdims=keep), expected, tolerance)
               for keep in (False, True)):
            return f"{words} A sum over {_axes(axes)} is missing."
    for axes in _subsets(expected.ndim):
        if any(is_close(given, expected.sum(axis=axes, keepdims=keep), tolerance)
               for keep in (False, True)):
            return f"{words} Yours has been summed over {_axes(axes)}, which has to stay."
    return words


def _subsets(ndim):
    return [axes for n in range(1, ndim + 1) for axes in itertools.combinations(range(ndim), n)]


def _axes(axes):
    return f"axis {axes[0]}" if len(axes) == 1 else f"the axes {axes}"


def _value_words(name, given, expected, sizes, tolerance):
    if not is_number(expected):
        return f"{name} is wrong in {np.sum(given != expected)} of {expected.size} entries."
    if not np.all(np.isfinite(given)) and np.all(np.isfinite(expected)):
        return f"{name} holds nan or infinity."
    if not np.any(given):
        return f"{name} is zero everywhere."
    if is_close(-given, expected, tolerance):
        return f"{name} has the wrong sign: every entry should be its negative."
    if expected.ndim and (factor := _constant_factor(given, expected, tolerance)):
        return f"{name} is {_factor_words(factor, sizes)}."
    if expected.ndim == 2 and is_close(given.T, expected, tolerance):
        return f"{name} is transposed."
    for axis in range(expected.ndim):
        along = f"along axis {axis}, entries differ from the right ones"
        if expected.shape[axis] > 2 and _is_constant(given - expected, axis, tolerance):
            return (f"{name}: {along} by one common number: "
                    "a sum or mean over that axis is missing or counted twice.")
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = given / expected
        if expected.shape[axis] > 2 and _is_constant(ratio, axis, tolerance):
            return (f"{name}: {along} by one common factor: "
                    "a factor that belongs to that axis is missing or used twice.")
    wrong = int(np.sum(_apart(given, expected, tolerance)))
    if not expected.ndim:
        return f"{name} is not right."
    if wrong == expected.size:
        return f"{name} has the right shape, but wrong values."
    return f"{name} is wrong in {wrong} of {expected.size} entries and right in the others."


def _constant_factor(given, expected, tolerance):
    """The number c with given = c * expected, or None."""
    at = np.unravel_index(np.argmax(np.abs(expected)), expected.shape)
    factor = float(np.real(given[at] / expected[at])) if expected[at] else 0.0
    return factor if factor and is_close(given, factor * expected, tolerance) else None


def _factor_words(factor, sizes):
    sign = " and has the wrong sign" if factor < 0 else ""
    size = abs(factor) if abs(factor) > 1 else 1 / abs(factor)
    words = f"exactly {size:.4g} times too {'large' if abs(factor) > 1 else 'small'}{sign}"
    places = [place for place, n in sizes.items() if abs(size - n) < 1e-6]
    return f"{words}, and {size:.4g} is {places[0]}" if places else words


def _is_constant(array, axis, tolerance):
    return is_close(array, np.broadcast_to(np.take(array, [0], axis), array.shape), tolerance)


def _first_difference(name, given, expected, tolerance):
    if not expected.ndim:
        return f"Yours is {_text(given)}, expected {_text(expected)}."
    at = tuple(int(i) for i in np.argwhere(_apart(given, expected, tolerance))[0])
    return (f"The first wrong entry is {name}[{', '.join(map(str, at))}]: "
            f"yours is {_text(given[at])}, expected {_text(expected[at])}.")


def _text(number):
    return f"{number:.6g}" if is_number(np.asarray(number)) else str(number)

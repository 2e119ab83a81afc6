"""Gradient checks: is a backward pass the derivative of its forward pass, to machine precision?

For a forward f, inputs x and a random cotangent c of the output's shape, the number
s(x) = sum(c * f(x)) has the gradient backward(c, cache). A derivative of s in one coordinate,
measured from forward passes alone, must equal that gradient's coordinate:

    complex      Im s(x + i h e) / h              h = 1e-30: no subtraction, exact to rounding
    central      (s(x + h e) - s(x - h e)) / 2h   h = 1e-5:  about ten digits
    directional  Im s(x + i h v) / h = <gradient, v>  for one random direction v through all inputs

Source of the complex step: Squire and Trapp 1998.
"""

import inspect
import math

import numpy as np

from minitransformer.gradient_report import GradientEntry, GradientReport
from minitransformer.tree import tree_items, tree_map, tree_norm

COMPLEX_STEP = 1e-30
CENTRAL_STEP = 1e-5
MIN_COORDINATES = 64


def check_gradients(forward, backward, *inputs, options=None, method="complex", seed=0,
                    max_coordinates=200, zero=(), frozen=()):
    """Measure the derivative of forward and compare it with backward: a GradientReport.

    inputs: the differentiable inputs, arrays or trees, in forward's order; None where forward takes
    None. options: forward's keyword arguments; options["rng"] is an integer, made a fresh
    default_rng at every call. method: "complex", "central" or "directional". Of an array with more
    than max_coordinates entries a sample of that many is tried (never fewer than 64), chosen by
    seed, as is the cotangent.

    zero: names (or their endings) of arrays whose gradient is zero in theory; their error is the
    larger norm divided by that of all gradients together. frozen: those that backward answers with
    None. Any other gradient that is zero everywhere fails, since it would prove nothing.

    The cotangent is read-only meanwhile (an input would be frozen by that); backward runs twice.
    Raises ValueError when a gradient's tree or shape differs from its input's, an argument or the
    cache was written to, or the second run differs from the first, TypeError for another dtype.
    """
    if method not in ("complex", "central", "directional"):
        raise ValueError(f'method is {method!r}, expected "complex", "central" or "directional"')
    # A stream of its own: default_rng(seed) may have drawn x, and a cotangent like x hides faults.
    rng = np.random.default_rng([seed, 0xC07A])
    real = {name: tree_map(_writeable, x)
            for name, x in zip(_names(forward, len(inputs)), inputs, strict=True)}
    out, cache = _call("forward", forward, *real.values(), **_fresh(options), given=real)
    cotangent = tree_map(lambda o: _read_only(rng.normal(size=np.shape(o))), out)
    gradients = _gradients(backward, cotangent, cache, real, frozen)
    moved = tree_map(lambda x: x.astype(float if method == "central" else complex), real)

    def derivative():
        """d s / d h along the imaginary parts of moved."""
        out, _ = forward(*moved.values(), **_fresh(options))
        return _dot(cotangent, out).imag / COMPLEX_STEP

    def difference(x, index):
        """(s(x + h e) - s(x - h e)) / 2h."""
        value = x[index]
        x[index] = value + CENTRAL_STEP
        # A copy: the result may share memory with x, which moves again.
        above = tree_map(np.array, forward(*moved.values(), **_fresh(options))[0])
        x[index] = value - CENTRAL_STEP
        below, _ = forward(*moved.values(), **_fresh(options))
        # Subtract before summing: what did not change cancels exactly.
        return _dot(cotangent, tree_map(lambda a, b: a - b, above, below)) / (2 * CENTRAL_STEP)

    flat_gradients = dict(tree_items(gradients))
    checked = [(name, x) for name, x in tree_items(moved) if name in flat_gradients]
    if method == "directional":
        direction = {name: rng.normal(size=x.shape) for name, x in checked}
        for name, x in checked:
            x += COMPLEX_STEP * 1j * direction[name]
        analytic = np.array([_dot(direction, flat_gradients)])
        size = sum(x.size for _, x in checked)
        entry = _entry("all inputs together", analytic, np.array([derivative()]), [()], size)
        return GradientReport([entry._replace(tried=size)], method, seed)

    entries, scale = [], tree_norm(gradients)
    for name, x in checked:
        count = min(x.size, max(max_coordinates, MIN_COORDINATES))
        chosen = np.sort(rng.choice(x.size, count, replace=False))
        indices = [tuple(int(i) for i in np.unravel_index(c, x.shape)) for c in chosen]
        numeric = np.empty(count)
        for n, index in enumerate(indices):
            value = x[index]
            if method == "complex":
                x[index] = value + COMPLEX_STEP * 1j
                numeric[n] = derivative()
            else:
                numeric[n] = difference(x, index)
            x[index] = value
        analytic = np.array([flat_gradients[name][index] for index in indices])
        entry = _entry(name, analytic, numeric, indices, x.size)
        if any(name.endswith(ending) for ending in zero):
            larger = max(entry.analytic_norm, entry.numeric_norm)
            error = larger / scale if scale else math.inf
            entry = entry._replace(error=error if larger else 0.0)
        entries.append(entry)
    return GradientReport(entries, method, seed)


def assert_gradients(forward, backward, *inputs, tolerance=1e-12, **arguments):
    """check_gradients, raising AssertionError with its table when an error exceeds tolerance."""
    report = check_gradients(forward, backward, *inputs, **arguments)
    if not report.passed(tolerance):
        raise AssertionError(f"{report.worst.name}: error {report.worst.error:.1e} exceeds "
                             f"{tolerance:.0e}\n{report}")


def _names(forward, count):
    """The names of forward's first parameters; *inputs are numbered."""
    names = [name for name, parameter in inspect.signature(forward).parameters.items()
             if parameter.kind is parameter.POSITIONAL_OR_KEYWORD]
    return (names + [f"input_{i}" for i in range(len(names), count)])[:count]


def _call(what, function, *arguments, given, **options):
    """function's answer. Raises ValueError when it wrote, or tried to, into an array of given."""
    before = _bytes(given)
    try:
        result = function(*arguments, **options)
    except ValueError as error:
        if "read-only" not in str(error):
            raise
        result, before = error, None
    if _bytes(given) != before:
        raise ValueError(f"{what} writes into an array that was given to it: let it write only "
                         "into arrays that it made itself")
    return result


def _fresh(options):
    """The keyword arguments of one call; an integer rng becomes a generator of its own."""
    options = dict(options or {})
    if options.get("rng") is not None:
        options["rng"] = np.random.default_rng(options["rng"])
    return options


def _writeable(x):
    return np.array(x, dtype=np.float64)


def _read_only(x):
    x = _writeable(x)
    x.setflags(write=False)
    return x


def _dot(a, b):
    """The sum of products of two trees of the same build; None where b has None counts nothing."""
    b = dict(tree_items(b))
    return sum(np.sum(x * b[name]) for name, x in tree_items(a) if name in b)


def _gradients(backward, cotangent, cache, inputs, frozen):
    """backward's answer as {input's name: gradient tree}, after the checks of its form."""
    def run():
        result = _call("backward", backward, cotangent, cache, given=[cotangent, inputs])
        # A copy: the second run must not be able to change the first one's answer.
        return [tree_map(np.array, g) for g in (result if isinstance(result, tuple) else (result,))]

    before = _bytes(cache)
    first, second = run(), run()
    if _bytes(cache) != before:
        raise ValueError("backward changed its cache: another reader of it would see wrong numbers")
    if len(first) != len(inputs):
        raise ValueError(f"backward returned {len(first)} gradients for {len(inputs)} inputs: "
                         f"{', '.join(inputs)}")
    gradients = dict(zip(inputs, first, strict=True))
    again = dict(tree_items(dict(zip(inputs, second, strict=True))))
    found = dict(tree_items(gradients))
    for name, x in tree_items(inputs):
        if any(name.endswith(ending) for ending in frozen):
            if name in found:
                raise ValueError(f"{name} is frozen, but backward returned a gradient for it")
            continue
        if name not in found:
            raise ValueError(f"backward returned no gradient for {name}")
        gradient = found[name]
        if np.shape(gradient) != x.shape:
            raise ValueError(f"the gradient has shape {np.shape(gradient)}, but {name} has shape "
                             f"{x.shape}: a gradient always has the shape of its array")
        if gradient.dtype != np.float64:
            raise TypeError(f"the gradient of {name} is {gradient.dtype}, expected float64")
        if not np.array_equal(gradient, again[name], equal_nan=True):
            raise ValueError(f"backward called twice gave two gradients of {name}: it keeps "
                             "something from call to call")
    if extra := found.keys() - dict(tree_items(inputs)).keys():
        raise ValueError(f"backward returned a gradient for {min(extra)}, which is no input")
    return gradients


def _bytes(cache):
    """The contents of every array of a cache."""
    return [x.tobytes() for _, x in tree_items(cache) if isinstance(x, np.ndarray)]


def _entry(name, analytic, numeric, indices, total):
    difference = np.abs(analytic - numeric)
    worst = int(np.argmax(difference))
    norms = float(np.linalg.norm(analytic)), float(np.linalg.norm(numeric))
    error = float(np.linalg.norm(difference)) / sum(norms) if sum(norms) else math.inf
    return GradientEntry(name, error if math.isfinite(error) else math.inf, *norms, indices[worst],
                         float(analytic[worst]), float(numeric[worst]), len(indices), total)

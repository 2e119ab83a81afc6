"""A reader's pair in the form in which the package uses it, and the check that it is right."""

import copy
import inspect
import sys

import numpy as np

from minitransformer import functional, layers, models
from minitransformer.checks import functional as functional_cases
from minitransformer.checks import layers as layer_cases
from minitransformer.checks.case import Case
from minitransformer.gradient_check import check_gradients
from minitransformer.layers.options import POSITIONS
from minitransformer.teaching.diagnosis import explain, named_leaves
from minitransformer.tree import tree_items, tree_map

TOLERANCE = 1e-12
HEADS = ("split_heads", "merge_heads")  # each is the other's backward; neither has a cache
NO_POSITIONS = POSITIONS["none"]
DECODING = "kv_cache"  # of decoding, where nothing goes backward: the package's own layer does it
# Keywords that no exercise asks for; a reader's function may leave them out.
NOT_ASKED = {"trainable", "score_bias", "keep", "positions", DECODING}


class WrongHalf(ValueError):
    """What is wrong with a half of a pair; .half is "forward" or "backward"."""

    def __init__(self, half, words):
        super().__init__(words)
        self.half = half


def package_pair(name):
    """(forward, backward) of the package; for "split_heads" the two functions of heads."""
    if name == HEADS[0]:
        return functional.split_heads, functional.merge_heads
    for package in (functional, layers, models):
        halves = [getattr(package, f"{name}_{half}", None) for half in ("forward", "backward")]
        if all(halves):
            return tuple(halves)
    raise ValueError(f'there is no pair {name!r}; a pair is named as in "attention" or '
                     '"layer_norm", the two functions for heads "split_heads"')


def adapted(name, forward, backward):
    """The two functions with what the package expects of a pair, around the reader's own.

    - A keyword that the reader's function does not take is left out where it holds the default.
      kv_cache alone goes to the package's own layer: decoding has no backward.
    - A cache that is a plain tuple gets the package's field names.
    - A result that was lifted to float64, though all that came in is float32, is taken back.
    """
    if name == HEADS[0]:
        return forward, backward
    original, _ = package_pair(name)
    taken = inspect.signature(forward).parameters
    takes_all = any(p.kind is p.VAR_KEYWORD for p in taken.values())
    defaults = {key: p.default for key, p in inspect.signature(original).parameters.items()}
    cache_name = name.title().replace("_", "") + "Cache"
    cache_type = getattr(sys.modules[original.__module__], cache_name, None)

    def adapted_forward(*inputs, **options):
        if not takes_all:
            left_out = {key: value for key, value in options.items() if key not in taken}
            options = {key: value for key, value in options.items() if key in taken}
            for key, value in left_out.items():
                if value is defaults[key] or (key == "positions" and not _in_attention(value)):
                    continue
                if key == "attention":  # another way to the same numbers
                    continue
                if key == DECODING:
                    return original(*inputs, **options, **{key: value})
                raise TypeError(f"{forward.__name__} does not take the argument {key}")
        out, cache = forward(*inputs, **options)
        if type(cache) is tuple and len(cache) == len(getattr(cache_type, "_fields", ())):
            cache = cache_type(*cache)
        return (_as_single(out) if _is_single(inputs) else out), cache

    def adapted_backward(dout, cache):
        grads = backward(dout, cache)
        # The loss's dout is a plain number; then its cache tells the type.
        if not _is_single(dout if isinstance(dout, np.ndarray) else cache):
            return grads
        if isinstance(grads, tuple):
            return tuple(_as_single(grad) for grad in grads)
        return _as_single(grads)

    return adapted_forward, adapted_backward


def _in_attention(positions):
    """Whether attention has to know of these positions: it turns with them, or adds to scores."""
    turns = positions.turn_backward is not NO_POSITIONS.turn_backward
    return turns or positions.on_scores is not NO_POSITIONS.on_scores


def _is_single(tree):
    """Whether the floating-point arrays of a tree are float32, all of them."""
    kinds = {x.dtype for _, x in tree_items(tree) if isinstance(x, np.ndarray)
             and x.dtype.kind in "fc"}
    return kinds == {np.dtype(np.float32)}


def _as_single(tree):
    return tree_map(lambda x: x.astype(np.float32) if getattr(x, "dtype", None) == np.float64
                    else x, tree)


def check_pair(name, forward, backward):
    """Raise WrongHalf unless this adapted pair is right in all that the lessons ask of it.

    The forward's values equal the package's to 1e-12 on the check's own cases (the masks of a
    model and causality included) and in float32; the backward agrees with the complex step to
    1e-12; arguments stay as they were; float32 stays float32.
    """
    if name == HEADS[0]:
        return _check_heads(forward, backward)
    original, original_backward = package_pair(name)
    for case in _cases(name, forward):
        _check_values(case, np.float64, TOLERANCE, original, forward, backward)
        _check_values(case, np.float32, 1e-5, original, forward, backward)
        _check_backward(case, original, forward, backward)


def _check_values(case, dtype, tolerance, original, forward, backward):
    """The forward's values and type; and that the backward changes nothing and keeps the type."""
    inputs = tree_map(lambda x: x.astype(dtype), list(case.inputs))
    expected, _ = original(*inputs, **_fresh(case.options))
    result = _run("forward", forward, inputs, case.options)
    if not isinstance(result, tuple) or len(result) != 2:
        raise WrongHalf("forward", "it must return two things, out and a cache")
    _expect_equal("forward", {"out": result[0]}, {"out": expected}, tolerance)
    half = tree_map(lambda x: np.full_like(x, 0.5), expected)
    grads = _run("backward", backward, (half, result[1]), {})
    for _, grad in tree_items(grads):
        if np.asarray(grad).dtype != dtype:
            raise WrongHalf("backward", f"a gradient has the type {np.asarray(grad).dtype}, but "
                                        f"the inputs are {np.dtype(dtype)}")


def _check_backward(case, original, forward, backward):
    """By the complex step, of the original: the forwards are equal, and it takes complex inputs."""
    def measured(*inputs, **options):
        moved = any(np.iscomplexobj(x) for _, x in tree_items(list(inputs)))
        return (original if moved else forward)(*inputs, **options)

    measured.__signature__ = inspect.signature(original)
    try:
        report = check_gradients(measured, backward, *case.inputs, options=case.options,
                                 zero=case.zero, frozen=case.frozen, max_coordinates=64)
    except Exception as error:  # a reader's function may fail in any way
        raise WrongHalf("backward", f"{type(error).__name__}: {error}") from error
    if not report.passed(TOLERANCE):
        worst = report.worst
        raise WrongHalf("backward", f"the gradient of {worst.name} differs from the complex step "
                        f"by {worst.error:.0e}. At {list(worst.worst_index)} it is "
                        f"{worst.worst_analytic:.6g}, expected {worst.worst_numeric:.6g} "
                        f"({case.what})")


def _check_heads(split, merge):
    x = np.random.default_rng(0).normal(size=(2, 5, 12))
    heads = functional.split_heads(x, 3)
    _expect_equal("forward", {"heads": _run("forward", split, (x, 3), {})}, {"heads": heads}, 0.0)
    _expect_equal("backward", {"merged": _run("backward", merge, (heads,), {})}, {"merged": x}, 0.0)


def _cases(name, forward):
    """The package's own check cases of a pair, without what no exercise asks for, and some more."""
    taken = inspect.signature(forward).parameters
    found = [case for case in functional_cases.cases() + layer_cases.cases() if case.pair == name]
    if name == "attention":
        found = [case for case in found if case.inputs[0].shape[1] == case.inputs[1].shape[1]]
        found += _masks_of_a_model()
    return [case for case in found if not (case.options.keys() & NOT_ASKED) - taken.keys()
            and case.options.get("activation", "relu") == "relu"
            and _is_asked(case.options.get("config"))]


def _is_asked(config):
    """Whether the exercises ask for a block of this configuration; None: no block."""
    return config is None or (config.n_kv_heads is None and config.positions == "sinusoidal")


def _masks_of_a_model():
    rng = np.random.default_rng(3)
    q, (k, v) = rng.normal(size=(2, 3, 5, 4)), rng.normal(size=(2, 2, 3, 7, 4))
    padding = np.array([[True] * 7, [True] * 4 + [False] * 3])[:, None, None]  # (B, 1, 1, S)
    pair = package_pair("attention")
    return [Case("attention", "padded keys", *pair, (q, k, v), {"mask": padding}),
            Case("attention", "causal", *pair, (q, k[:, :, :5], v[:, :, :5]), {"causal": True}),
            Case("attention", "causal and padded", *pair, (q, k[:, :, :5], v[:, :, :5]),
                 {"mask": padding[..., :5], "causal": True}),
            Case("attention", "nothing to attend to", *pair, (q, k, v),
                 {"mask": padding & np.array([[True], [False], [True], [True], [True]])})]


def _fresh(options):
    return {key: np.random.default_rng(value) if key == "rng" else value
            for key, value in options.items()}


def _run(half, function, arguments, options):
    """The function's answer; raises WrongHalf when it fails or changes an argument."""
    mine = copy.deepcopy((list(arguments), options))
    try:
        result = function(*mine[0], **_fresh(mine[1]))
    except Exception as error:  # a reader's function may fail in any way
        raise WrongHalf(half, f"it stops with {type(error).__name__}: {error}") from error
    for (_, before), (_, after) in zip(named_leaves([list(arguments), options], ""),
                                         named_leaves(list(mine), "")):
        if isinstance(before, np.ndarray) and not np.array_equal(before, after, equal_nan=True):
            raise WrongHalf(half, "it changes its argument: work on a copy")
    return result


def _expect_equal(half, given, expected, tolerance):
    given = {name: leaf for key, value in given.items() for name, leaf in named_leaves(value, key)}
    wanted = {name: leaf for key, value in expected.items()
              for name, leaf in named_leaves(value, key)}
    for name in wanted:
        if words := explain(name, given.get(name), wanted[name], {}, tolerance):
            raise WrongHalf(half, words)

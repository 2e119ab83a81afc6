"""What each check says of a faulty gradient. The measurement needs forward passes alone, and no
forward is ever faulty here, so that one measurement serves all faults.
"""

import functools
import math

import numpy as np

from minitransformer import models
from minitransformer.checks.layers import KEY_BIAS
from minitransformer.teaching.planted_faults.fault import planted
from minitransformer.teaching.planted_faults.whole import (
    BATCH,
    CONFIG,
    POINT,
    astype,
    fresh_params,
    random_params,
    whole_backward,
    whole_forward,
)
from minitransformer.tree import tree_items, tree_map, tree_norm

DLOSS = np.random.default_rng([0, 9]).normal()  # the probe: the loss is a single number
STEP = 1e-30


def loss_of(params):
    """The number that is differentiated: the loss times the probe."""
    loss, _ = whole_forward(params, batch=BATCH, config=CONFIG)
    return DLOSS * loss


def sum_of_logits(params):
    """What a probe of ones differentiates, in front of the loss."""
    logits, _ = models.encoder_decoder_forward(params, src=BATCH.src, tgt=BATCH.tgt, config=CONFIG,
                                               dropout_seed=(0, 1))
    return np.sum(logits)


def gradient_of_loss(params, fault=None):
    """What the backward claims, with the fault planted."""
    _, cache = whole_forward(params, batch=BATCH, config=CONFIG)
    with planted(fault):
        return whole_backward(DLOSS, cache)


def gradient_of_sum(params, fault=None):
    """The same for a probe of ones at the logits."""
    logits, cache = models.encoder_decoder_forward(
        params, src=BATCH.src, tgt=BATCH.tgt, config=CONFIG, dropout_seed=(0, 1))
    with planted(fault):
        return models.encoder_decoder_backward(np.ones_like(logits), cache)


def complex_derivatives(f, params):
    """d f / d theta for every entry, each by one complex forward pass: a tree like params."""
    return _one_by_one(params, complex, lambda moved, at, index: _complex(f, moved, at, index))


def central_derivatives(f, params, step):
    """The same by two real forward passes each, in the type of params."""
    def difference(moved, at, index):
        value = at[index]
        at[index] = value + step
        above = f(moved)
        at[index] = value - step
        below = f(moved)
        at[index] = value
        return (above - below) / (2 * step)
    return _one_by_one(params, None, difference)


def directional_derivative(f, params, direction):
    """d f / d h along the direction, a tree like params: one complex forward pass in all."""
    return f(tree_map(lambda w, u: w + 1j * STEP * u, params, direction)).imag / STEP


def random_direction(params, seed=0):
    """A tree of independent normal numbers, one for each parameter."""
    rng = np.random.default_rng([seed, 0xD1])
    return tree_map(lambda w: rng.normal(size=w.shape), params)


def along(gradient, direction):
    """The sum of gradient times direction over all parameters."""
    grads = dict(tree_items(gradient))
    return sum(float(np.sum(grads[name] * u)) for name, u in tree_items(direction))


def array_errors(claimed, measured):
    """{array: relative error}; a key's bias, zero in theory, is compared with the whole gradient.

    An array of another shape than its measurement has the error inf.
    """
    scale, errors = tree_norm(measured), {}
    claimed = dict(tree_items(claimed))
    for name, n in tree_items(measured):
        a = claimed[name]
        if np.shape(a) != n.shape:
            errors[name] = math.inf
        elif any(name.endswith(ending) for ending in KEY_BIAS):
            errors[name] = max(tree_norm(a), tree_norm(n)) / scale
        else:
            errors[name] = tree_norm(a - n) / ((tree_norm(a) + tree_norm(n)) or math.inf)
    return errors


def whole_error(claimed, measured):
    """The relative error of the whole gradient as one long vector; inf where shapes differ."""
    if any(np.shape(a) != np.shape(n) for (_, a), (_, n) in
           zip(tree_items(claimed), tree_items(measured))):
        return math.inf
    difference = tree_map(lambda a, n: a - n, claimed, measured)
    return tree_norm(difference) / (tree_norm(claimed) + tree_norm(measured))


def measurement(check, seed=POINT):
    """What a check measures: params, the function that a fault's gradient comes from, the tree of
    derivatives. seed draws the random parameters. Measured once, then remembered.
    """
    return _measured(check, seed)


@functools.cache
def _measured(check, seed):
    params = fresh_params() if check == "fresh" else random_params(seed)
    if check == "ones":
        return params, gradient_of_sum, complex_derivatives(sum_of_logits, params)
    if check == "central":
        return params, gradient_of_loss, central_derivatives(loss_of, params, 1e-5)
    if check == "float32":
        params = astype(params, np.float32)
        return params, gradient_of_loss, central_derivatives(loss_of, params, 1e-2)
    return params, gradient_of_loss, complex_derivatives(loss_of, params)


def worst_error(check, fault=None, seed=POINT):
    """The largest error of an array that a coordinate-wise check sees; inf where it stops.

    check: "complex", "central", "float32", "ones" or "fresh".
    """
    params, gradient, measured = measurement(check, seed)
    try:
        return max(array_errors(gradient(params, fault), measured).values())
    except ValueError:  # shapes that do not fit together
        return math.inf


def directional_error(fault=None, seed=0):
    """The relative error of the one number that the directional check compares."""
    params = random_params()
    direction = random_direction(params, seed)
    measured = directional_derivative(loss_of, params, direction)
    try:
        claimed = along(gradient_of_loss(params, fault), direction)
    except ValueError:
        return math.inf
    return abs(claimed - measured) / (abs(claimed) + abs(measured))


def shapes_differ(fault=None):
    """Whether a gradient has another shape than its parameter, or the backward stops."""
    params = random_params()
    try:
        grads = dict(tree_items(gradient_of_loss(params, fault)))
    except ValueError:
        return True
    return any(grads[name].shape != w.shape for name, w in tree_items(params))


def _complex(f, moved, at, index):
    value = at[index]
    at[index] = value + 1j * STEP
    derivative = f(moved).imag / STEP
    at[index] = value
    return derivative


def _one_by_one(params, dtype, derivative):
    moved = tree_map(lambda w: w.astype(dtype or w.dtype), params)  # a copy
    result = tree_map(lambda w: np.empty(w.shape), params)
    for (_, at), (_, out) in zip(tree_items(moved), tree_items(result)):
        for index in np.ndindex(at.shape):
            out[index] = derivative(moved, at, index)
    return result

"""Further exercises 1.F to 4.F: backwards of operations on arrays that no lesson contains."""

import math
from typing import NamedTuple

import numpy as np

from minitransformer.functional import softmax_forward
from minitransformer.teaching.exercise import call
from minitransformer.teaching.further.task import further_pair


class BilinearCache(NamedTuple):
    x: np.ndarray  # (N, D)
    a: np.ndarray  # (D, E)
    z: np.ndarray  # (N, E)


def bilinear_forward(x, a, z):
    """y_n = sum over d and e of x_nd a_de z_ne. x (N, D), a (D, E), z (N, E) -> y (N,), cache."""
    return np.sum((x @ a) * z, axis=-1), BilinearCache(x, a, z)              # (N,)


def bilinear_inputs(rng):
    yield call(rng.normal(size=(4, 3)), rng.normal(size=(3, 5)), rng.normal(size=(4, 5)))
    yield call(*(rng.normal(size=size).astype(np.float32) for size in ((3, 4), (4, 2), (3, 2))))


class TemperedSoftmaxCache(NamedTuple):
    x: np.ndarray            # (N, V)
    temperature: np.ndarray  # (1,)
    weights: np.ndarray      # (N, V)


def tempered_softmax_forward(x, temperature):
    """weights = softmax(x / temperature) of each row, one temperature for all.

    x (N, V), temperature (1,) -> weights (N, V), cache.
    """
    weights, _ = softmax_forward(x / temperature)                            # (N, V)
    return weights, TemperedSoftmaxCache(x, temperature, weights)


def tempered_softmax_inputs(rng):
    yield call(rng.normal(size=(4, 5)), rng.uniform(0.5, 2, size=1))
    yield call(3 * rng.normal(size=(2, 7)), rng.uniform(2, 3, size=1))
    yield call(rng.normal(size=(3, 4)).astype(np.float32),
               rng.uniform(0.5, 2, size=1).astype(np.float32))


class WeightedBagCache(NamedTuple):
    table: np.ndarray    # (V, D)
    weights: np.ndarray  # (B, T)
    ids: np.ndarray      # (B, T) int


def weighted_bag_forward(table, weights, *, ids):
    """y_b = sum over t of weights_bt table[ids_bt]: the rows of a sentence, weighed and added.

    table (V, D), weights (B, T), ids (B, T) int -> y (B, D), cache.
    """
    y = np.sum(weights[:, :, None] * table[ids], axis=1)                     # (B, D)
    return y, WeightedBagCache(table, weights, ids)


def weighted_bag_inputs(rng):
    yield call(rng.normal(size=(7, 3)), rng.normal(size=(2, 4)), ids=rng.integers(7, size=(2, 4)))
    repeated = np.array([[5, 1, 5, 5, 0], [1, 5, 1, 1, 1]])
    yield call(rng.normal(size=(6, 3)), rng.normal(size=(2, 5)), ids=repeated)
    yield call(rng.normal(size=(6, 4)).astype(np.float32),
               rng.normal(size=(2, 5)).astype(np.float32), ids=repeated)


class QuietAttentionCache(NamedTuple):
    q: np.ndarray        # (T, K)
    k: np.ndarray        # (S, K)
    v: np.ndarray        # (S, K)
    weights: np.ndarray  # (T, S)


def quiet_attention_forward(q, k, v):
    """One head that may keep silent: weights_ts = e^z_ts / (1 + sum over j of e^z_tj).

    out = weights v, z = q kᵀ / √K. A row's weights add up to less than 1: the 1 is one more key,
    of the score 0, whose value is 0. q (T, K), k and v (S, K) -> out (T, K), cache.
    """
    scores = q @ k.T / math.sqrt(q.shape[-1])                                # (T, S)
    highest = np.maximum(scores.real.max(axis=-1, keepdims=True), 0)         # (T, 1)
    powers = np.exp(scores - highest)                                        # (T, S)
    weights = powers / (np.exp(-highest) + powers.sum(axis=-1, keepdims=True))  # (T, S)
    return weights @ v, QuietAttentionCache(q, k, v, weights)


def quiet_attention_inputs(rng):
    yield call(rng.normal(size=(4, 3)), *rng.normal(size=(2, 6, 3)))
    yield call(2 * rng.normal(size=(5, 2)), *rng.normal(size=(2, 3, 2)))
    yield call(*(rng.normal(size=size).astype(np.float32) for size in ((4, 3), (5, 3), (5, 3))))


ARRAYS = (
    further_pair("1.F", "the backward of a bilinear form", 12, forward=bilinear_forward,
                 names="x a z", inputs=bilinear_inputs),
    further_pair("2.F", "a softmax with a temperature that learns", 12,
                 forward=tempered_softmax_forward, names="x temperature",
                 inputs=tempered_softmax_inputs),
    further_pair("3.F", "a bag of weighted rows", 12, forward=weighted_bag_forward,
                 names="table weights", inputs=weighted_bag_inputs),
    further_pair("4.F", "attention that may keep silent", 20, forward=quiet_attention_forward,
                 names="q k v", inputs=quiet_attention_inputs),
)

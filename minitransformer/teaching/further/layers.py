"""Further exercises 5.F to 8.F: backwards of variations on the layers."""

import math
from typing import NamedTuple

import numpy as np

from minitransformer.functional import softmax_forward
from minitransformer.layers.multi_head_attention import multi_head_attention_forward
from minitransformer.teaching.exercise import call
from minitransformer.teaching.further.task import further_pair


class MixedHeadsCache(NamedTuple):
    q: np.ndarray        # (H, T, K)
    k: np.ndarray        # (H, S, K)
    v: np.ndarray        # (H, S, K)
    mix: np.ndarray      # (H, H)
    scores: np.ndarray   # (H, T, S), before they are mixed
    weights: np.ndarray  # (H, T, S)


def mixed_heads_forward(q, k, v, mix):
    """Heads that hear each other: head g has the weights softmax(sum over h of scores_h mix_hg).

    scores_h = q_h k_hᵀ / √K. q (H, T, K), k and v (H, S, K), mix (H, H) -> out (H, T, K), cache.
    """
    scores = q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1])                 # (H, T, S)
    mixed = np.einsum("hts,hg->gts", scores, mix)                            # (H, T, S)
    weights, _ = softmax_forward(mixed)                                      # (H, T, S)
    return weights @ v, MixedHeadsCache(q, k, v, mix, scores, weights)


def mixed_heads_inputs(rng):
    yield call(rng.normal(size=(3, 4, 2)), *rng.normal(size=(2, 3, 5, 2)), rng.normal(size=(3, 3)))
    yield call(*(rng.normal(size=size).astype(np.float32)
                 for size in ((2, 3, 4), (2, 5, 4), (2, 5, 4), (2, 2))))


class GroupNormCache(NamedTuple):
    x: np.ndarray           # (N, D)
    gain: np.ndarray        # (D,)
    bias: np.ndarray        # (D,)
    n_groups: int
    normalized: np.ndarray  # (N, D)
    std: np.ndarray         # (N, n_groups, 1)


def group_norm_forward(x, gain, bias, *, n_groups):
    """Each row is cut into n_groups equal parts, and each part is normalized for itself.

    y = gain * (x - mean) / sqrt(variance + 1e-5) + bias, mean and variance over the part that x
    stands in. x (N, D), gain and bias (D,) -> y (N, D), cache.
    """
    parts = x.reshape(len(x), n_groups, -1)                                  # (N, G, D / G)
    centered = parts - parts.mean(axis=-1, keepdims=True)                    # (N, G, D / G)
    std = np.sqrt(np.mean(centered * centered, axis=-1, keepdims=True) + 1e-5)  # (N, G, 1)
    normalized = (centered / std).reshape(x.shape)                           # (N, D)
    return normalized * gain + bias, GroupNormCache(x, gain, bias, n_groups, normalized, std)


def group_norm_inputs(rng):
    for n_groups, size, dtype in ((2, (3, 8), float), (3, (2, 12), float), (2, (3, 6), np.float32)):
        x, gain, bias = rng.normal(size=size), *rng.normal(size=(2, size[1]))
        yield call(*(array.astype(dtype) for array in (x, gain, bias)), n_groups=n_groups)


class HighwayCache(NamedTuple):
    x: np.ndarray       # (B, T, D)
    branch: np.ndarray  # (B, T, D)
    gate: np.ndarray    # (D,)
    share: np.ndarray   # (D,), between 0 and 1


def highway_forward(x, branch, gate):
    """y = share * x + (1 - share) * branch, with share = 1 / (1 + e^-gate): a skip path with a tap.

    x and branch (B, T, D), gate (D,) -> y (B, T, D), cache.
    """
    share = 1 / (1 + np.exp(-gate))                                          # (D,)
    return share * x + (1 - share) * branch, HighwayCache(x, branch, gate, share)


def highway_inputs(rng):
    yield call(*rng.normal(size=(2, 2, 3, 5)), rng.normal(size=5))
    yield call(*rng.normal(size=(2, 3, 1, 4)).astype(np.float32),
               rng.normal(size=4).astype(np.float32))


class TwoMemoriesCache(NamedTuple):
    params: dict             # of multi-head attention, without biases
    x: np.ndarray            # (B, T, D)
    memory_a: np.ndarray     # (B, S, D)
    memory_b: np.ndarray     # (B, R, D)
    n_heads: int
    reading_a: NamedTuple    # the caches of the two attentions
    reading_b: NamedTuple


def two_memories_forward(params, x, memory_a, memory_b, *, n_heads):
    """y = attention of x to memory_a + attention of x to memory_b, with the same parameters.

    params: as multi_head_attention_init makes them, without biases; x (B, T, D), memory_a
    (B, S, D), memory_b (B, R, D) -> y (B, T, D), cache.
    """
    a, reading_a = multi_head_attention_forward(params, x, memory_a, n_heads=n_heads)  # (B, T, D)
    b, reading_b = multi_head_attention_forward(params, x, memory_b, n_heads=n_heads)  # (B, T, D)
    return a + b, TwoMemoriesCache(params, x, memory_a, memory_b, n_heads, reading_a, reading_b)


def two_memories_inputs(rng):
    for n_heads, D in ((2, 4), (3, 6)):
        params = {name: {"w": rng.normal(size=(D, D))} for name in ("q", "k", "v", "out")}
        yield call(params, rng.normal(size=(2, 3, D)), rng.normal(size=(2, 5, D)),
                   rng.normal(size=(2, 4, D)), n_heads=n_heads)


LAYERS = (
    further_pair("5.F", "heads that hear each other", 20, forward=mixed_heads_forward,
                 names="q k v mix", inputs=mixed_heads_inputs),
    further_pair("6.F", "normalizing in groups", 15, forward=group_norm_forward,
                 names="x gain bias", inputs=group_norm_inputs),
    further_pair("7.F", "a skip path with a tap", 12, forward=highway_forward,
                 names="x branch gate", inputs=highway_inputs),
    further_pair("8.F", "one decoder layer, two memories", 15, forward=two_memories_forward,
                 names="params x memory_a memory_b", inputs=two_memories_inputs),
)

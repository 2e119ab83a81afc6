"""Exhibits of lesson 21: a sum not shrunk, a maximum from zero, a mask that is drawn anew."""

import math
from typing import NamedTuple

import numpy as np

from minitransformer.functional import (
    dropout_backward, dropout_forward, linear_backward, linear_forward)
from minitransformer.teaching.exercise import call
from minitransformer.teaching.museum import Exhibit
from minitransformer.variants import BlockwiseAttentionCache, blockwise_attention_backward
from minitransformer.variants.blockwise_attention import Tiles


def forward_with_unshrunk_total(q, k, v, *, block_size, score_bias=None):
    tiles = Tiles((*q.shape[:3], k.shape[2]), block_size, None, False, score_bias)
    bias = 0 if score_bias is None else score_bias
    highest, total, row = np.full((*q.shape[:3], 1), -np.inf), 0, np.zeros_like(q)
    for keys in tiles.keys(slice(0, q.shape[2])):
        scores = q @ k[:, :, keys].swapaxes(-1, -2) / math.sqrt(q.shape[-1]) + bias
        before = highest
        highest = np.maximum(before, np.max(scores.real, axis=-1, keepdims=True))
        probs = np.exp(scores - highest)
        total = total + np.sum(probs, axis=-1, keepdims=True)          # total was not shrunk
        row = row * np.exp(before - highest) + probs @ v[:, :, keys]
    out = row / total
    return out, BlockwiseAttentionCache(q, k, v, out, highest + np.log(total), tiles)


def forward_with_maximum_from_zero(q, k, v, *, block_size, score_bias=None):
    tiles = Tiles((*q.shape[:3], k.shape[2]), block_size, None, False, score_bias)
    bias = 0 if score_bias is None else score_bias
    highest, total, row = np.zeros((*q.shape[:3], 1)), 0, np.zeros_like(q)  # zeros, not -inf
    for keys in tiles.keys(slice(0, q.shape[2])):
        scores = q @ k[:, :, keys].swapaxes(-1, -2) / math.sqrt(q.shape[-1]) + bias
        before = highest
        highest = np.maximum(before, np.max(scores.real, axis=-1, keepdims=True))
        probs, shrink = np.exp(scores - highest), np.exp(before - highest)
        total = total * shrink + np.sum(probs, axis=-1, keepdims=True)
        row = row * shrink + probs @ v[:, :, keys]
    out = row / total
    return out, BlockwiseAttentionCache(q, k, v, out, highest + np.log(total), tiles)


class KeptInput(NamedTuple):
    x: np.ndarray                  # (N, D)
    w: np.ndarray                  # (D, E)
    rate: float
    rng: np.random.Generator       # which has moved on


def recomputed_forward(x, w, *, rate, seed):
    """dropout(x w), of which only the input is kept: x (N, D), w (D, E) -> (N, E), cache."""
    rng = np.random.default_rng(seed)
    out, _ = dropout_forward(x @ w, rate=rate, rng=rng)                # (N, E)
    return out, KeptInput(x, w, rate, rng)


def backward_with_another_mask(dout, cache):
    y, linear = linear_forward(cache.x, cache.w)                       # the forward, once more
    _, dropout = dropout_forward(y, rate=cache.rate, rng=cache.rng)    # the generator's next mask
    dy = dropout_backward(dout, dropout)
    dx, dw, _ = linear_backward(dy, linear)
    return dx, dw


def backward_with_the_same_mask(dout, cache, seed=4):
    """What is right, where the seed is known: dout (N, E) -> dx (N, D), dw (D, E)."""
    return backward_with_another_mask(dout, cache._replace(rng=np.random.default_rng(seed)))


def heads(rng):
    q, k, v = (rng.normal(size=(2, 3, n, 4)) for n in (5, 7, 7))
    return call(2 * q, k, v, block_size=3)


EXHIBITS = (
    Exhibit(
        "unshrunk_total", "21", "a sum that is not shrunk when a higher score comes",
        forward=forward_with_unshrunk_total,
        backward=blockwise_attention_backward,
        fault=forward_with_unshrunk_total,
        inputs=heads,
        breaks="where a later tile holds a row's highest score, the terms of the tiles before "
               "count too much in the denominator: the weights add up to less than 1. With one "
               "tile nothing is wrong.",
        caught_by=("the gradient check", "a check with dout = ones", "another tile size"),
        missed_by=("a look at the shapes", "a falling loss", "all scores lower by 2000"),
    ),
    Exhibit(
        "maximum_from_zero", "21", "a maximum that starts at zero",
        forward=forward_with_maximum_from_zero,
        backward=blockwise_attention_backward,
        fault=forward_with_maximum_from_zero,
        inputs=heads,
        breaks="nothing, until all scores of a row lie far below zero. Then every exponential is "
               "rounded to 0, and the output is 0 / 0.",
        caught_by=("all scores lower by 2000",),
        missed_by=("the gradient check", "a check with dout = ones", "a look at the shapes",
                   "a falling loss", "another tile size"),
    ),
    Exhibit(
        "mask_drawn_anew", "21", "a recomputed layer that draws another dropout mask",
        forward=recomputed_forward,
        backward=backward_with_another_mask,
        fault=backward_with_another_mask,
        inputs=lambda rng: call(rng.normal(size=(6, 4)), rng.normal(size=(4, 5)), rate=0.2, seed=4),
        breaks="entries that were dropped get a gradient, and some that were kept get none. Where "
               "both masks keep an entry, or drop it, all is right.",
        caught_by=("the gradient check", "a check with dout = ones"),
        missed_by=("a look at the shapes", "a falling loss"),
    ),
)

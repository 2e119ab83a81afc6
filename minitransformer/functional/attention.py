"""Scaled dot-product attention, for any number of heads."""

import math
from typing import NamedTuple

import numpy as np

from minitransformer.functional.mask import causal_mask
from minitransformer.functional.softmax import SoftmaxCache, softmax_backward, softmax_forward
from minitransformer.shapes import expect_broadcastable, expect_shape


class AttentionCache(NamedTuple):
    q: np.ndarray        # (B, H, T, K)
    k: np.ndarray        # (B, G, S, K)
    v: np.ndarray        # (B, G, S, K)
    weights: np.ndarray  # (B, H, T, S): rows of probabilities, or zeros


def attention_forward(q, k, v, *, mask=None, causal=False, score_bias=None):
    """out = softmax(q kᵀ / sqrt(K) + score_bias) v, the softmax over the S keys.

    q (B, H, T, K), k and v (B, G, S, K) -> out (B, H, T, K), cache. H is a multiple of G: query
    head h uses key/value head h // (H / G). mask: bool, broadcasts to (B, H, T, S), True = may
    attend; causal=True lets query t see keys up to t + (S - T); score_bias broadcasts likewise.
    A query that may attend to nothing gives zeros. Raises ValueError for shapes that do not fit or
    S = 0, TypeError for a mask that is not boolean. Source: Vaswani et al. 2017, eq. 1.
    """
    expect_shape("q", q, "B H T K")
    B, H, T, K = q.shape
    expect_shape("k", k, "B G S K", B=B, K=K)
    expect_shape("v", v, "B G S K", B=B, G=k.shape[1], S=k.shape[2], K=K)
    G, S = k.shape[1:3]
    if S == 0:
        raise ValueError("k and v hold no keys (S = 0): attention needs at least one")
    if not G or H % G:
        raise ValueError(f"{H} query heads cannot share {G} key/value heads: {H} is no multiple")
    allowed = _allowed(mask, causal, (B, H, T, S))                      # (..., T, S) or None

    # Heads that share keys stand one under the other, as if they were more queries of one head.
    R = H // G * T                                                      # rows of queries a group
    scores = q.reshape(B, G, R, K) @ k.swapaxes(-1, -2)                 # (B, G, R, S)
    scores = scores.reshape(B, H, T, S)                                 # (B, H, T, S)
    scores *= 1 / math.sqrt(K)                                          # (B, H, T, S)
    if score_bias is not None:
        expect_broadcastable("score_bias", score_bias, "B H T S", (B, H, T, S))
        scores += np.asarray(score_bias).astype(scores.real.dtype)      # (B, H, T, S)
    if allowed is not None:
        # -inf, not a large negative number: exp must give exactly 0, whatever the other scores.
        np.copyto(scores, -np.inf, where=~allowed)                      # (B, H, T, S)
        empty = ~np.any(allowed, axis=-1, keepdims=True)                # (..., T, 1)
        np.copyto(scores, 0.0, where=empty)  # a row of -inf would give NaN
    weights, _ = softmax_forward(scores)                                # (B, H, T, S)
    if allowed is not None and np.any(empty):
        weights = np.where(empty, 0, weights)                           # (B, H, T, S)
    out = weights.reshape(B, G, R, S) @ v                               # (B, G, R, K)
    return out.reshape(B, H, T, K), AttentionCache(q, k, v, weights)


# Backwards through out = weights v, weights = softmax(scores), scores = q kᵀ / sqrt(K), per head:
#     dv = weightsᵀ dout,   dweights = dout vᵀ
#     dscores = weights * (dweights - rowsum(dweights * weights))    [softmax.dx]
#     dq = dscores k / sqrt(K),   dk = dscoresᵀ q / sqrt(K)
# A masked key has weight 0, so dscores is 0 there: the mask needs no line of its own, and neither
# does a query with nothing to attend to. Heads that share a key/value head add their dk and dv.
def attention_backward(dout, cache):
    """dout (B, H, T, K) -> dq (B, H, T, K), dk (B, G, S, K), dv (B, G, S, K)."""
    q, k, v, weights = cache
    B, G, S, K = k.shape
    R = q.shape[1] // G * q.shape[2]                         # rows of queries a group: H / G * T
    q_rows = q.reshape(B, G, R, K)                           # (B, G, R, K)
    dout_rows = dout.reshape(B, G, R, K)                     # (B, G, R, K)
    weights_rows = weights.reshape(B, G, R, S)               # (B, G, R, S)
    dv = weights_rows.swapaxes(-1, -2) @ dout_rows           # (B, G, S, K) [attention.dv]
    dweights = dout_rows @ v.swapaxes(-1, -2)                # (B, G, R, S)
    dscores = softmax_backward(dweights, SoftmaxCache(weights_rows))  # (B, G, R, S)
    scale = 1 / math.sqrt(K)
    dk = dscores.swapaxes(-1, -2) @ q_rows * scale           # (B, G, S, K) [attention.dk]
    dq = dscores @ k * scale                                 # (B, G, R, K) [attention.dq]
    return dq.reshape(q.shape), dk, dv


def _allowed(mask, causal, shape):
    """mask and causality as one boolean array that broadcasts to shape, or None."""
    if mask is not None:
        mask = np.asarray(mask)
        if mask.dtype != bool:
            raise TypeError(f"mask must be boolean (True = may attend), got {mask.dtype}")
        expect_broadcastable("mask", mask, "B H T S", shape)
    if not causal:
        return mask
    triangle = causal_mask(*shape[2:])                                  # (T, S)
    return triangle if mask is None else mask & triangle                # (..., T, S)

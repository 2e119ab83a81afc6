"""Exhibits of lesson 11, all in decoding: places from zero, beams not reordered, late temperature.

The pairs beside them are right: training never runs what is wrong here.
"""

from typing import NamedTuple

import numpy as np

from minitransformer.functional import (
    attention_backward, attention_forward, sinusoidal_positions, softmax_backward, softmax_forward)
from minitransformer.kv_cache import KvCache
from minitransformer.teaching.exercise import call
from minitransformer.teaching.museum import Exhibit


def placed_attention_forward(x):
    """Tokens with their places added look back: x (B, H, T, K) -> out (B, H, T, K), cache."""
    placed = x + sinusoidal_positions(*x.shape[2:])                # (B, H, T, K)
    return attention_forward(placed, placed, placed, causal=True)


def placed_attention_backward(dout, cache):
    """dout (B, H, T, K) -> dx: x was used three times."""
    return sum(attention_backward(dout, cache))


def decode_places_from_zero(x):
    kv_cache, outs = KvCache(), []
    for t in range(x.shape[2]):
        new = x[:, :, t:t + 1]                                     # (B, H, 1, K)
        placed = new + sinusoidal_positions(*new.shape[2:])        # its row is that of place 0
        k, v = kv_cache.extend(placed, placed)
        outs.append(attention_forward(placed, k, v)[0])
    return np.concatenate(outs, axis=2)                            # (B, H, T, K)


class LineageCache(NamedTuple):
    attention: NamedTuple
    at: tuple  # where each row's past stands: indices of rows, heads and steps


def lineage_forward(q, k, v, *, parents):
    """N hypotheses, each asking its own past: q (N, H, 1, K), k and v (N, H, T, K) -> (N, H, 1, K).

    k[n, :, t] was made in row n at step t. Row n of step t went on from row parents[t, n] of the
    step before.
    """
    N, H, T, _ = k.shape
    line = np.empty((T, N), int)                                   # line[t, n]: n's row at step t
    line[-1] = np.arange(N)
    for t in range(T - 1, 0, -1):
        line[t - 1] = parents[t][line[t]]
    at = line.T[:, None], np.arange(H)[:, None], np.arange(T)      # together (N, H, T)
    out, cache = attention_forward(q, k[at], v[at])                # (N, H, 1, K)
    return out, LineageCache(cache, at)


def lineage_backward(dout, cache):
    """dout (N, H, 1, K) -> dq, dk, dv: a token that several hypotheses share gets the sum."""
    dq, dk_past, dv_past = attention_backward(dout, cache.attention)
    dk, dv = np.zeros_like(dk_past), np.zeros_like(dv_past)        # (N, H, T, K) each
    np.add.at(dk, cache.at, dk_past)
    np.add.at(dv, cache.at, dv_past)
    return dq, dk, dv


def decode_without_reordering(q, k, v, *, parents):
    kv_cache = KvCache()
    for t in range(k.shape[2]):
        # kv_cache.reorder(parents[t]) is forgotten
        kv_cache.extend(k[:, :, t:t + 1], v[:, :, t:t + 1])
    return attention_forward(q, kv_cache.k, kv_cache.v)[0]


class TemperedCache(NamedTuple):
    softmax: NamedTuple
    temperature: float


def tempered_softmax_forward(logits, *, temperature):
    probs, cache = softmax_forward(logits / temperature)
    return probs, TemperedCache(cache, temperature)


def tempered_softmax_backward(dout, cache):
    return softmax_backward(dout, cache.softmax) / cache.temperature


def draw_with_late_temperature(logits, *, temperature):
    probs, _ = softmax_forward(logits)
    probs = probs / temperature                                    # each by the same number
    return probs / np.sum(probs, axis=-1, keepdims=True)           # ... which the sum takes out


EXHIBITS = (
    Exhibit(
        "places_from_zero", "11", "a cache in which every token stands at place 0",
        forward=placed_attention_forward,
        backward=placed_attention_backward,
        fault=decode_places_from_zero,
        decode=decode_places_from_zero,
        inputs=lambda rng: call(rng.normal(size=(2, 3, 5, 4))),
        breaks="from the second token on, the model reads words without an order. What it writes "
               "begins well and goes astray, as that of a badly trained model does.",
        caught_by=("the full forward beside it",),
        missed_by=("the first token alone", "the gradient check", "a look at the shapes",
                   "a falling loss"),
    ),
    Exhibit(
        "beams_not_reordered", "11", "a beam whose caches are not reordered",
        forward=lineage_forward,
        backward=lineage_backward,
        fault=decode_without_reordering,
        decode=decode_without_reordering,
        inputs=lambda rng: call(rng.normal(size=(3, 2, 1, 4)), *rng.normal(size=(2, 3, 2, 5, 4)),
                                parents=np.array([[0, 1, 2], [0, 0, 1], [2, 0, 0], [1, 1, 0],
                                                  [0, 2, 2]])),
        breaks="a hypothesis goes on from another one's keys and values. Its log-probability is "
               "no longer that of its own words.",
        caught_by=("the full forward beside it",),
        missed_by=("a beam of one", "the gradient check", "a look at the shapes",
                   "a falling loss"),
    ),
    Exhibit(
        "late_temperature", "11", "a temperature after the softmax",
        forward=tempered_softmax_forward,
        backward=tempered_softmax_backward,
        fault=draw_with_late_temperature,
        decode=draw_with_late_temperature,
        inputs=lambda rng: call(rng.normal(size=(3, 5)), temperature=0.7),
        breaks="nothing happens at all: every temperature gives the text of temperature 1.",
        caught_by=("half the temperature", "the full forward beside it"),
        missed_by=("probabilities that add up to 1", "a temperature of 1", "the gradient check",
                   "a falling loss"),
    ),
)

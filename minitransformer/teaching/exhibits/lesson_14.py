"""Exhibits of lesson 14: a gradient turned on, mixed pairs, a group's gradient overwritten."""

from typing import NamedTuple

import numpy as np

from minitransformer.functional import attention_backward, attention_forward
from minitransformer.functional.attention import AttentionCache
from minitransformer.teaching.exercise import call
from minitransformer.teaching.museum import Exhibit
from minitransformer.variants import rotary_backward, rotary_forward


class TurnedCache(NamedTuple):
    q: NamedTuple
    k: NamedTuple
    attention: NamedTuple


def turned_attention_forward(q, k, v, *, positions):
    """Causal attention over turned queries and keys: q, k, v (B, H, T, K) -> out, cache."""
    q, q_turn = rotary_forward(q, positions=positions)             # (B, H, T, K)
    k, k_turn = rotary_forward(k, positions=positions)             # (B, H, T, K)
    out, attention = attention_forward(q, k, v, causal=True)       # (B, H, T, K)
    return out, TurnedCache(q_turn, k_turn, attention)


def turned_attention_backward(dout, cache):
    """dout (B, H, T, K) -> dq, dk, dv, the same shape each."""
    dq, dk, dv = attention_backward(dout, cache.attention)
    return rotary_backward(dq, cache.q), rotary_backward(dk, cache.k), dv


def backward_turned_on(dout, cache):
    dq, dk, dv = attention_backward(dout, cache.attention)
    forward_again = [c._replace(sin=-c.sin) for c in (cache.q, cache.k)]
    dq, dk = (rotary_backward(d, c) for d, c in zip((dq, dk), forward_again))  # the forward's way
    return dq, dk, dv


def mixed_pairs_forward(q, k, v, *, positions):
    q, q_turn = rotary_forward(q, positions=positions)             # pairs 2i, 2i + 1
    k, k_turn = rotary_forward(k, positions=positions, interleaved=False)  # pairs i, i + K / 2
    out, attention = attention_forward(q, k, v, causal=True)
    return out, TurnedCache(q_turn, k_turn, attention)


def backward_overwriting_groups(dout, cache):
    q, k, v, weights = cache
    share = q.shape[1] // k.shape[1]                               # query heads a group
    dq, dk, dv = np.empty_like(q), np.zeros_like(k), np.zeros_like(v)
    for h in range(q.shape[1]):
        g = h // share
        head = AttentionCache(*(x[:, i:i + 1] for x, i in zip((q, k, v, weights), (h, g, g, h))))
        gradients = attention_backward(dout[:, h:h + 1], head)
        dq[:, h], dk[:, g], dv[:, g] = (d[:, 0] for d in gradients)  # = where += belongs
    return dq, dk, dv


def turned_inputs(rng):
    return call(*(rng.normal(size=(2, 3, 5, 4)) for _ in range(3)), positions=np.arange(5))


EXHIBITS = (
    Exhibit(
        "turned_on", "14", "a gradient that is turned on, instead of back",
        forward=turned_attention_forward,
        backward=backward_turned_on,
        fault=backward_turned_on,
        inputs=turned_inputs,
        breaks="every gradient of a query or a key has the right length and, but for place 0, the "
               "wrong direction, the wronger the further into the text. dv is right.",
        caught_by=("the gradient check", "a check with dout = ones"),
        missed_by=("a look at the shapes", "a falling loss"),
    ),
    Exhibit(
        "mixed_pairs", "14", "two conventions of pairing in one model",
        forward=mixed_pairs_forward,
        backward=turned_attention_backward,
        fault=mixed_pairs_forward,
        inputs=turned_inputs,
        breaks="the score of two tokens depends on where they stand, and no longer on their "
               "distance alone. The gradients are right, for a function that nobody wanted.",
        caught_by=("shifted places",),
        missed_by=("the gradient check", "a check with dout = ones", "a look at the shapes",
                   "a changed future token with small scores", "a falling loss"),
    ),
    Exhibit(
        "overwritten_group", "14", "a group's gradient overwritten by its last head",
        forward=attention_forward,
        backward=backward_overwriting_groups,
        fault=backward_overwriting_groups,
        inputs=lambda rng: call(rng.normal(size=(2, 6, 5, 4)), rng.normal(size=(2, 3, 7, 4)),
                                rng.normal(size=(2, 3, 7, 4))),
        breaks="keys and values learn from one query head of each group; what the others need is "
               "lost. With as many key/value heads as query heads, nothing is wrong.",
        caught_by=("the gradient check", "a check with dout = ones"),
        missed_by=("a look at the shapes", "a falling loss"),
    ),
)

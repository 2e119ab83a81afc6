"""Exhibit of lesson 04: a mask with a large number instead of infinity."""

import math

import numpy as np

from minitransformer.functional import attention_backward, causal_mask, softmax_forward
from minitransformer.functional.attention import AttentionCache
from minitransformer.teaching.exercise import call
from minitransformer.teaching.museum import Exhibit


def attention_forward_with_finite_mask(q, k, v):
    scores = q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1])       # (B, H, T, T)
    allowed = causal_mask(*scores.shape[-2:])                      # (T, T)
    scores = np.where(allowed, scores, -1e4)                       # -1e4 instead of -inf
    weights, _ = softmax_forward(scores)                           # (B, H, T, T)
    return weights @ v, AttentionCache(q, k, v, weights)


EXHIBITS = (
    Exhibit(
        "finite_mask", "04", "a finite mask value that lets the model cheat",
        forward=attention_forward_with_finite_mask,
        backward=attention_backward,
        fault=attention_forward_with_finite_mask,
        inputs=lambda rng: call(*(rng.normal(size=(2, 3, 5, 4)) for _ in range(3))),
        breaks="a query whose allowed scores fall below -10,000 attends to the future instead. "
               "With smaller scores nothing shows: e^-10000 is rounded to 0.",
        caught_by=("a changed future token with scores of any size",),
        missed_by=("the gradient check", "a check with dout = ones",
                   "a changed future token with small scores", "a falling loss"),
    ),
)

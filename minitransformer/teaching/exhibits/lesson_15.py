"""Exhibits of lesson 15: two ways in which padding leaks into an answer."""

import numpy as np

from minitransformer.functional import attention_backward, attention_forward
from minitransformer.teaching.exercise import call
from minitransformer.teaching.museum import Exhibit
from minitransformer.variants import mean_pooling_backward, mean_pooling_forward

REAL = np.array([[True] * 4, [True, True, False, False], [True, True, True, False]])  # (B, T)


def mean_over_padding(x, *, mask):
    return mean_pooling_forward(x)                                # and mask is never used


def attention_over_padding(x, *, mask):
    q = k = v = x[:, None]                                        # (B, 1, T, D)
    out, attention = attention_forward(q, k, v)                   # and no mask is given
    pooled, pooling = mean_pooling_forward(out[:, 0], mask=mask)  # (B, D), and here it is
    return pooled, (attention, pooling)


def attention_over_padding_backward(dout, caches):
    attention, pooling = caches
    dattended = mean_pooling_backward(dout, pooling)[:, None]     # (B, 1, T, D)
    dq, dk, dv = attention_backward(dattended, attention)         # (B, 1, T, D) each
    return (dq + dk + dv)[:, 0]                                   # (B, T, D)


def padded_inputs(rng):
    """A draw first: x would be the check's own probe otherwise, drawn with the same seed."""
    rng.normal(size=5)
    return call(rng.normal(size=(3, 4, 5)), mask=REAL)


EXHIBITS = (
    Exhibit(
        "mean_over_padding", "15", "a mean over padding",
        forward=mean_over_padding,
        backward=mean_pooling_backward,
        fault=mean_over_padding,
        inputs=padded_inputs,
        breaks="a short sequence's vector is mixed with what the blocks have made of its padding, "
               "the more the longer its neighbours in the batch are. The backward belongs to the "
               "forward, so every gradient is right: those of the wrong function.",
        caught_by=("changed padding",),
        missed_by=("the gradient check", "a check with dout = ones", "a look at the shapes",
                   "a falling loss"),
    ),
    Exhibit(
        "attention_over_padding", "15", "attention over padding",
        forward=attention_over_padding,
        backward=attention_over_padding_backward,
        fault=attention_over_padding,
        inputs=padded_inputs,
        breaks="the mean is over real tokens, but these have looked at the padding before. It "
               "takes a share of every softmax, so an answer depends on the length of the batch.",
        caught_by=("changed padding",),
        missed_by=("the gradient check", "a check with dout = ones", "a look at the shapes",
                   "a falling loss"),
    ),
)

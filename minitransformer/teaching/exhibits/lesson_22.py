"""Exhibits of lesson 22: one scale for all, codes cut off, not rounded, and a bias that stays."""

import numpy as np

from minitransformer.layers import (
    multi_head_attention_backward, multi_head_attention_forward, multi_head_attention_init)
from minitransformer.teaching.exercise import call
from minitransformer.teaching.museum import Exhibit
from minitransformer.tree import tree_map


def one_scale(w):
    scale = np.max(np.abs(w)) / 127                 # one step for the whole matrix
    return np.rint(w / scale).astype(np.int8), scale


def truncated_codes(w):
    scale = np.max(np.abs(w), axis=0) / 127         # (E,)
    return (w / scale).astype(np.int8), scale       # astype cuts off; it does not round


def silence_the_input(params, head, n_heads):
    """Zeros in the head's weights of q, k and v: it hears nothing of x any more."""
    K = params["q"]["w"].shape[1] // n_heads
    mine = slice(head * K, (head + 1) * K)
    silent = tree_map(np.copy, params)
    for name in "qkv":
        silent[name]["w"][:, mine] = 0              # and its bias?
    return silent


def product_of(quantize):
    """The forward x (N, D), w (D, E) -> x ŵ (N, E) with w as quantize stores it."""
    def forward(x, *, w):
        codes, scale = quantize(w)
        return (x @ codes) * scale, codes * scale
    return forward


def product_backward(dout, stored):
    return dout @ stored.T


def forward_with_silent_input(x, *, params, n_heads, head):
    return multi_head_attention_forward(silence_the_input(params, head, n_heads), x,
                                        n_heads=n_heads)


def backward_for_x(dout, cache):
    return multi_head_attention_backward(dout, cache)[1]


def product(rng):
    return call(rng.normal(size=(6, 4)),
                w=rng.normal(size=(4, 5)) * np.array([1, 0.1, 2, 0.3, 1]))


def attention(rng, size=1.0):
    params = tree_map(lambda x: rng.normal(0, size, x.shape),
                      multi_head_attention_init(rng, d_model=6, dtype=np.float64))
    return call(rng.normal(size=(2, 4, 6)), params=params, n_heads=3, head=1)


EXHIBITS = (
    Exhibit(
        "one_scale", "22", "one scale for the whole matrix",
        forward=product_of(one_scale), backward=product_backward, fault=one_scale,
        inputs=product,
        breaks="the largest weight of all sets the step of all. One outlier, and the columns of "
               "small weights are rounded to a handful of values, or to nothing but zeros.",
        caught_by=("an outlier in another column", "half a step"),
        missed_by=("the gradient check", "a check with dout = ones", "a look at the shapes",
                   "a falling loss"),
    ),
    Exhibit(
        "truncated_codes", "22", "codes that are cut off in place of rounded",
        forward=product_of(truncated_codes), backward=product_backward, fault=truncated_codes,
        inputs=product,
        breaks="every weight is moved towards 0, by half a step on average. Such errors have one "
               "direction, so they do not cancel in a sum.",
        caught_by=("half a step",),
        missed_by=("the gradient check", "a check with dout = ones", "a look at the shapes",
                   "a falling loss", "an outlier in another column"),
    ),
    Exhibit(
        "speaking_bias", "22", "a pruned head whose bias still speaks",
        forward=forward_with_silent_input, backward=backward_for_x, fault=silence_the_input,
        inputs=attention, training_inputs=lambda rng: attention(rng, 0.5),
        breaks="without weights the head's values are its bias, the same for every token, and the "
               "output projection passes them on. The head is not gone, it is stuck; cut it for "
               "real, and the outputs are others than those that were measured.",
        caught_by=("other numbers in the cut head",),
        missed_by=("the gradient check", "a check with dout = ones", "a look at the shapes",
                   "a falling loss"),
    ),
)

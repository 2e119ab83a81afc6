"""Exhibits of lesson 07: one mask for two sites, a forgotten skip path, a shared array changed."""

from typing import NamedTuple

from minitransformer.functional import (
    dropout_backward,
    dropout_forward,
    dropout_rng,
    linear_backward,
    linear_forward,
    relu_backward,
    relu_forward,
    residual_backward,
    residual_forward,
)
from minitransformer.teaching.exercise import call
from minitransformer.teaching.museum import Exhibit


class SmallBlockCache(NamedTuple):
    dropout_in: NamedTuple
    up: NamedTuple
    relu: NamedTuple
    down: NamedTuple
    dropout_out: NamedTuple
    residual: NamedTuple


def small_block_forward(x, up, down, *, rate, dropout_key):
    """out = x + dropout(relu(dropout(x) up) down): x (N, D), up (D, F), down (F, D)."""
    inside, c1 = dropout_forward(x, rate=rate, rng=dropout_rng(dropout_key, 0))       # (N, D)
    hidden, c2 = linear_forward(inside, up)                                           # (N, F)
    active, c3 = relu_forward(hidden)                                                 # (N, F)
    branch, c4 = linear_forward(active, down)                                         # (N, D)
    branch, c5 = dropout_forward(branch, rate=rate, rng=dropout_rng(dropout_key, 1))  # (N, D)
    out, c6 = residual_forward(x, branch)                                             # (N, D)
    return out, SmallBlockCache(c1, c2, c3, c4, c5, c6)


def small_block_backward(dout, cache):
    """dout (N, D) -> dx (N, D), dup (D, F), ddown (F, D)."""
    dx_skip, dbranch = residual_backward(dout, cache.residual)
    dbranch = dropout_backward(dbranch, cache.dropout_out)
    dactive, ddown, _ = linear_backward(dbranch, cache.down)
    dhidden = relu_backward(dactive, cache.relu)
    dinside, dup, _ = linear_backward(dhidden, cache.up)
    dx = dx_skip + dropout_backward(dinside, cache.dropout_in)
    return dx, dup, ddown


def backward_with_one_mask(dout, cache):
    last_mask = cache.dropout_out                                 # all that one object remembers
    dx_skip, dbranch = residual_backward(dout, cache.residual)
    dbranch = dropout_backward(dbranch, last_mask)
    dactive, ddown, _ = linear_backward(dbranch, cache.down)
    dhidden = relu_backward(dactive, cache.relu)
    dinside, dup, _ = linear_backward(dhidden, cache.up)
    dx = dx_skip + dropout_backward(dinside, last_mask)             # the other site's mask
    return dx, dup, ddown


def backward_without_skip(dout, cache):
    dx_skip, dbranch = residual_backward(dout, cache.residual)
    dbranch = dropout_backward(dbranch, cache.dropout_out)
    dactive, ddown, _ = linear_backward(dbranch, cache.down)
    dhidden = relu_backward(dactive, cache.relu)
    dinside, dup, _ = linear_backward(dhidden, cache.up)
    dx = dropout_backward(dinside, cache.dropout_in)              # and dx_skip is never used
    return dx, dup, ddown


def backward_into_shared_array(dout, cache):
    dx, dbranch = residual_backward(dout, cache.residual)         # two names of one array, dout
    dbranch = dropout_backward(dbranch, cache.dropout_out)
    dactive, ddown, _ = linear_backward(dbranch, cache.down)
    dhidden = relu_backward(dactive, cache.relu)
    dinside, dup, _ = linear_backward(dhidden, cache.up)
    dx += dropout_backward(dinside, cache.dropout_in)             # writes into dout
    return dx, dup, ddown


def small_block_inputs(rng):
    return call(rng.normal(size=(5, 3)), rng.normal(size=(3, 4)), rng.normal(size=(4, 3)),
                rate=0.5, dropout_key=(0, 1, 2))


EXHIBITS = (
    Exhibit(
        "one_mask", "07", "one mask reused at two sites",
        forward=small_block_forward,
        backward=backward_with_one_mask,
        fault=backward_with_one_mask,
        inputs=small_block_inputs,
        breaks="an entry that was dropped on the way forward gets a gradient, and one that was "
               "kept gets none. In evaluation, without dropout, nothing is wrong.",
        caught_by=("the gradient check", "a check with dout = ones"),
        missed_by=("a look at the shapes", "a falling loss"),
    ),
    Exhibit(
        "forgotten_skip", "07", "the forgotten skip path",
        forward=small_block_forward,
        backward=backward_without_skip,
        fault=backward_without_skip,
        inputs=small_block_inputs,
        breaks="this block's own weights get the right gradients; every layer below it hears only "
               "what came through the branch, and in a deep stack next to nothing.",
        caught_by=("the gradient check", "a check with dout = ones"),
        missed_by=("a look at the shapes", "a falling loss"),
    ),
    Exhibit(
        "shared_array", "07", "dx += dbranch on a shared array",
        forward=small_block_forward,
        backward=backward_into_shared_array,
        fault=backward_into_shared_array,
        inputs=small_block_inputs,
        breaks="everything that it returns is right, but dx is dout under another name: whoever "
               "still needs dout finds another gradient in it.",
        caught_by=("the gradient check",),
        missed_by=("a check with dout = ones", "a look at the shapes", "a falling loss"),
    ),
)

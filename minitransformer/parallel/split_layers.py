"""Layers split over processes: a matrix product in parts, twice in a row.

    y = f(x w) v,   w = (w_0 ... w_{N-1}) by columns,   v = (v_0; ...; v_{N-1}) by rows
      = sum_r f(x w_r) v_r

The first product needs all of x, the second ends in a sum, and f, which acts on each column (or on
each head) by itself, needs nothing in between. So a branch sends once forwards, the sum, and once
backwards, the sum that is copy_to_all's transpose. Source: Shoeybi et al. 2019.

x and y are the same on all processes, and so are dropout's masks, whose keys are; params here are
a process's own part (shards.py). N is comm.size.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from minitransformer.layers import (
    multi_head_attention_backward, multi_head_attention_forward, projection_backward,
    projection_forward)
from minitransformer.layers.options import ACTIVATIONS, self_attention_options
from minitransformer.parallel.collectives import (
    copy_to_all_backward, copy_to_all_forward, sum_over_all_backward, sum_over_all_forward)


class ColumnParallelCache(NamedTuple):
    copy: NamedTuple
    projection: NamedTuple


def column_parallel_forward(params, x, *, comm):
    """y_r = x w_r + b_r: process r has the columns r of w and b.

    params {"w" (D, E / N), "b" (E / N,)}, x (..., D), the same on all -> y (..., E / N), cache.
    """
    x, copy_cache = copy_to_all_forward(x, comm=comm)                         # (..., D)
    y, projection_cache = projection_forward(params, x)   # (..., E / N) [column_parallel.y]
    return y, ColumnParallelCache(copy_cache, projection_cache)


# A chain. What the process's columns say of x is one of N parts; copy_to_all's backward adds them:
#     dx = dy wᵀ = sum_r dy_r w_rᵀ
def column_parallel_backward(dout, cache):
    """dout (..., E / N) -> dparams, dx (..., D), the same on all."""
    dparams, dx = projection_backward(dout, cache.projection)                 # (..., D)
    return dparams, copy_to_all_backward(dx, cache.copy)  # (..., D) [column_parallel.dx]


class RowParallelCache(NamedTuple):
    projection: NamedTuple
    total: NamedTuple
    biased: bool


def row_parallel_forward(params, x, *, comm):
    """y = sum_r x_r w_r + b: process r has the columns r of x and the rows r of w.

    params {"w" (D / N, E), "b" (E,), whole}, x (..., D / N) -> y (..., E), the same on all, cache.
    b is added after the sum: before it, it would be added N times.
    """
    part, projection_cache = projection_forward({"w": params["w"]}, x)        # (..., E)
    y, total_cache = sum_over_all_forward(part, comm=comm)          # (..., E) [row_parallel.y]
    biased = "b" in params
    return y + params["b"] if biased else y, RowParallelCache(projection_cache, total_cache, biased)


# A chain. Each x_r and w_r goes into y through its own summand alone, as if the others were a
# constant, and the sum hands dy down as it is. b stands outside: db = sum_n dy_n, once, and the
# same on all.
def row_parallel_backward(dout, cache):
    """dout (..., E), the same on all -> dparams, dx (..., D / N)."""
    dpart = sum_over_all_backward(dout, cache.total)                          # (..., E)
    dparams, dx = projection_backward(dpart, cache.projection)   # (..., D / N) [row_parallel.dx]
    if cache.biased:
        dparams["b"] = np.sum(dout, axis=tuple(range(dout.ndim - 1)))   # (E,) [row_parallel.db]
    return dparams, dx


class SplitFeedForwardCache(NamedTuple):
    up: NamedTuple
    activation: NamedTuple
    down: NamedTuple
    backward: Callable


def split_feed_forward_forward(params, x, *, config, comm):
    """As feed_forward, with F split: a process computes its columns of the hidden layer.

    params {"up", "down"}, x (B, T, D), the same on all -> y (B, T, D), the same on all, cache.
    """
    pair = ACTIVATIONS[config.activation]
    hidden, up_cache = column_parallel_forward(params["up"], x, comm=comm)    # (B, T, F / N)
    active, activation_cache = pair.forward(hidden)                           # (B, T, F / N)
    y, down_cache = row_parallel_forward(params["down"], active, comm=comm)   # (B, T, D)
    return y, SplitFeedForwardCache(up_cache, activation_cache, down_cache, pair.backward)


# A chain, as on one process: an activation acts on each column by itself.
def split_feed_forward_backward(dout, cache):
    """dout (B, T, D) -> dparams, dx (B, T, D); both dout and dx the same on all."""
    ddown, dactive = row_parallel_backward(dout, cache.down)                  # (B, T, F / N)
    dhidden = cache.backward(dactive, cache.activation)                       # (B, T, F / N)
    dup, dx = column_parallel_backward(dhidden, cache.up)                     # (B, T, D)
    return {"up": dup, "down": ddown}, dx


class SplitAttentionCache(NamedTuple):
    copy: NamedTuple
    attention: NamedTuple
    total: NamedTuple
    biased: bool


def split_attention_forward(params, x, memory=None, *, config, comm, mask=None, causal=False):
    """As multi_head_attention, with the heads split: process r has H / N of them, whole.

    params {"q", "k", "v", "out"}, x (B, T, D), the same on all, memory (B, S, D), a copy of this
    process's own (copy_to_all), or None -> y (B, T, D), the same on all, cache. q, k and v are
    column-parallel and share one copy of x; out is row-parallel.
    """
    x, copy_cache = copy_to_all_forward(x, comm=comm)                         # (B, T, D)
    own = {**params, "out": {"w": params["out"]["w"]}}
    part, attention_cache = multi_head_attention_forward(
        own, x, memory, mask=mask, causal=causal,
        **_own_heads(config, comm, crosses=memory is not None))               # (B, T, D)
    y, total_cache = sum_over_all_forward(part, comm=comm)     # (B, T, D) [split_attention.y]
    biased = "b" in params["out"]
    return (y + params["out"]["b"] if biased else y,                          # (B, T, D)
            SplitAttentionCache(copy_cache, attention_cache, total_cache, biased))


# A chain: the sum hands dout down as it is, the process's own heads give their part of dx, and
# the parts add. In multi_head_attention itself nothing knows of other processes. The memory was
# copied to all before, for every block at once, so its parts are added there.
def split_attention_backward(dout, cache):
    """dout (B, T, D) -> dparams, dx (B, T, D), dmemory (B, S, D), this process's part, or None.

    dout and dx are the same on all.
    """
    dpart = sum_over_all_backward(dout, cache.total)                          # (B, T, D)
    dparams, dx, dmemory = multi_head_attention_backward(dpart, cache.attention)  # (B, T, D)
    if cache.biased:
        dparams["out"]["b"] = np.sum(dout, axis=(0, 1))                       # (D,)
    return dparams, copy_to_all_backward(dx, cache.copy), dmemory             # (B, T, D)


def _own_heads(config, comm, crosses):
    """self_attention_options for the H / N heads of this process; a memory has no places.

    A head's bias on the scores (ALiBi) depends on which of all heads it is.
    """
    options = self_attention_options(config)
    n_heads = config.n_heads // comm.size
    if crosses:
        return {"n_heads": n_heads, "attention": options["attention"]}
    own = slice(comm.rank * n_heads, (comm.rank + 1) * n_heads)

    def on_scores(_, T, S):
        """The biases of all heads, each a function of a tile, cut to the own ones."""
        everyone = options["positions"].on_scores(config.n_heads, T, S)
        return {name: lambda *tile, bias=bias: bias(*tile)[own] for name, bias in everyone.items()}

    return {**options, "n_heads": n_heads,
            "positions": options["positions"]._replace(on_scores=on_scores)}

"""Adapters: a low-rank change beside a projection's frozen matrix, in the same tree (LoRA).

A projection's tree {"w", "b"} becomes {"w", "b", "down", "up", "scale"}: w and b are frozen, down
and up learn, and scale is a frozen number. What the projection computes is x w + b + scale (x down)
up. Source: Hu et al. 2021.
"""

import math
from typing import NamedTuple

import numpy as np

from minitransformer.tree import freeze
from minitransformer.variants.low_rank import low_rank_backward, low_rank_forward


ADAPTER = ("down", "up", "scale")  # what stands in a projection's tree beside w and b


class AdaptedCache(NamedTuple):
    """Of a projection with adapters; without any, the linear pair's cache stands alone."""

    linear: NamedTuple
    low_rank: NamedTuple


def adapted(params, x, y, cache):
    """y and the cache of a projection; where its tree holds adapters, what they make of x is added.

    x (..., d_in), y (..., d_out) -> y (..., d_out), cache.
    """
    if "down" not in params:
        return y, cache
    added, low_rank = low_rank_forward(x, params["down"], params["up"], scale=params["scale"],
                                       trainable=params["down"].flags.writeable)
    return y + added, AdaptedCache(cache, low_rank)                           # (..., d_out)


def linear_part(cache):
    """The linear pair's cache of a projection's."""
    return cache.linear if isinstance(cache, AdaptedCache) else cache


# x was used twice, by w and by down, so its two gradients add.
def adapted_gradients(dparams, dx, dout, cache):
    """The linear pair's dparams and dx, with the adapters' gradients beside and added to them."""
    if not isinstance(cache, AdaptedCache):
        return dparams, dx
    dx_low_rank, ddown, dup = low_rank_backward(dout, cache.low_rank)         # (..., d_in)
    return {**dparams, "down": ddown, "up": dup, "scale": None}, dx + dx_low_rank


def lora(params, names, *, rank, rng, alpha):
    """The tree with adapters of this rank in the projections of these names; all else is frozen.

    names: the ends of paths in the tree, as ("attention.q", "attention.v"). down is normal with
    variance 1 / d_in and up is zero, so that nothing is changed at first, to the bit; scale is
    alpha / rank, so that a step has about the same effect at every rank. Other parts that shall
    learn, such as a new head, are thawed or put in afterwards.
    Raises ValueError when a name fits no projection, for a rank outside 1 .. min(d_in, d_out), and
    where there are adapters already.
    """
    unused = set(names)

    def adapt(path, projection):
        fitting = {name for name in names if f".{path}".endswith(f".{name}")}
        unused.difference_update(fitting)
        if not fitting:
            return projection
        if "down" in projection:
            raise ValueError(f"{path} holds adapters already: merge them first")
        d_in, d_out = projection["w"].shape
        if not 1 <= rank <= min(d_in, d_out):
            raise ValueError(f"rank is {rank}, but {path}.w of shape {(d_in, d_out)} has ranks 1 "
                             f"to {min(d_in, d_out)}")
        dtype = projection["w"].dtype
        return {**projection,
                "down": rng.normal(0, 1 / math.sqrt(d_in), (d_in, rank)).astype(dtype),  # (D, R)
                "up": np.zeros((rank, d_out), dtype),                                    # (R, E)
                "scale": freeze(np.array(alpha / rank, dtype))}

    adapted_tree = _with_projections(freeze(params), adapt)
    if unused:
        raise ValueError(f"no projection has a name that ends in {min(unused)!r}: give the ends of "
                         f"paths such as 'attention.q'")
    return adapted_tree


def merge(params):
    """The plain tree that computes the same: w + scale down up in the place of w, frozen as it was.

    The adapters then cost nothing any more, neither numbers nor time.
    """
    def merged(path, projection):
        if "down" not in projection:
            return projection
        change = projection["down"] @ projection["up"] * projection["scale"]      # (D, E)
        plain = {key: x for key, x in projection.items() if key not in ADAPTER}
        return {**plain, "w": freeze(projection["w"] + change)}

    return _with_projections(params, merged)


def _with_projections(tree, change, path=""):
    """The tree with change(path, projection) in the place of each projection in it."""
    if isinstance(tree, dict):
        if "w" in tree:
            return change(path, tree)
        return {key: _with_projections(child, change, f"{path}.{key}" if path else key)
                for key, child in tree.items()}
    if isinstance(tree, list):
        return [_with_projections(child, change, f"{path}.{i}") for i, child in enumerate(tree)]
    return tree

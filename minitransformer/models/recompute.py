"""Recomputing: a block keeps only what went into it, and makes its cache again when asked.

A block's cache is some 30 arrays as large as its input, and all blocks' caches live until backward
is done. With recompute=True only the inputs do, and one cache at a time: memory for the
time of a second forward. Dropout draws the same mask again, since its generator is made from
numbers (functional.dropout_rng), so the gradients are the same to the bit.
Source: Chen et al. 2016, with a block as the piece that is kept.
"""

from collections.abc import Callable
from typing import NamedTuple


class Recomputed(NamedTuple):
    """In a cache's place: whole(it) is the cache."""

    forward: Callable
    inputs: tuple
    options: dict


def block_forward(forward, config):
    """The block's forward as config.recompute has it: with its own cache, or with a Recomputed."""
    if not config.recompute:
        return forward

    def keeping_its_input(*inputs, **options):
        out, _ = forward(*inputs, **options)
        return out, Recomputed(forward, inputs, options)

    return keeping_its_input


def whole(cache):
    """A block's cache: made again, if only the block's input was kept."""
    if not isinstance(cache, Recomputed):
        return cache
    _, cache = cache.forward(*cache.inputs, **cache.options)
    return cache

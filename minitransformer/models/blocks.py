"""The blocks of a stack, one behind the other: what stands between embedding and head."""

from itertools import takewhile
from typing import NamedTuple

from minitransformer.layers import encoder_block_backward, encoder_block_forward
from minitransformer.models.recompute import block_forward, whole
from minitransformer.tree import is_frozen, no_gradients


class BlocksCache(NamedTuple):
    blocks: list        # each block's cache, or what it was made from (recompute)
    frozen: list = ()   # the gradients of the lowest blocks that the backward does not reach


def blocks_forward(params, x, *, config, mask=None, causal=False, dropout_seed=None, kv_cache=None,
                   dx_needed=True):
    """x = block(x) for each block of params, a list: all of a model's, or a part to look between.

    x (B, T, D) -> x (B, T, D), cache. mask, causal: as in encoder_block_forward.
    dropout_seed (seed, step), or None for evaluation. kv_cache: a list of KvCache, one a block, for
    decoding; there is no backward then. dx_needed=False: nobody below will ask for the gradient of
    x, so the backward stops above the lowest blocks if these are frozen.
    """
    frozen = [] if dx_needed else [no_gradients(block) for block in takewhile(is_frozen, params)]
    caches = []
    for i, block in enumerate(params):
        x, cache = block_forward(encoder_block_forward, config)(
            block, x, config=config, mask=mask, causal=causal,
            dropout_key=dropout_seed and (*dropout_seed, 1 + i),
            kv_cache=None if kv_cache is None else kv_cache[i])               # (B, T, D)
        caches.append(cache)
    return x, BlocksCache(caches, frozen)


# A chain: the last block first. Below the lowest array that learns there is nothing to compute.
def blocks_backward(dout, cache):
    """dout (B, T, D) -> dparams, a list like params, dx (B, T, D) or None if it stopped before."""
    dx, dparams = dout, []
    for block_cache in reversed(cache.blocks[len(cache.frozen):]):
        dblock, dx = encoder_block_backward(dx, whole(block_cache))           # (B, T, D)
        dparams.insert(0, dblock)
    return [*cache.frozen, *dparams], None if cache.frozen else dx

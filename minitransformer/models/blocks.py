"""The blocks of a stack, one behind the other: what stands between embedding and head."""

from typing import NamedTuple

from minitransformer.layers import encoder_block_backward, encoder_block_forward
from minitransformer.models.recompute import block_forward, whole


class BlocksCache(NamedTuple):
    blocks: list  # each block's cache, or what it was made from (recompute)


def blocks_forward(params, x, *, config, mask=None, causal=False, dropout_seed=None, kv_cache=None):
    """x = block(x) for each block of params, a list: all of a model's, or a part to look between.

    x (B, T, D) -> x (B, T, D), cache. mask, causal: as in encoder_block_forward.
    dropout_seed (seed, step), or None for evaluation. kv_cache: a list of KvCache, one a block, for
    decoding; there is no backward then.
    """
    caches = []
    for i, block in enumerate(params):
        x, cache = block_forward(encoder_block_forward, config)(
            block, x, config=config, mask=mask, causal=causal,
            dropout_key=dropout_seed and (*dropout_seed, 1 + i),
            kv_cache=None if kv_cache is None else kv_cache[i])               # (B, T, D)
        caches.append(cache)
    return x, BlocksCache(caches)


# A chain: the last block first.
def blocks_backward(dout, cache):
    """dout (B, T, D) -> dparams, a list like params, dx (B, T, D)."""
    dx, dparams = dout, []
    for block_cache in reversed(cache.blocks):
        dblock, dx = encoder_block_backward(dx, whole(block_cache))           # (B, T, D)
        dparams.insert(0, dblock)
    return dparams, dx

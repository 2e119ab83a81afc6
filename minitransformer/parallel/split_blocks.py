"""Split blocks: the encoder's, a stack of them, and the decoder's, their branches in parts.

Between the branches x is whole and the same on all processes, so norms, residuals and dropout are
those of one process; inside a branch each works on its own heads and its own part of the
feed-forward's width. A block is sublayers one after the other, and so it is written here.
"""

from typing import NamedTuple

from minitransformer.layers import add_and_norm_backward, add_and_norm_forward
from minitransformer.layers.options import Norm, Pair, norms_around
from minitransformer.models.recompute import block_forward, whole
from minitransformer.parallel.split_layers import (
    split_attention_backward, split_attention_forward, split_feed_forward_backward,
    split_feed_forward_forward)

ATTENTION = Pair(split_attention_forward, split_attention_backward)
FEED_FORWARD = Pair(split_feed_forward_forward, split_feed_forward_backward)


class SublayerCache(NamedTuple):
    name: str
    norm: Norm
    before: NamedTuple
    pair: Pair
    branch: NamedTuple
    after: NamedTuple


def sublayer_forward(params, x, memory=None, *, name, pair, site, config, dropout_key, **options):
    """x = after(x + dropout(branch(before(x)))): a branch and what stands around it.

    params: the block's, of which "before_" + name, name and "after_" + name are read; pair: the
    branch's, which takes options. x (B, T, D), the same on all -> x (B, T, D), the same on
    all, cache. memory (B, S, D), for cross-attention: this process's copy.
    """
    norm, after = norms_around(config)
    inside, before_cache = norm.forward(params["before_" + name], x)              # (B, T, D)
    inputs = (inside,) if memory is None else (inside, memory)
    branch, branch_cache = pair.forward(params[name], *inputs, config=config,
                                        **options)                                # (B, T, D)
    x, after_cache = add_and_norm_forward(params["after_" + name], x, branch, after=after,
                                          rate=config.dropout, dropout_key=dropout_key,
                                          site=site)                              # (B, T, D)
    return x, SublayerCache(name, norm, before_cache, pair, branch_cache, after_cache)


# The same lines upwards. The branch gives back a dx that is whole, so that the norms' gradients
# are whole and the same on all, without being sent:
#     dx = dx_skip + dx_branch
def sublayer_backward(dout, cache):
    """dout (B, T, D) -> dparams, the block's of this sublayer, dx (B, T, D), dmemory or None."""
    dafter, dx_skip, dbranch = add_and_norm_backward(dout, cache.after)           # (B, T, D) each
    down, dinside, *dmemory = cache.pair.backward(dbranch, cache.branch)          # (B, T, D)
    dbefore, dx_branch = cache.norm.backward(dinside, cache.before)               # (B, T, D)
    dx = dx_skip + dx_branch                                                      # (B, T, D)
    dparams = {"before_" + cache.name: dbefore, cache.name: down, "after_" + cache.name: dafter}
    return dparams, dx, dmemory[0] if dmemory else None


def split_encoder_block_forward(params, x, *, config, comm, mask=None, causal=False,
                                dropout_key=None):
    """As encoder_block, with both branches split: x (B, T, D), the same on all -> x, cache."""
    around = {"config": config, "comm": comm, "dropout_key": dropout_key}
    x, attention = sublayer_forward(params, x, name="attention", pair=ATTENTION, site=0, mask=mask,
                                    causal=causal, **around)                      # (B, T, D)
    x, feed_forward = sublayer_forward(params, x, name="feed_forward", pair=FEED_FORWARD, site=1,
                                       **around)                                  # (B, T, D)
    return x, (attention, feed_forward)


# A chain.
def split_encoder_block_backward(dout, cache):
    """dout (B, T, D) -> dparams, dx (B, T, D)."""
    attention, feed_forward = cache
    dfeed_forward, dx, _ = sublayer_backward(dout, feed_forward)                  # (B, T, D)
    dattention, dx, _ = sublayer_backward(dx, attention)                          # (B, T, D)
    return {**dattention, **dfeed_forward}, dx


def split_blocks_forward(params, x, *, config, comm, mask=None, causal=False, dropout_seed=None):
    """x = block(x) for each block of params, a list: x (B, T, D) -> x (B, T, D), a list of caches.

    mask, causal and dropout_seed as in models.blocks.
    """
    caches = []
    for i, block in enumerate(params):
        x, cache = block_forward(split_encoder_block_forward, config)(
            block, x, config=config, comm=comm, mask=mask, causal=causal,
            dropout_key=dropout_seed and (*dropout_seed, 1 + i))                  # (B, T, D)
        caches.append(cache)
    return x, caches


# A chain: the last block first.
def split_blocks_backward(dout, caches):
    """dout (B, T, D) -> dparams, a list like params, dx (B, T, D)."""
    dx, dparams = dout, []
    for cache in reversed(caches):
        dblock, dx = split_encoder_block_backward(dx, whole(cache))               # (B, T, D)
        dparams.insert(0, dblock)
    return dparams, dx


def split_decoder_block_forward(params, x, memory, *, config, comm, mask=None, memory_mask=None,
                                dropout_key=None):
    """As decoder_block, with its three branches split.

    x (B, T, D), the same on all, memory (B, S, D), this process's copy -> x (B, T, D), cache.
    """
    around = {"config": config, "comm": comm, "dropout_key": dropout_key}
    x, own = sublayer_forward(params, x, name="self_attention", pair=ATTENTION, site=0, mask=mask,
                              causal=True, **around)                              # (B, T, D)
    x, cross = sublayer_forward(params, x, memory, name="cross_attention", pair=ATTENTION, site=1,
                                mask=memory_mask, **around)                       # (B, T, D)
    x, feed_forward = sublayer_forward(params, x, name="feed_forward", pair=FEED_FORWARD, site=2,
                                       **around)                                  # (B, T, D)
    return x, (own, cross, feed_forward)


# A chain; the memory enters through the cross-attention alone.
def split_decoder_block_backward(dout, cache):
    """dout (B, T, D) -> dparams, dx (B, T, D), dmemory (B, S, D), this process's part."""
    own, cross, feed_forward = cache
    dfeed_forward, dx, _ = sublayer_backward(dout, feed_forward)                  # (B, T, D)
    dcross, dx, dmemory = sublayer_backward(dx, cross)              # (B, T, D), (B, S, D)
    dself, dx, _ = sublayer_backward(dx, own)                                     # (B, T, D)
    return {**dself, **dcross, **dfeed_forward}, dx, dmemory

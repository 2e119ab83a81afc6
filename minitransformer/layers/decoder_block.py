"""Decoder block: look back at the own past, look at the memory, then think."""

from typing import NamedTuple

import numpy as np

from minitransformer.layers.add_and_norm import add_and_norm_backward, add_and_norm_forward
from minitransformer.layers.feed_forward import (
    feed_forward_backward, feed_forward_forward, feed_forward_init)
from minitransformer.layers.multi_head_attention import (
    multi_head_attention_backward, multi_head_attention_forward, multi_head_attention_init)
from minitransformer.layers.options import (
    Norm, attention_sizes, feed_forward_sizes, norms_around, self_attention_options)


class DecoderBlockCache(NamedTuple):
    before: Norm
    before_self_attention: NamedTuple
    self_attention: NamedTuple
    after_self_attention: NamedTuple
    before_cross_attention: NamedTuple
    cross_attention: NamedTuple
    after_cross_attention: NamedTuple
    before_feed_forward: NamedTuple
    feed_forward: NamedTuple
    after_feed_forward: NamedTuple


def decoder_block_init(rng, *, config, dtype=np.float32):
    """The parameter tree of one block. The norm that a placement does not use is an empty dict."""
    before, after = norms_around(config, causal=True)
    D = config.d_model
    return {
        "before_self_attention": before.init(D, dtype),
        "self_attention": multi_head_attention_init(rng, **attention_sizes(config), dtype=dtype),
        "after_self_attention": after.init(D, dtype),
        "before_cross_attention": before.init(D, dtype),
        "cross_attention": multi_head_attention_init(rng, **attention_sizes(config), dtype=dtype),
        "after_cross_attention": after.init(D, dtype),
        "before_feed_forward": before.init(D, dtype),
        "feed_forward": feed_forward_init(rng, **feed_forward_sizes(config), dtype=dtype),
        "after_feed_forward": after.init(D, dtype),
    }


def decoder_block_forward(params, x, memory, *, config, mask=None, memory_mask=None,
                          dropout_key=None, kv_cache=None):
    """Thrice x = after(x + dropout(sublayer(before(x)))): self-, cross-attention, feed-forward.

    x (B, T, D), memory (B, S, D) -> x (B, T, D), cache. mask and memory_mask: as in attention,
    (B, 1, 1, T) and (B, 1, 1, S) for padding. dropout_key (seed, step, layer) or None. kv_cache: a
    DecoderBlockKvCache for decoding; there is no backward then. Source: Vaswani et al. 2017, 3.1.
    """
    before, after = norms_around(config, causal=True)
    joining = {"after": after, "rate": config.dropout, "dropout_key": dropout_key}
    self_kv, cross_kv = (None, None) if kv_cache is None else kv_cache

    inside, c1 = before.forward(params["before_self_attention"], x)               # (B, T, D)
    branch, c2 = multi_head_attention_forward(
        params["self_attention"], inside, mask=mask, causal=True, kv_cache=self_kv,
        **self_attention_options(config))                                         # (B, T, D)
    x, c3 = add_and_norm_forward(params["after_self_attention"], x, branch, site=0, **joining)

    inside, c4 = before.forward(params["before_cross_attention"], x)              # (B, T, D)
    branch, c5 = multi_head_attention_forward(
        params["cross_attention"], inside, memory, n_heads=config.n_heads, mask=memory_mask,
        attention=config.attention, kv_cache=cross_kv)                            # (B, T, D)
    x, c6 = add_and_norm_forward(params["after_cross_attention"], x, branch, site=1, **joining)

    inside, c7 = before.forward(params["before_feed_forward"], x)                 # (B, T, D)
    branch, c8 = feed_forward_forward(params["feed_forward"], inside,
                                      activation=config.activation)               # (B, T, D)
    x, c9 = add_and_norm_forward(params["after_feed_forward"], x, branch, site=2, **joining)
    return x, DecoderBlockCache(before, c1, c2, c3, c4, c5, c6, c7, c8, c9)


# As in the encoder block, dx = dx_skip + dx_branch at each sublayer's input; every array but
# dmemory is (B, T, D). The memory enters through the cross-attention alone: dmemory is its own.
def decoder_block_backward(dout, cache):
    """dout (B, T, D) -> dparams, dx (B, T, D), dmemory (B, S, D)."""
    before = cache.before
    dafter_feed_forward, dx_skip, dbranch = add_and_norm_backward(dout, cache.after_feed_forward)
    dfeed_forward, dinside = feed_forward_backward(dbranch, cache.feed_forward)   # (B, T, D)
    dbefore_feed_forward, dx_branch = before.backward(dinside, cache.before_feed_forward)
    dx = dx_skip + dx_branch                                                      # (B, T, D)

    dafter_cross_attention, dx_skip, dbranch = add_and_norm_backward(
        dx, cache.after_cross_attention)                                          # (B, T, D) each
    dcross_attention, dinside, dmemory = multi_head_attention_backward(
        dbranch, cache.cross_attention)           # (B, T, D), (B, S, D) [decoder_block.dmemory]
    dbefore_cross_attention, dx_branch = before.backward(dinside, cache.before_cross_attention)
    dx = dx_skip + dx_branch                                                      # (B, T, D)

    dafter_self_attention, dx_skip, dbranch = add_and_norm_backward(
        dx, cache.after_self_attention)                                           # (B, T, D) each
    dself_attention, dinside, _ = multi_head_attention_backward(dbranch, cache.self_attention)
    dbefore_self_attention, dx_branch = before.backward(dinside, cache.before_self_attention)
    dx = dx_skip + dx_branch                                       # (B, T, D) [decoder_block.dx]
    return {"before_self_attention": dbefore_self_attention, "self_attention": dself_attention,
            "after_self_attention": dafter_self_attention,
            "before_cross_attention": dbefore_cross_attention,
            "cross_attention": dcross_attention, "after_cross_attention": dafter_cross_attention,
            "before_feed_forward": dbefore_feed_forward, "feed_forward": dfeed_forward,
            "after_feed_forward": dafter_feed_forward}, dx, dmemory

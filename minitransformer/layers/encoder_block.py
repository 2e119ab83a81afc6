"""Encoder block: every token looks at every token, then each thinks by itself."""

from typing import NamedTuple

import numpy as np

from minitransformer.layers.add_and_norm import add_and_norm_backward, add_and_norm_forward
from minitransformer.layers.feed_forward import (
    feed_forward_backward, feed_forward_forward, feed_forward_init)
from minitransformer.layers.multi_head_attention import (
    multi_head_attention_backward, multi_head_attention_forward, multi_head_attention_init)
from minitransformer.layers.options import (
    Norm, attention_sizes, feed_forward_sizes, norms_around, self_attention_options)


class EncoderBlockCache(NamedTuple):
    before: Norm
    before_attention: NamedTuple
    attention: NamedTuple
    after_attention: NamedTuple
    before_feed_forward: NamedTuple
    feed_forward: NamedTuple
    after_feed_forward: NamedTuple


def encoder_block_init(rng, *, config, dtype=np.float32):
    """The parameter tree of one block. The norm that a placement does not use is an empty dict."""
    before, after = norms_around(config)
    D = config.d_model
    return {
        "before_attention": before.init(D, dtype),
        "attention": multi_head_attention_init(rng, **attention_sizes(config), dtype=dtype),
        "after_attention": after.init(D, dtype),
        "before_feed_forward": before.init(D, dtype),
        "feed_forward": feed_forward_init(rng, **feed_forward_sizes(config), dtype=dtype),
        "after_feed_forward": after.init(D, dtype),
    }


def encoder_block_forward(params, x, *, config, mask=None, causal=False, dropout_key=None,
                          kv_cache=None):
    """Twice x = after(x + dropout(sublayer(before(x)))): self-attention, then feed-forward.

    x (B, T, D) -> x (B, T, D), cache; every array on the way is (B, T, D). One of before, after is
    the norm, the other the identity (config.norm_placement). mask, causal: as in attention, mask
    (B, 1, 1, T) for padding. dropout_key (seed, step, layer) or None. kv_cache: a KvCache for
    decoding; there is no backward then. Source: Vaswani et al. 2017, 3.1 and 5.4.
    """
    before, after = norms_around(config, mask=mask, training=dropout_key is not None, causal=causal)
    joining = {"after": after, "rate": config.dropout, "dropout_key": dropout_key}

    inside, c1 = before.forward(params["before_attention"], x)                    # (B, T, D)
    branch, c2 = multi_head_attention_forward(
        params["attention"], inside, mask=mask, causal=causal, kv_cache=kv_cache,
        **self_attention_options(config))                                         # (B, T, D)
    x, c3 = add_and_norm_forward(params["after_attention"], x, branch, site=0, **joining)

    inside, c4 = before.forward(params["before_feed_forward"], x)                 # (B, T, D)
    branch, c5 = feed_forward_forward(params["feed_forward"], inside,
                                      activation=config.activation)               # (B, T, D)
    x, c6 = add_and_norm_forward(params["after_feed_forward"], x, branch, site=1, **joining)
    return x, EncoderBlockCache(before, c1, c2, c3, c4, c5, c6)


# The same lines upwards, every array (B, T, D). Each sublayer's input went two ways, past the
# sublayer and through it; where the two gradients meet again, they add:
#     dx = dx_skip + dx_branch
def encoder_block_backward(dout, cache):
    """dout (B, T, D) -> dparams, dx (B, T, D)."""
    before = cache.before
    dafter_feed_forward, dx_skip, dbranch = add_and_norm_backward(dout, cache.after_feed_forward)
    dfeed_forward, dinside = feed_forward_backward(dbranch, cache.feed_forward)   # (B, T, D)
    dbefore_feed_forward, dx_branch = before.backward(dinside, cache.before_feed_forward)
    dx = dx_skip + dx_branch                                                      # (B, T, D)

    dafter_attention, dx_skip, dbranch = add_and_norm_backward(dx, cache.after_attention)
    dattention, dinside, _ = multi_head_attention_backward(dbranch, cache.attention)
    dbefore_attention, dx_branch = before.backward(dinside, cache.before_attention)
    dx = dx_skip + dx_branch                                       # (B, T, D) [encoder_block.dx]
    return {"before_attention": dbefore_attention, "attention": dattention,
            "after_attention": dafter_attention, "before_feed_forward": dbefore_feed_forward,
            "feed_forward": dfeed_forward, "after_feed_forward": dafter_feed_forward}, dx

"""The ladder's model with layer norm: one_head, its rows normalized before the head reads them."""

from typing import NamedTuple

import numpy as np

from minitransformer.functional import (
    attention_backward,
    attention_forward,
    embedding_backward,
    embedding_forward,
    layer_norm_backward,
    layer_norm_forward,
    linear_backward,
    linear_forward,
    sinusoidal_positions,
)
from minitransformer.functional.layer_norm import LayerNormCache
from minitransformer.teaching.one_head import OneHeadCache, one_head_init


class NormedHeadCache(NamedTuple):
    norm: LayerNormCache
    head: OneHeadCache


def normed_head_init(rng, *, vocab_size, d_model, dtype=np.float32):
    """one_head's params, and gain (D,) of ones and bias (D,) of zeros."""
    params = one_head_init(rng, vocab_size=vocab_size, d_model=d_model, dtype=dtype)
    return {**params, "gain": np.ones(d_model, dtype), "bias": np.zeros(d_model, dtype)}


def normed_head_forward(params, *, ids):
    """one_head_forward with a layer norm between the embedded characters and q, k, v.

    params as from normed_head_init, ids (B, T) int -> logits (B, T, V), cache.
    """
    from_bigram, bigram = embedding_forward(params["bigram"], ids=ids)     # (B, T, V)
    x, table = embedding_forward(params["table"], ids=ids)                 # (B, T, D)
    x = x + sinusoidal_positions(*x.shape[1:]).astype(x.real.dtype)        # (B, T, D)
    n, norm = layer_norm_forward(x, params["gain"], params["bias"])        # (B, T, D)  new
    q, q_cache = linear_forward(n, params["q"])                            # (B, T, D)
    k, k_cache = linear_forward(n, params["k"])                            # (B, T, D)
    v, v_cache = linear_forward(n, params["v"])                            # (B, T, D)
    fetched, attention = attention_forward(q[:, None], k[:, None], v[:, None],
                                           causal=True)                    # (B, 1, T, D)
    from_head, out = linear_forward(fetched[:, 0], params["out"])          # (B, T, V)
    head = OneHeadCache(bigram, table, q_cache, k_cache, v_cache, attention, out)
    return from_bigram + from_head, NormedHeadCache(norm, head)


# one_head_backward with one line more: what q, k and v send back adds up to dn, and dn passes
# through the norm to dx.
def normed_head_backward(dlogits, cache):
    """dlogits (B, T, V) -> dparams."""
    norm, head = cache
    dparams = {"bigram": embedding_backward(dlogits, head.bigram)}         # (V, V)
    dfetched, dparams["out"], _ = linear_backward(dlogits, head.out)       # (B, T, D), (D, V)
    dq, dk, dv = attention_backward(dfetched[:, None], head.attention)     # (B, 1, T, D) each
    dn_q, dparams["q"], _ = linear_backward(dq[:, 0], head.q)              # (B, T, D), (D, D)
    dn_k, dparams["k"], _ = linear_backward(dk[:, 0], head.k)              # (B, T, D), (D, D)
    dn_v, dparams["v"], _ = linear_backward(dv[:, 0], head.v)              # (B, T, D), (D, D)
    dx, dparams["gain"], dparams["bias"] = layer_norm_backward(dn_q + dn_k + dn_v, norm)  # new
    dparams["table"] = embedding_backward(dx, head.table)                  # (V, D)
    return {name: dparams[name] for name in ("bigram", "table", "q", "k", "v", "out", "gain",
                                             "bias")}


NORMED_HEAD = {"init": normed_head_init, "forward": normed_head_forward,
               "backward": normed_head_backward}  # for train_one_head

"""Multi-head attention: several attentions side by side, each in its own projection."""

from typing import NamedTuple

import numpy as np

from minitransformer.functional import merge_heads, split_heads
from minitransformer.layers.options import ATTENTIONS, POSITIONS
from minitransformer.layers.projection import (
    projection_backward, projection_forward, projection_init)


class MultiHeadAttentionCache(NamedTuple):
    q: NamedTuple
    k: NamedTuple
    v: NamedTuple
    attention: NamedTuple  # .weights (B, H, T, S) are the probabilities
    out: NamedTuple
    crosses: bool          # keys and values came from a memory
    attention_name: str = "plain"
    positions: NamedTuple = POSITIONS["none"]
    q_turn: NamedTuple = None
    k_turn: NamedTuple = None


def multi_head_attention_init(rng, *, d_model, d_kv=None, bias=True, dtype=np.float32):
    """{"q", "k", "v", "out"}: projections (D, D); k and v (D, d_kv), d_kv = G K, or D for None."""
    widths = {"q": d_model, "k": d_kv or d_model, "v": d_kv or d_model, "out": d_model}
    return {name: projection_init(rng, d_in=d_model, d_out=d_out, bias=bias, dtype=dtype)
            for name, d_out in widths.items()}


def multi_head_attention_forward(params, x, memory=None, *, n_heads, mask=None, causal=False,
                                 positions=POSITIONS["none"], attention="plain", kv_cache=None):
    """out = merge(attention(split(x wq), split(s wk), split(s wv))) wo, with s = memory or x.

    x (B, T, D), memory (B, S, D) or None (self-attention) -> out (B, T, D), cache.
    mask, causal: as in attention. positions: of options.POSITIONS; attention: a name in ATTENTIONS.
    kv_cache: a KvCache that this call reads and fills, for decoding; earlier keys are then
    constants, so nothing is kept for a backward and cache is None.
    Raises ValueError for shapes or n_heads that do not fit. Source: Vaswani et al. 2017, 3.2.2.
    """
    source = x if memory is None else memory                             # (B, S, D)
    q, q_cache = projection_forward(params["q"], x)                      # (B, T, D)
    start = kv_cache.length if kv_cache else 0                           # where x begins
    q, q_turn = positions.turn(split_heads(q, n_heads), start)           # (B, H, T, K)
    if kv_cache is not None and memory is not None and kv_cache.k is not None:
        k, v = kv_cache.k, kv_cache.v  # the memory does not change: projected at the first step
    else:
        k, k_cache = projection_forward(params["k"], source)             # (B, S, D)
        v, v_cache = projection_forward(params["v"], source)             # (B, S, D)
        G = k.shape[-1] // q.shape[-1]                                   # key/value heads
        k, k_turn = positions.turn(split_heads(k, G), start)             # (B, G, S, K)
        v = split_heads(v, G)                                            # (B, G, S, K)
        if kv_cache is not None:
            k, v = kv_cache.extend(k, v)                                 # (B, G, earlier + S, K)
    heads, attention_cache = ATTENTIONS[attention].forward(
        q, k, v, mask=mask, causal=causal,
        **positions.on_scores(n_heads, q.shape[2], k.shape[2]))          # (B, H, T, K)
    out, out_cache = projection_forward(params["out"], merge_heads(heads))         # (B, T, D)
    if kv_cache is not None:
        return out, None
    return out, MultiHeadAttentionCache(q_cache, k_cache, v_cache, attention_cache, out_cache,
                                        memory is not None, attention, positions, q_turn, k_turn)


# The forward's steps in reversed order; splitting and merging heads are each other's backward.
# x was used three times (for q, k and v), so its three gradients add; with a memory, x was used
# for q alone and the memory for k and v:
#     dx = dx_q + dx_k + dx_v      or      dx = dx_q,  dmemory = dx_k + dx_v
def multi_head_attention_backward(dout, cache):
    """dout (B, T, D) -> dparams, dx (B, T, D), dmemory (B, S, D) or None."""
    n_heads = cache.attention.q.shape[1]
    dout_params, dmerged = projection_backward(dout, cache.out)          # (B, T, D)
    dq, dk, dv = ATTENTIONS[cache.attention_name].backward(
        split_heads(dmerged, n_heads), cache.attention)                  # (B, ., ., K)
    dq = cache.positions.turn_backward(dq, cache.q_turn)                 # (B, H, T, K)
    dk = cache.positions.turn_backward(dk, cache.k_turn)                 # (B, G, S, K)
    dv_params, dsource_v = projection_backward(merge_heads(dv), cache.v)  # (B, S, D)
    dk_params, dsource_k = projection_backward(merge_heads(dk), cache.k)  # (B, S, D)
    dq_params, dx = projection_backward(merge_heads(dq), cache.q)        # (B, T, D)
    dparams = {"q": dq_params, "k": dk_params, "v": dv_params, "out": dout_params}
    dsource = dsource_k + dsource_v                                      # (B, S, D)
    if cache.crosses:
        return dparams, dx, dsource       # [multi_head_attention.dx] [multi_head_attention.dmemory]
    return dparams, dx + dsource, None    # (B, T, D)

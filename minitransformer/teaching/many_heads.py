"""The ladder's model with many heads: one_head's parameters, its columns shared out to heads."""

from minitransformer.functional import (
    attention_backward,
    attention_forward,
    embedding_backward,
    embedding_forward,
    linear_backward,
    linear_forward,
    merge_heads,
    sinusoidal_positions,
    split_heads,
)
from minitransformer.teaching.one_head import OneHeadCache


def many_heads_forward(params, *, ids, n_heads):
    """logits of the next character = the bigram table's row + (what the causal heads fetched) out.

    params as from one_head_init, ids (B, T) int -> logits (B, T, V), cache. With n_heads=1 it is
    one_head_forward.
    """
    from_bigram, bigram = embedding_forward(params["bigram"], ids=ids)     # (B, T, V)
    x, table = embedding_forward(params["table"], ids=ids)                 # (B, T, D)
    x = x + sinusoidal_positions(*x.shape[1:]).astype(x.real.dtype)        # (B, T, D)
    q, q_cache = linear_forward(x, params["q"])                            # (B, T, D)
    k, k_cache = linear_forward(x, params["k"])                            # (B, T, D)
    v, v_cache = linear_forward(x, params["v"])                            # (B, T, D)
    q, k, v = (split_heads(y, n_heads) for y in (q, k, v))                 # (B, H, T, K)
    fetched, attention = attention_forward(q, k, v, causal=True)           # (B, H, T, K)
    from_heads, out = linear_forward(merge_heads(fetched), params["out"])  # (B, T, V)
    logits = from_bigram + from_heads                                      # (B, T, V)
    return logits, OneHeadCache(bigram, table, q_cache, k_cache, v_cache, attention, out)


# The pairs in reversed order. x is used three times, for q, k and v: its gradients add.
def many_heads_backward(dlogits, cache):
    """dlogits (B, T, V) -> dparams."""
    n_heads = cache.attention.q.shape[1]
    dparams = {"bigram": embedding_backward(dlogits, cache.bigram)}        # (V, V)
    dmerged, dparams["out"], _ = linear_backward(dlogits, cache.out)       # (B, T, D), (D, V)
    dq, dk, dv = attention_backward(split_heads(dmerged, n_heads), cache.attention)
    dx_q, dparams["q"], _ = linear_backward(merge_heads(dq), cache.q)      # (B, T, D), (D, D)
    dx_k, dparams["k"], _ = linear_backward(merge_heads(dk), cache.k)      # (B, T, D), (D, D)
    dx_v, dparams["v"], _ = linear_backward(merge_heads(dv), cache.v)      # (B, T, D), (D, D)
    dparams["table"] = embedding_backward(dx_q + dx_k + dx_v, cache.table)  # (V, D)
    return {name: dparams[name] for name in ("bigram", "table", "q", "k", "v", "out")}

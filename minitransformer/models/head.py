"""The head: from the last block's vectors to scores. The final norm, a pooling, a projection."""

from typing import NamedTuple

import numpy as np

from minitransformer.layers import projection_backward, projection_forward, projection_init
from minitransformer.layers.options import POOLINGS, Norm, Pair, norms_around
from minitransformer.tree import tree_map


class HeadCache(NamedTuple):
    norm: Norm
    final_norm: NamedTuple
    pooling: Pair
    pooled: NamedTuple
    output: NamedTuple
    tied: bool


def head_init(rng, *, config, n_out, dtype=np.float32):
    """{"norm", "output"}; a tied output is absent: it is the embedding's table."""
    norm, _ = norms_around(config)
    params = {"norm": norm.init(config.d_model, dtype)}
    if config.tied_embeddings == "none":
        params["output"] = projection_init(rng, d_in=config.d_model, d_out=n_out, dtype=dtype)
    return params


def head_forward(params, x, table=None, *, norm, pooling="none", mask=None):
    """logits = pool(norm(x)) w + b, with w = tableᵀ and no b where a table is given.

    params: {"norm", "output"} or a tree that holds them; x (B, T, D), table (V, D) or None ->
    logits (B, T, n), or (B, n) with pooling "mean", cache. norm: the final one, as norms_around
    gives it (post-norm models have none: the identity). mask (B, T): for the pooling.
    Source: Vaswani et al. 2017, 3.4; Press and Wolf 2017 (tied).
    """
    x, norm_cache = norm.forward(params["norm"], x)                           # (B, T, D)
    pool = POOLINGS[pooling]
    x, pooled_cache = pool.forward(x, mask=mask)                              # (B, D) or (B, T, D)
    output = params["output"] if table is None else {"w": table.T}            # (D, V)
    logits, output_cache = projection_forward(output, x)                      # (B, n) or (B, T, n)
    return logits, HeadCache(norm, norm_cache, pool, pooled_cache, output_cache, table is not None)


# A chain. The table stands transposed in a tied output, so its gradient is transposed back.
def head_backward(dlogits, cache):
    """dlogits, of the logits' shape -> dparams, dx (B, T, D), dtable (V, D), None where frozen."""
    doutput, dx = projection_backward(dlogits, cache.output)                  # (B, D) or (B, T, D)
    dx = cache.pooling.backward(dx, cache.pooled)                             # (B, T, D)
    dnorm, dx = cache.norm.backward(dx, cache.final_norm)                     # (B, T, D)
    if cache.tied:
        return {"norm": dnorm}, dx, tree_map(np.transpose, doutput["w"])      # (V, D)
    return {"norm": dnorm, "output": doutput}, dx, None

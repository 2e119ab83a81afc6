"""The ladder's model with whole blocks: lesson 02's bigram table, plus what a stack has found out.

The stack is made of the package's encoder blocks. Under a causal mask a token hears nobody behind
it, and an encoder block becomes the block of a language model.
"""

import math
from typing import NamedTuple

import numpy as np

from minitransformer.functional import (
    causal_mask,
    embedding_backward,
    embedding_forward,
    linear_backward,
    linear_forward,
    sinusoidal_positions,
)
from minitransformer.functional.embedding import EmbeddingCache
from minitransformer.functional.linear import LinearCache
from minitransformer.layers import (
    encoder_block_backward,
    encoder_block_forward,
    encoder_block_init,
)
from minitransformer.layers.options import Norm, norms_around


class BlockConfig(NamedTuple):
    """What an encoder block asks its configuration for."""

    d_model: int
    n_heads: int
    d_ff: int
    dropout: float = 0.0
    norm: str = "layer"
    norm_placement: str = "pre"
    activation: str = "relu"
    positions: str = "none"          # the model adds its own, before the first block
    n_kv_heads: int | None = None    # as many as n_heads
    attention: str = "plain"
    norm_eps: float = 1e-5
    rope_base: float = 10_000.0
    rope_interleaved: bool = True
    bias: bool = True


class CausalBlocksCache(NamedTuple):
    bigram: EmbeddingCache
    table: EmbeddingCache
    blocks: list
    before_out: Norm
    norm: NamedTuple
    out: LinearCache


def causal_blocks_init(rng, *, vocab_size, n_layers, config, dtype=np.float32):
    """params: bigram (V, V), table (V, D), blocks (a list of trees), norm, out (D, V)."""
    V, D = vocab_size, config.d_model
    table = rng.normal(size=(V, D)).astype(dtype)                          # (V, D)
    blocks = [encoder_block_init(rng, config=config, dtype=dtype) for _ in range(n_layers)]
    before, _ = norms_around(config)
    out = (0.1 / math.sqrt(D) * rng.normal(size=(D, V))).astype(dtype)     # (D, V)
    return {"bigram": np.zeros((V, V), dtype), "table": table, "blocks": blocks,
            "norm": before.init(D, dtype), "out": out}


def causal_blocks_forward(params, *, ids, config):
    """logits of the next character = the bigram table's row + norm(what the last block gives) out.

    params as from causal_blocks_init, ids (B, T) int -> logits (B, T, V), cache.
    """
    from_bigram, bigram = embedding_forward(params["bigram"], ids=ids)     # (B, T, V)
    x, table = embedding_forward(params["table"], ids=ids)                 # (B, T, D)
    T, D = x.shape[1:]
    x = x + sinusoidal_positions(T, D).astype(x.real.dtype)                # (B, T, D)
    blocks = []
    for block in params["blocks"]:
        x, cache = encoder_block_forward(block, x, config=config, mask=causal_mask(T, T))
        blocks.append(cache)                                               # x stays (B, T, D)
    before, _ = norms_around(config)
    x, norm = before.forward(params["norm"], x)                            # (B, T, D)
    from_blocks, out = linear_forward(x, params["out"])                    # (B, T, V)
    logits = from_bigram + from_blocks                                     # (B, T, V)
    return logits, CausalBlocksCache(bigram, table, blocks, before, norm, out)


# The pairs in reversed order, the last block first.
def causal_blocks_backward(dlogits, cache):
    """dlogits (B, T, V) -> dparams."""
    dbigram = embedding_backward(dlogits, cache.bigram)                    # (V, V)
    dx, dout, _ = linear_backward(dlogits, cache.out)                      # (B, T, D), (D, V)
    dnorm, dx = cache.before_out.backward(dx, cache.norm)                  # (B, T, D)
    dblocks = []
    for block in reversed(cache.blocks):
        dblock, dx = encoder_block_backward(dx, block)                     # (B, T, D)
        dblocks.insert(0, dblock)
    return {"bigram": dbigram, "table": embedding_backward(dx, cache.table), "blocks": dblocks,
            "norm": dnorm, "out": dout}

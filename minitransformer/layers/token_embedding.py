"""Token embedding: ids to vectors that know what the token is and where it stands."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from minitransformer.functional import dropout_backward, dropout_forward, dropout_rng
from minitransformer.functional import embedding_backward, embedding_forward
from minitransformer.layers.options import embedding_options
from minitransformer.shapes import expect_length, expect_shape
from minitransformer.tree import is_frozen


class TokenEmbeddingCache(NamedTuple):
    embedding: NamedTuple
    positions: NamedTuple
    dropout: NamedTuple
    scale: float
    add_backward: Callable


def token_embedding_init(rng, *, vocab_size, d_model, dtype=np.float32):
    """{"table" (V, D)}, normal with variance 1 / D, so that a scaled row has entries of size 1."""
    table = rng.normal(0, 1 / math.sqrt(d_model), (vocab_size, d_model))   # (V, D)
    return {"table": table.astype(dtype)}


def token_embedding_forward(params, *, ids, config, start=0, dropout_key=None):
    """x = dropout(sqrt(D) table[ids] + positions[start : start + T]).

    ids (B, T) int -> x (B, T, D), cache. start: the position of the first id (decoding goes on
    where it stopped). dropout_key (seed, step, layer), or None for evaluation.
    Raises ValueError when start + T exceeds max_seq_len. Source: Vaswani et al. 2017, 3.4 and 5.4.
    """
    expect_shape("ids", ids, "B T")
    expect_length(start + np.shape(ids)[1], config.max_seq_len)
    rows, embedding_cache = embedding_forward(params["table"], ids=ids)    # (B, T, D)
    scale, positions = embedding_options(config)                           # scale: sqrt(D)
    x, positions_cache = positions.add(params, rows * scale, config, start)  # (B, T, D)
    x, dropout_cache = dropout_forward(x, rate=config.dropout, rng=dropout_rng(dropout_key, 0),
                                       training=dropout_key is not None)   # (B, T, D)
    return x, TokenEmbeddingCache(embedding_cache, positions_cache, dropout_cache, scale,
                                  positions.add_backward)


# Backwards: the dropout mask, then the constant factor sqrt(D), then the scatter-add of
# [embedding.dtable]. The positions are added; where they are fixed, nothing flows into them.
def token_embedding_backward(dout, cache):
    """dout (B, T, D) -> dparams."""
    dx = dropout_backward(dout, cache.dropout)                             # (B, T, D)
    dtable = (None if is_frozen(cache.embedding.table) else
              embedding_backward(dx * cache.scale, cache.embedding))       # (V, D)
    return {"table": dtable, **cache.add_backward(dx, cache.positions)}

"""The two ends of a model whose vocabulary is split: what the first block reads, and the scores.

An embedding's own pair goes on with the rows of the batch's tokens, once these are there.
"""

from typing import NamedTuple

import numpy as np

from minitransformer.layers.options import POOLINGS, norms_around
from minitransformer.models.head import HeadCache
from minitransformer.parallel.shards import first_id
from minitransformer.parallel.split_layers import (
    column_parallel_backward, column_parallel_forward)
from minitransformer.parallel.vocabulary import (
    vocabulary_embedding_backward, vocabulary_embedding_forward)
from minitransformer.shapes import expect_ids


class BatchTableCache(NamedTuple):
    rows: NamedTuple
    shape: tuple


def batch_table_forward(params, *, ids, vocab_size, comm):
    """An embedding's tree whose table is the rows of this batch's tokens: token n has row n.

    params {"table" (V_r, D), ...}, ids (B, T), the same on all -> {"table" (B T, D), ...}, cache.
    An embedding reads it at batch_places(ids). Raises ValueError for ids out of range.
    """
    expect_ids("ids", ids, vocab_size)
    rows, rows_cache = vocabulary_embedding_forward(
        params["table"], ids=ids, first=first_id(vocab_size, comm.rank, comm.size),
        comm=comm)                                                            # (B, T, D)
    table = rows.reshape(-1, rows.shape[-1])                                  # (B T, D)
    return {**params, "table": table}, BatchTableCache(rows_cache, rows.shape)


# What stands beside the table is the same on all processes and goes through as it is.
def batch_table_backward(dout, cache):
    """dout {"table" (B T, D), ...}, the same on all -> dparams {"table" (V_r, D), ...}."""
    drows = dout["table"].reshape(cache.shape)                                # (B, T, D)
    return {**dout, "table": vocabulary_embedding_backward(drows, cache.rows)}   # (V_r, D)


def batch_places(ids):
    """ids (B, T) -> (B, T): where in the batch's table each token finds its row."""
    return np.arange(np.size(ids)).reshape(np.shape(ids))                     # (B, T)


def split_head_forward(params, x, table=None, *, config, comm, pooling="none", mask=None):
    """As head, the output's columns (or the table's rows) split: logits of the own vocabulary.

    params {"norm", whole, "output" (D, V_r)}, x (B, T, D), the same on all, table (V_r, D) or None
    -> logits (B, T, V_r), or (B, V_r) with pooling "mean", cache.
    """
    norm, _ = norms_around(config)
    pool = POOLINGS[pooling]
    x, norm_cache = norm.forward(params["norm"], x)                           # (B, T, D)
    x, pooled_cache = pool.forward(x, mask=mask)                              # (B, D) or (B, T, D)
    output = params["output"] if table is None else {"w": table.T}            # (D, V_r)
    logits, output_cache = column_parallel_forward(output, x, comm=comm)      # (..., V_r)
    return logits, HeadCache(norm, norm_cache, pool, pooled_cache, output_cache, table is not None)


# A chain, as head's; what comes from the output is summed over all at once, so that above it
# everything is whole.
def split_head_backward(dlogits, cache):
    """dlogits (..., V_r) -> dparams, dx (B, T, D), the same on all, dtable (V_r, D) or None."""
    doutput, dx = column_parallel_backward(dlogits, cache.output)             # (B, D) or (B, T, D)
    dx = cache.pooling.backward(dx, cache.pooled)                             # (B, T, D)
    dnorm, dx = cache.norm.backward(dx, cache.final_norm)                     # (B, T, D)
    if cache.tied:
        return {"norm": dnorm}, dx, doutput["w"].T                            # (V_r, D)
    return {"norm": dnorm, "output": doutput}, dx, None

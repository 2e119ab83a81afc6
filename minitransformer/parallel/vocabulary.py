"""The vocabulary split over processes: its table, and the loss of scores that nobody has whole.

Process r has the ids first .. first + V_r - 1: these rows of the table, these columns of the
logits. For GPT-2 the logits of one sequence of 1,024 tokens are 206 MB in float32, so
they are never brought together: three numbers a token are enough.
"""

from typing import NamedTuple

import numpy as np

from minitransformer.functional import embedding_backward, embedding_forward
from minitransformer.parallel.collectives import (
    largest, sum_over_all_backward, sum_over_all_forward)
from minitransformer.shapes import expect_fraction, expect_ids, expect_same_shape


class VocabularyEmbeddingCache(NamedTuple):
    mine: np.ndarray        # (...) bool: ids whose row this process has
    embedding: NamedTuple
    total: NamedTuple


def vocabulary_embedding_forward(table, *, ids, first, comm):
    """y_n = table[ids_n], of a table whose rows are split.

    table (V_r, D), the rows of the ids from first on; ids (...) int -> y (..., D), cache. Who has
    a row gives it, the others zeros; the sum is the row. An id of nobody is for the caller to find.
    """
    places = np.asarray(ids) - first                                   # (...)
    mine = (places >= 0) & (places < len(table))                       # (...)
    picked, embedding_cache = embedding_forward(table, ids=places[mine])   # (n, D)
    rows = np.zeros((*places.shape, table.shape[1]), table.dtype)      # (..., D)
    rows[mine] = picked                                                # (n, D)
    out, total_cache = sum_over_all_forward(rows, comm=comm)           # (..., D)
    return out, VocabularyEmbeddingCache(mine, embedding_cache, total_cache)


# A chain: through the sum dout comes to every process as it is; a process's rows were picked at
# its own ids, so it adds up dout there; the zeros elsewhere depend on nothing.
def vocabulary_embedding_backward(dout, cache):
    """dout (..., D), the same on all -> dtable (V_r, D)."""
    drows = sum_over_all_backward(dout, cache.total)                   # (..., D)
    # (V_r, D) [vocabulary_embedding.dtable]
    return embedding_backward(drows[cache.mine], cache.embedding)


class VocabularyCrossEntropyCache(NamedTuple):
    probs: np.ndarray      # (..., V_r), of the whole vocabulary's softmax
    places: np.ndarray     # (...) int, the target's column here; 0 where it is another process's
    mine: np.ndarray       # (...) bool, True where the target is one of this process's ids
    counted: np.ndarray    # (...) bool, False where ignored
    spread: float          # label_smoothing / V
    label_smoothing: float
    normalizer: float


def vocabulary_cross_entropy_forward(logits, *, targets, first, vocab_size, comm,
                                     ignore_index=None, label_smoothing=0.0, normalizer=None):
    """The loss of cross_entropy, whose logits are split: with x the whole row of V,

        loss_n = log sum_v exp(x_v - m) - sum_v q_v (x_v - m),   m = max_v x_v

    logits (..., V_r), the columns from first on; targets (...) int, of all vocab_size ids, the
    same on all processes -> loss (scalar, the same on all), cache. The others as cross_entropy has
    them. Sent are m, and in one message sum exp, the target's x - m, and sum (x - m).
    Raises ValueError when shapes differ or a target is out of range. Source: Shoeybi et al. 2019.
    """
    targets = np.asarray(targets)                                             # (...)
    expect_same_shape("targets", targets, "logits without its last axis", logits[..., 0])
    counted = np.ones(targets.shape, bool) if ignore_index is None else targets != ignore_index
    expect_ids("targets", targets[counted], vocab_size)
    expect_fraction("label_smoothing", label_smoothing)
    normalizer = max(int(np.sum(counted)), 1) if normalizer is None else normalizer
    places = targets - first                                                  # (...)
    mine = (places >= 0) & (places < logits.shape[-1])                        # (...)
    places = np.where(mine, places, 0)                                        # (...)

    top = largest(np.max(logits.real, axis=-1, keepdims=True), comm)          # (..., 1)
    shifted = logits - top                                                    # (..., V_r)
    exps = np.exp(shifted)                                                    # (..., V_r)
    at_target = np.take_along_axis(shifted, places[..., None], axis=-1)[..., 0]   # (...)
    parts = np.stack([np.sum(exps, axis=-1), np.where(mine, at_target, 0),
                      np.sum(shifted, axis=-1)])                              # (3, ...)
    (sums, at_target, everything), _ = sum_over_all_forward(parts, comm=comm)   # (...) each
    spread = label_smoothing / vocab_size
    losses = np.log(sums) - (1 - label_smoothing) * at_target - spread * everything   # (...)
    loss = np.sum(losses[counted]) / normalizer   # scalar [vocabulary_cross_entropy.loss]
    return loss, VocabularyCrossEntropyCache(exps / sums[..., None], places, mine, counted, spread,
                                             label_smoothing, normalizer)


# For one counted position. m cancels: as in softmax, moving all x moves nothing. A column x_v of
# this process goes into the loss through the three sums over all, and these hand down what comes
# to them as it is. With s = sum_v exp(x_v - m):
#     through log s         (1 / s) exp(x_v - m) = p_v
#     through the target    -(1 - label_smoothing), at the target's column, on the process with it
#     through everything    -label_smoothing / V
# Together p_v - q_v as on one process, and each term is here already: nothing is sent.
def vocabulary_cross_entropy_backward(dout, cache):
    """dout (scalar, the same on all) -> dlogits (..., V_r) = dout (p - q) / N."""
    dlogits = cache.probs - cache.spread                                      # (..., V_r)
    rows = dlogits.reshape(-1, dlogits.shape[-1])                             # (R, V_r), a view
    mine = np.flatnonzero(cache.mine)                                         # (n,)
    rows[mine, cache.places.reshape(-1)[mine]] -= 1 - cache.label_smoothing   # (n,)
    scale = cache.counted[..., None] * (dout / cache.normalizer)              # (..., 1)
    return dlogits * scale.astype(dlogits.dtype)  # (..., V_r) [vocabulary_cross_entropy.dlogits]

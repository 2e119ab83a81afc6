"""Mean pooling of a sequence of which every process has a piece."""

from typing import NamedTuple

import numpy as np

from minitransformer.parallel.collectives import (
    copy_to_all_backward, copy_to_all_forward, sum_over_all_backward, sum_over_all_forward, total)
from minitransformer.variants import mean_pooling_backward, mean_pooling_forward


class MeanOverAllCache(NamedTuple):
    pooling: NamedTuple
    share: np.ndarray  # (B, 1) this process's part of each sequence's real tokens
    total: NamedTuple
    copy: NamedTuple


def mean_over_all_forward(x, *, comm, mask=None):
    """y_b = the mean over the real tokens t of x_bt, of all processes.

    x (B, T, D), mask (B, T) as in mean_pooling_forward: those of this process's places -> y (B, D),
    cache. Every process gets y for work of its own: what they make of it adds up.
    """
    own, pooling_cache = mean_pooling_forward(x, mask=mask)                    # (B, D)
    count = np.sum(pooling_cache.mask, axis=1, keepdims=True)                  # (B, 1)
    share = (count / np.maximum(total(count, comm), 1)).astype(x.real.dtype)   # (B, 1)
    mean, total_cache = sum_over_all_forward(own * share, comm=comm)           # (B, D)
    y, copy_cache = copy_to_all_forward(mean, comm=comm)                       # (B, D)
    return y, MeanOverAllCache(pooling_cache, share, total_cache, copy_cache)


# A chain, whose factors are n_r / n, this process's part of a sequence's real tokens, and within
# mean_pooling 1 / n_r: together 1 / n, as on one process.
def mean_over_all_backward(dout, cache):
    """dout (B, D), each process's own -> dx (B, T, D)."""
    dmean = copy_to_all_backward(dout, cache.copy)                             # (B, D)
    down = sum_over_all_backward(dmean, cache.total) * cache.share             # (B, D)
    return mean_pooling_backward(down, cache.pooling)                          # (B, T, D)

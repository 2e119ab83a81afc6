"""Batch norm: every column gets mean 0 and variance 1, over all tokens of the batch."""

from typing import NamedTuple

import numpy as np

from minitransformer.shapes import expect_shape

MOMENTUM = 0.1  # the part of a new batch in the running statistics


class BatchNormCache(NamedTuple):
    normalized: np.ndarray     # (..., D)
    std: np.ndarray            # (D,)
    gain: np.ndarray           # (D,)
    mask: np.ndarray | None    # (..., 1) True = real token
    count: int | None          # real tokens; None: statistics from elsewhere, constants
    running: tuple | None      # the running (mean, variance) after this batch, (D,) each


def batch_norm_forward(x, gain, bias, *, eps=1e-5, mask=None, running=None, training=True):
    """y = gain * (x - mean) / sqrt(variance + eps) + bias, a mean and a variance for each column.

    x (..., D), gain (D,), bias (D,) -> y (..., D), cache. Training: mean and (biased) variance over
    all real tokens, those where mask (...) is True; padded ones are normalized with them and do
    not move them. cache.running: running (mean, variance), (D,) each, a tenth of the way nearer to
    this batch's (its variance unbiased); None where none was given. training=False: running is
    used instead, or the batch's own where there is none.
    Raises ValueError for shapes that do not fit, fewer than two real tokens, TypeError for a mask
    that is not boolean. Source: Ioffe and Szegedy 2015, algorithm 1; running as in PyTorch.
    """
    D = x.shape[-1]
    expect_shape("gain", gain, "D", D=D)
    expect_shape("bias", bias, "D", D=D)
    real = x.reshape(-1, D)                                                 # (N, D)
    if mask is not None:
        mask = np.asarray(mask)
        if mask.dtype != bool:
            raise TypeError(f"mask must be boolean (True = real token), got {mask.dtype}")
        if mask.shape != x.shape[:-1]:
            raise ValueError(f"mask has shape {mask.shape}, expected {x.shape[:-1]}, a truth value "
                             f"for each row of x")
        real = real[mask.reshape(-1)]                                       # (N, D)
        mask = mask[..., None]                                              # (..., 1)
    if running is not None and not training:
        mean, variance = (np.asarray(r).astype(x.real.dtype) for r in running)  # (D,) each
        count = None
    else:
        count = len(real)
        if count < 2:
            raise ValueError(f"batch norm got {count} real tokens: a variance needs at least two")
        mean = np.mean(real, axis=0)                                        # (D,)
        centered = real - mean                                              # (N, D)
        variance = np.mean(centered * centered, axis=0)                     # (D,)
        if running is not None:
            unbiased = variance * (count / (count - 1))                     # (D,)
            running = (running[0] + MOMENTUM * (mean - running[0]),
                       running[1] + MOMENTUM * (unbiased - running[1]))     # (D,) each
    std = np.sqrt(variance + eps)                                           # (D,)
    normalized = (x - mean) / std                                           # (..., D)
    return normalized * gain + bias, BatchNormCache(normalized, std, gain, mask, count, running)


# Column by column it is layer norm's problem: n = (x - mean) / std, and each of the N real tokens
# moves the mean and the standard deviation that all rows share, the padded ones included:
#     dx_j = (dn_j - 1[j real] (sum_i dn_i + n_j sum_i dn_i n_i) / N) / std
# with the sums over all rows i. With statistics from elsewhere nothing is shared: dx = dn / std.
def batch_norm_backward(dout, cache):
    """dout (..., D) -> dx (..., D), dgain (D,), dbias (D,)."""
    normalized, std, gain, mask, count, _ = cache
    rows = tuple(range(dout.ndim - 1))                                  # every axis but the last
    dbias = np.sum(dout, axis=rows)                                     # (D,) [batch_norm.dbias]
    dgain = np.sum(dout * normalized, axis=rows)                        # (D,) [batch_norm.dgain]
    dnormalized = dout * gain                                           # (..., D)
    if count is None:
        return dnormalized / std, dgain, dbias
    along_ones = gain * dbias / count                                   # (D,) sum of dn, / N
    along_normalized = gain * dgain / count                             # (D,) sum of dn n, / N
    shared = along_ones + normalized * along_normalized                 # (..., D)
    if mask is not None:
        shared *= mask                                                  # (..., D)
    return (dnormalized - shared) / std, dgain, dbias                   # [batch_norm.dx]

"""Layer normalization: every row gets mean 0 and variance 1, then a learned gain and bias."""

from typing import NamedTuple

import numpy as np

from minitransformer.shapes import expect_shape


class LayerNormCache(NamedTuple):
    normalized: np.ndarray                                                       # (..., D)
    std: np.ndarray                                                              # (..., 1)
    gain: np.ndarray                                                             # (D,)
    trainable: bool                               # False: gain and bias are frozen: no gradient


def layer_norm_forward(x, gain, bias, *, eps=1e-5, trainable=True):
    """y = gain * (x - mean) / sqrt(variance + eps) + bias, mean and variance over the last axis.

    x (..., D), gain (D,), bias (D,) -> y (..., D), cache. The variance is the biased one (divided
    by D). Raises ValueError when gain or bias is not (D,).
    Source: Ba, Kiros and Hinton 2016; eps inside the root is ours, as in most libraries.
    """
    expect_shape("gain", gain, "D", D=x.shape[-1])
    expect_shape("bias", bias, "D", D=x.shape[-1])
    centered = x - np.mean(x, axis=-1, keepdims=True)                            # (..., D)
    std = np.sqrt(np.mean(centered * centered, axis=-1, keepdims=True) + eps)    # (..., 1)
    normalized = centered / std                                                  # (..., D)
    return normalized * gain + bias, LayerNormCache(normalized, std, gain, trainable)


# n = (x - mean) / std. An entry x_j acts on its own n_j, through the mean on every n_i of its row
# (dmean / dx_j = 1 / D), and through the standard deviation (dstd / dx_j = n_j / D):
#     dn_i / dx_j = (1[i = j] - 1 / D - n_i n_j / D) / std
#     dx_j = (dn_j - mean_i(dn_i) - n_j mean_i(dn_i n_i)) / std
# with dn = dout * gain. The means remove dn's parts along (1, ..., 1) and along n: the output
# ignores a shift and (but for eps) a stretch of the row, so no gradient can point there.
def layer_norm_backward(dout, cache):
    """dout (..., D) -> dx (..., D), dgain (D,), dbias (D,); None for what is frozen."""
    normalized, std, gain, trainable = cache
    rows = tuple(range(dout.ndim - 1))                              # every axis but the last
    dbias = np.sum(dout, axis=rows) if trainable else None          # (D,) [layer_norm.dbias]
    dgain = np.sum(dout * normalized, axis=rows) if trainable else None  # (D,) [layer_norm.dgain]
    dnormalized = dout * gain                                       # (..., D)
    along_ones = np.mean(dnormalized, axis=-1, keepdims=True)       # (..., 1)
    along_normalized = np.mean(dnormalized * normalized, axis=-1, keepdims=True)  # (..., 1)
    dx = dnormalized - along_ones - normalized * along_normalized   # (..., D)
    dx /= std                                                       # (..., D) [layer_norm.dx]
    return dx, dgain, dbias

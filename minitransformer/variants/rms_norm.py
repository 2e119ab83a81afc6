"""RMS norm: every row is divided by its size; its mean stays."""

from typing import NamedTuple

import numpy as np

from minitransformer.shapes import expect_shape


class RmsNormCache(NamedTuple):
    normalized: np.ndarray  # (..., D)
    rms: np.ndarray         # (..., 1)
    gain: np.ndarray        # (D,)
    trainable: bool         # False: the gain is frozen and gets no gradient


def rms_norm_forward(x, gain, *, eps=1e-5, trainable=True):
    """y = gain * x / sqrt(mean(x^2) + eps), the mean over the last axis.

    x (..., D), gain (D,) -> y (..., D), cache. Raises ValueError when gain is not (D,).
    Source: Zhang and Sennrich 2019, eq. 4; eps inside the root is ours.
    """
    expect_shape("gain", gain, "D", D=x.shape[-1])
    rms = np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps)         # (..., 1)
    normalized = x / rms                                                # (..., D)
    return normalized * gain, RmsNormCache(normalized, rms, gain, trainable)


# n = x / rms. An entry x_j acts on its own n_j, and through rms on every n_i of its row:
#     drms / dx_j = x_j / (D rms) = n_j / D
#     dx_j = (dn_j - n_j mean_i(dn_i n_i)) / rms
# The subtracted part is the projection of dn on n: the output ignores (but for eps) the length of
# x, so no gradient can point along it. Layer norm takes out the mean as well.
def rms_norm_backward(dout, cache):
    """dout (..., D) -> dx (..., D), dgain (D,), None where the gain is frozen."""
    normalized, rms, gain, trainable = cache
    rows = tuple(range(dout.ndim - 1))                                  # every axis but the last
    dgain = np.sum(dout * normalized, axis=rows) if trainable else None  # (D,) [rms_norm.dgain]
    dnormalized = dout * gain                                           # (..., D)
    along = np.mean(dnormalized * normalized, axis=-1, keepdims=True)   # (..., 1)
    dx = (dnormalized - normalized * along) / rms                       # (..., D) [rms_norm.dx]
    return dx, dgain

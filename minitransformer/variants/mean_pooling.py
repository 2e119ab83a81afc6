"""Mean pooling: one vector for a whole sequence, the mean of its real tokens."""

from typing import NamedTuple

import numpy as np

from minitransformer.shapes import expect_shape


class MeanPoolingCache(NamedTuple):
    mask: np.ndarray   # (B, T) True = real token
    count: np.ndarray  # (B, 1) real tokens of each sequence, 1 where there is none


def mean_pooling_forward(x, *, mask=None):
    """y_b = the mean over the real tokens t of x_bt.

    x (B, T, D), mask (B, T) True = real token, None for all -> y (B, D), cache. What stands at the
    other tokens has no influence, whatever it is; a sequence without a real token gives zeros.
    Raises ValueError for shapes that do not fit, TypeError for a mask that is not boolean.
    """
    expect_shape("x", x, "B T D")
    mask = np.ones(x.shape[:2], bool) if mask is None else np.asarray(mask)     # (B, T)
    if mask.dtype != bool:
        raise TypeError(f"mask must be boolean (True = real token), got {mask.dtype}")
    expect_shape("mask", mask, "B T", B=x.shape[0], T=x.shape[1])
    count = np.maximum(np.sum(mask, axis=1, keepdims=True), 1)                  # (B, 1)
    count = count.astype(x.real.dtype)                                          # (B, 1)
    total = np.sum(x, axis=1, where=mask[..., None])                            # (B, D)
    return total / count, MeanPoolingCache(mask, count)


# y_bd is the sum of x_btd over the n_b real tokens, divided by n_b. An entry x_btd is used in y_bd
# alone, with the factor 1 / n_b where t is real and 0 where it is padding:
#     dx_btd = 1[t real] dy_bd / n_b
# Every real token gets the same gradient. Of a sequence without one, every token gets 0.
def mean_pooling_backward(dout, cache):
    """dout (B, D) -> dx (B, T, D)."""
    share = (dout / cache.count)[:, None, :]                                    # (B, 1, D)
    return share * cache.mask[..., None]                      # (B, T, D) [mean_pooling.dx]

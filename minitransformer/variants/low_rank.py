"""Low rank: a linear map through a narrow middle, to learn a change of a fixed matrix (LoRA)."""

from typing import NamedTuple

import numpy as np

from minitransformer.shapes import expect_shape


class LowRankCache(NamedTuple):
    x: np.ndarray       # (..., D)
    narrow: np.ndarray  # (..., R)
    down: np.ndarray    # (D, R)
    up: np.ndarray      # (R, E)
    scale: float
    trainable: bool     # False: down and up are frozen and get no gradient


def low_rank_forward(x, down, up, *, scale=1.0, trainable=True):
    """y = scale (x down) up: what a matrix scale down up of rank R would do, which is never built.

    x (..., D), down (D, R), up (R, E) -> y (..., E), cache. R (D + E) numbers in the place of D E.
    Raises ValueError when down does not fit x, or up does not fit down.
    Source: Hu et al. 2021, section 4.1.
    """
    expect_shape("down", down, "D R", D=x.shape[-1])
    expect_shape("up", up, "R E", R=down.shape[1])
    narrow = x @ down                                                     # (..., R)
    return narrow @ up * scale, LowRankCache(x, narrow, down, up, scale, trainable)  # (..., E)


# With h = x down, y = scale h up: two linear maps, one behind the other, so the linear pair's rules
# hold twice, first for up, which reads h, then for down, which reads x. The scale goes with dout:
#     dup   = scale hᵀ dout              dh = scale dout upᵀ
#     ddown = xᵀ dh                      dx = dh downᵀ
# While up is zero, dh is zero and with it ddown and dx: the first step moves up alone. Were down
# zero as well, h and so dup would be zero too, and nothing would ever move.
def low_rank_backward(dout, cache):
    """dout (..., E) -> dx (..., D), ddown (D, R), dup (R, E); None for what is frozen."""
    x, narrow, down, up, scale, trainable = cache
    dnarrow = dout @ up.T * scale                                         # (..., R)
    ddown = dup = None
    if trainable:
        rows = narrow.reshape(-1, up.shape[0])                            # (N, R)
        dup = rows.T @ dout.reshape(-1, up.shape[1]) * scale              # (R, E) [low_rank.dup]
        drows = dnarrow.reshape(rows.shape)                               # (N, R)
        ddown = x.reshape(-1, x.shape[-1]).T @ drows                      # (D, R) [low_rank.ddown]
    return dnarrow @ down.T, ddown, dup                                   # (..., D) [low_rank.dx]

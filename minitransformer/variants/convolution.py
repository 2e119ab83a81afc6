"""Convolution over time: one linear map, shared by all short windows of a sequence."""

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from minitransformer.shapes import expect_shape


class ConvolutionCache(NamedTuple):
    windows: np.ndarray  # (B, N, W C) one row for each window
    w: np.ndarray        # (W, C, D)
    n_steps: int         # T
    stride: int
    padding: int


def convolution_forward(x, w, b, *, stride=1, padding=0):
    """y_n = sum over j of x_(n stride + j - padding) w_j + b, where x outside of its T steps is 0.

    x (B, T, C), w (W, C, D), b (D,) -> y (B, N, D), cache; N = (T + 2 padding - W) // stride + 1.
    A window of W steps moves along, stride steps at a time; each y_n is linear in what it shows.
    Raises ValueError for shapes that do not fit, a stride below 1, a padding below 0, and where
    there is no whole window. Source: LeCun et al. 1989; the kernel is not turned round.
    """
    expect_shape("w", w, "W C D")
    W, C, D = w.shape
    expect_shape("x", x, "B T C", C=C)
    expect_shape("b", b, "D", D=D)
    B, T, _ = x.shape
    if stride < 1 or padding < 0:
        raise ValueError(f"stride is {stride} and padding {padding}, expected at least 1 and 0")
    if not 1 <= W <= T + 2 * padding:
        raise ValueError(f"w has a window of {W} steps, but x has {T} steps and {2 * padding} of "
                         f"padding: give it at least 1, and at most as many as there are")
    padded = np.pad(x, ((0, 0), (padding, padding), (0, 0)))                # (B, T + 2 padding, C)
    windows = sliding_window_view(padded, W, axis=1)[:, ::stride]           # (B, N, C, W)
    windows = windows.swapaxes(2, 3).reshape(B, -1, W * C)                  # (B, N, W C)
    out = windows @ w.reshape(W * C, D)                                     # (B, N, D)
    out += b                                                                # (B, N, D)
    return out, ConvolutionCache(windows, w, T, stride, padding)


# For one sequence, with window_njc = x_(n stride + j - padding)c, the forward is linear:
#     y_nd = sum_j sum_c window_njc w_jcd + b_d
# so w, b and the windows get what a linear map's operands get (sums over the other indices):
#     dw_jcd = sum_n window_njc dy_nd,   db_d = sum_n dy_nd,   dwindow_njc = sum_d dy_nd w_jcd
# Windows overlap: step t stands in window n at place j whenever n stride + j - padding = t. It gets
# a share from each of these:
#     dx_tc = sum over such n, j of dwindow_njc
# What falls on the padding is nobody's gradient.
def convolution_backward(dout, cache):
    """dout (B, N, D) -> dx (B, T, C), dw (W, C, D), db (D,)."""
    windows, w, n_steps, stride, padding = cache
    W, C, D = w.shape
    B, N, _ = dout.shape
    drows = dout.reshape(-1, D)                                             # (B N, D)
    db = np.sum(drows, axis=0)                                      # (D,) [convolution.db]
    dw = (windows.reshape(-1, W * C).T @ drows).reshape(W, C, D)    # (W, C, D) [convolution.dw]
    dwindows = (dout @ w.reshape(W * C, D).T).reshape(B, N, W, C)           # (B, N, W, C)
    dpadded = np.zeros((B, n_steps + 2 * padding, C), dwindows.dtype)       # (B, T + 2 padding, C)
    for j in range(W):  # place j of all windows at once: no two of them are the same step
        dpadded[:, j:j + stride * N:stride] += dwindows[:, :, j]            # (B, N, C)
    dx = dpadded[:, padding:padding + n_steps]                      # (B, T, C) [convolution.dx]
    return dx, dw, db

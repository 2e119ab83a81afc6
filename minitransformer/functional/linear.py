"""Linear: the same affine map applied to every row."""

from typing import NamedTuple

import numpy as np

from minitransformer.shapes import expect_shape


class LinearCache(NamedTuple):
    x: np.ndarray         # (..., D)
    w: np.ndarray         # (D, E)
    b: np.ndarray | None  # (E,)
    trainable: bool       # False: w and b are frozen and get no gradient


def linear_forward(x, w, b=None, *, trainable=True):
    """y = x w + b: row vectors, so w is (inputs, outputs).

    x (..., D), w (D, E), b (E,) or None -> y (..., E), cache.
    Raises ValueError when x or b does not fit w.
    """
    expect_shape("w", w, "D E")
    expect_shape("x", x, "... D", D=w.shape[0])
    out = x @ w                                                 # (..., E)
    if b is not None:
        expect_shape("b", b, "E", E=w.shape[1])
        out += b                                                # (..., E)
    return out, LinearCache(x, w, b, trainable)


# By indices, for one row n: y_ne = sum_d x_nd w_de + b_e. An entry is used in these places:
#     x_nd in every y_ne of its row:       dx_nd = sum_e dout_ne w_de   -> dout wᵀ
#     w_de in the y_ne of every row n:     dw_de = sum_n x_nd dout_ne   -> xᵀ dout
#     b_e  in the y_ne of every row n:     db_e  = sum_n dout_ne
# The transposes are nothing more than the sums running over the other index.
def linear_backward(dout, cache):
    """dout (..., E) -> dx (..., D), dw (D, E), db (E,); None for what was None or frozen."""
    x, w, b, trainable = cache
    dw = db = None
    if trainable:
        rows = x.reshape(-1, x.shape[-1])                       # (N, D)
        drows = dout.reshape(-1, dout.shape[-1])                # (N, E)
        db = None if b is None else np.sum(drows, axis=0)       # (E,) [linear.db]
        dw = rows.T @ drows                                     # (D, E) [linear.dw]
    dx = dout @ w.T                                             # (..., D) [linear.dx]
    return dx, dw, db

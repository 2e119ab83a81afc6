"""Projection: the linear pair with its parameters in a tree."""

import math

import numpy as np

from minitransformer.functional import linear_backward, linear_forward
from minitransformer.variants.adapters import adapted, adapted_gradients, linear_part


def projection_init(rng, *, d_in, d_out, bias=True, dtype=np.float32):
    """{"w" (d_in, d_out), "b" (d_out,)}: w uniform in +-sqrt(6 / (d_in + d_out)), b zero.

    This range keeps the variance of values and of gradients about equal through the layer.
    Source: Glorot and Bengio 2010, eq. 16. Without bias, "b" is absent.
    """
    limit = math.sqrt(6 / (d_in + d_out))
    params = {"w": rng.uniform(-limit, limit, (d_in, d_out)).astype(dtype)}  # (d_in, d_out)
    if bias:
        params["b"] = np.zeros(d_out, dtype)                                 # (d_out,)
    return params


def projection_forward(params, x):
    """x (..., d_in) -> y = x w + b, and what adapters in params add (..., d_out), cache."""
    y, cache = linear_forward(x, params["w"], params.get("b"),
                              trainable=params["w"].flags.writeable)  # read-only: frozen
    return adapted(params, x, y, cache)  # (..., d_out) as they are, if there is no "down"


# The linear pair's [linear.dx] [linear.dw] [linear.db], sorted into the tree; "b" stays, as None,
# where it is frozen. (getattr: the cache of a reader's own linear pair may have no names.)
def projection_backward(dout, cache):
    """dout (..., d_out) -> dparams, dx (..., d_in)."""
    dx, dw, db = linear_backward(dout, linear_part(cache))
    dparams = {"w": dw} if getattr(linear_part(cache), "b", db) is None else {"w": dw, "b": db}
    return adapted_gradients(dparams, dx, dout, cache)  # as they are, if there was no "down"

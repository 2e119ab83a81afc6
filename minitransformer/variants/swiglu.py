"""SwiGLU: one half of a layer opens and shuts the other."""

from typing import NamedTuple

import numpy as np

from minitransformer.shapes import expect_same_shape
from minitransformer.variants.silu import SiluCache, silu_backward, silu_forward


class SwigluCache(NamedTuple):
    silu: SiluCache
    opening: np.ndarray  # (..., F) silu(gate)
    up: np.ndarray       # (..., F)


def swiglu_forward(gate, up):
    """y = silu(gate) * up, elementwise.

    gate, up (..., F), the same shape -> y (..., F), cache. Raises ValueError when they differ.
    Source: Shazeer 2020, eq. 6, without the linear maps around it.
    """
    expect_same_shape("gate", gate, "up", up)
    opening, silu_cache = silu_forward(gate)                    # (..., F)
    return opening * up, SwigluCache(silu_cache, opening, up)


# A product: each factor gets dout times the other one, and the gate's goes on through silu.
def swiglu_backward(dout, cache):
    """dout (..., F) -> dgate (..., F), dup (..., F)."""
    dup = dout * cache.opening                                  # (..., F) [swiglu.dup]
    dgate = silu_backward(dout * cache.up, cache.silu)          # (..., F) [swiglu.dgate]
    return dgate, dup

"""Rotary positions: queries and keys are turned by an angle that grows with their place."""

import math
from typing import NamedTuple

import numpy as np

from minitransformer.shapes import expect_shape


class RotaryCache(NamedTuple):
    cos: np.ndarray  # (T, K / 2) or (B, 1, T, K / 2)
    sin: np.ndarray  # the same
    interleaved: bool


def rotary_forward(x, *, positions, base=10000.0, interleaved=True):
    """Turn pair i of the row at place t by the angle t base^(-2i / K).

    x (B, H, T, K), positions (T,) or (B, 1, T) -> y (B, H, T, K), cache. A pair is the entries 2i
    and 2i + 1; with interleaved=False, i and i + K / 2. The dot product of a turned query and a
    turned key depends on the distance of their places alone.
    Raises ValueError for an odd K or positions that fit no row. Source: Su et al. 2021, eq. 34.
    """
    expect_shape("x", x, "B H T K")
    B, _, T, K = x.shape
    if K % 2:
        raise ValueError(f"the width of a head is {K}, but rotary positions turn pairs: it must "
                         f"be even")
    positions = np.asarray(positions)
    if positions.shape not in ((T,), (B, 1, T)):
        raise ValueError(f"positions have shape {positions.shape}, expected (T,) = ({T},) or "
                         f"(B, 1, T) = ({B}, 1, {T})")
    speed = np.exp(-math.log(base) * np.arange(0, K, 2) / K)            # (K / 2,)
    angle = positions[..., None] * speed                                # (T, K / 2) or (B, 1, T, .)
    cos, sin = (f(angle).astype(x.real.dtype) for f in (np.cos, np.sin))
    return _turn(x, cos, sin, interleaved), RotaryCache(cos, sin, interleaved)


# A rotation R(angle) of each pair. In row vectors y = x R, and R's transpose is the rotation back:
#     dx = dout Rᵀ = dout R(-angle)
def rotary_backward(dout, cache):
    """dout (B, H, T, K) -> dx (B, H, T, K)."""
    return _turn(dout, cache.cos, -cache.sin, cache.interleaved)        # [rotary.dx]


def _turn(x, cos, sin, interleaved):
    """(a, b) -> (a cos - b sin, a sin + b cos) for every pair; x (B, H, T, K)."""
    half = x.shape[-1] // 2
    first = slice(0, None, 2) if interleaved else slice(0, half)
    second = slice(1, None, 2) if interleaved else slice(half, None)
    a, b = x[..., first], x[..., second]                                # (B, H, T, K / 2) each
    out = np.empty_like(x)                                              # (B, H, T, K)
    out[..., first] = a * cos - b * sin                                 # (B, H, T, K / 2)
    out[..., second] = a * sin + b * cos                                # (B, H, T, K / 2)
    return out

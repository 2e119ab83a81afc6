"""GELU: ReLU with a soft corner, the input times the chance that a normal number lies below it."""

import math
from typing import NamedTuple

import numpy as np

REACH = 6.0                  # beyond it erf is 1 to the last bit of float64
NEAREST = 1 / (1 + REACH / 2)  # what t = 1 / (1 + x / 2) comes down to at x = REACH; 1 at x = 0
SQRT_2, SQRT_2_PI = math.sqrt(2), math.sqrt(2 / math.pi)


def _fit_tail():
    """Chebyshev coefficients of exp(x^2) (1 - erf(x)) for x from 0 to REACH, as a function of t."""
    def tail(u):
        t = NEAREST + (1 - NEAREST) * (u + 1) / 2               # u from -1 to 1
        return np.array([math.exp(x * x) * math.erfc(x) for x in 2 / t - 2])
    return np.polynomial.chebyshev.chebinterpolate(tail, 19).tolist()


TAIL_COEFFICIENTS = _fit_tail()


def erf(x):
    """The error function, 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x, elementwise.

    x (...), real or complex -> (...). Its error is at most 2e-15, that of its slope 2e-13. NumPy
    has none, and math.erf takes one number at a time (170 ns each; this takes 30). For x >= 0 it is
    1 - exp(-x^2) g(t), t = 1 / (1 + x / 2), where g has no corner anywhere and is summed from its
    Chebyshev series by Clenshaw's recurrence: sums and products, which the complex step may pass.
    """
    sign = np.where(x.real < 0, -1, 1).astype(x.real.dtype)     # (...)
    x = sign * x                                                # (...) erf(-x) = -erf(x)
    outside = x.real >= REACH                                   # (...) not for nan
    x = np.where(outside, REACH, x)                             # (...)
    t = 1 / (1 + 0.5 * x)                                       # (...)
    u = (t - NEAREST) * (2 / (1 - NEAREST)) - 1                 # (...)
    later = latest = np.zeros_like(u)                           # (...)
    for c in reversed(TAIL_COEFFICIENTS[1:]):
        later, latest = c + 2 * u * later - latest, later       # (...)
    g = TAIL_COEFFICIENTS[0] + u * later - latest               # (...)
    return sign * np.where(outside, 1, 1 - np.exp(-x * x) * g)  # (...)


class GeluCache(NamedTuple):
    x: np.ndarray      # (...)
    below: np.ndarray  # (...) the chance that a standard normal number is below x


def gelu_forward(x):
    """y = x P(x), elementwise, with P(x) = (1 + erf(x / sqrt(2))) / 2, the normal distribution.

    x (...) -> y (...), cache. Source: Hendrycks and Gimpel 2016, the exact form.
    """
    below = (1 + erf(x * (1 / SQRT_2))) / 2                     # (...)
    return x * below, GeluCache(x, below)


# The slope of P is the bell curve p(x) = exp(-x^2 / 2) / sqrt(2 pi). By the product rule
#     dx = dout (P(x) + x p(x))
def gelu_backward(dout, cache):
    """dout (...) -> dx (...)."""
    x, below = cache
    bell = np.exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi))  # (...)
    return dout * (below + x * bell)                            # (...) [gelu.dx]


class GeluTanhCache(NamedTuple):
    x: np.ndarray     # (...)
    tanh: np.ndarray  # (...)


def gelu_tanh_forward(x):
    """y = x (1 + tanh(u)) / 2, u = sqrt(2 / pi) (x + 0.044715 x^3): GELU to 5e-4, and quick.

    x (...) -> y (...), cache. Source: Hendrycks and Gimpel 2016; used by GPT-2.
    """
    tanh = np.tanh(SQRT_2_PI * (x + 0.044715 * (x * x * x)))    # (...) x ** 3 is 20 times slower
    return x * (0.5 * (1 + tanh)), GeluTanhCache(x, tanh)


# tanh' = 1 - tanh^2 and du / dx = sqrt(2 / pi) (1 + 3 * 0.044715 x^2). By the product rule
#     dx = dout ((1 + tanh) / 2 + x (1 - tanh^2) / 2 * du / dx)
def gelu_tanh_backward(dout, cache):
    """dout (...) -> dx (...)."""
    x, tanh = cache
    slope_of_u = SQRT_2_PI * (1 + 3 * 0.044715 * (x * x))       # (...)
    slope = 0.5 * (1 + tanh) + 0.5 * x * (1 - tanh * tanh) * slope_of_u  # (...)
    return dout * slope                                         # (...) [gelu_tanh.dx]

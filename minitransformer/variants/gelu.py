"""GELU: ReLU with a soft corner, the input times the chance that a normal number lies below it."""

import math
from typing import NamedTuple

import numpy as np

from minitransformer.tree import PIECE  # entries that the processor's cache holds

REACH = 6.0                  # beyond it erf is 1 to the last bit of float64
NEAREST = 1 / (1 + REACH / 2)  # what t = 1 / (1 + x / 2) comes down to at x = REACH; 1 at x = 0
SQRT_2, SQRT_2_PI = math.sqrt(2), math.sqrt(2 / math.pi)
FLAT = 30.0         # beyond it tanh(u) is 1 to the last bit, in float64 too


def _fit_tail():
    """Chebyshev coefficients of exp(x^2) (1 - erf(x)) for x from 0 to REACH, as a function of t."""
    def tail(u):
        t = NEAREST + (1 - NEAREST) * (u + 1) / 2               # u from -1 to 1
        return np.array([math.exp(x * x) * math.erfc(x) for x in 2 / t - 2])
    return np.polynomial.chebyshev.chebinterpolate(tail, 19).tolist()


TAIL_COEFFICIENTS = _fit_tail()
TERMS = {4: 9, 8: 20}  # how many of them a real number of 4 or 8 bytes can feel


def erf(x):
    """The error function, 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x, elementwise.

    x (...), real or complex -> (...). In float64 its error is at most 2e-15, that of its slope
    2e-13. NumPy has none, and math.erf takes one number at a time (170 ns each; this takes 15, and
    5 in float32). For x >= 0 it is 1 - exp(-x^2) g(t), t = 1 / (1 + x / 2), where g has no corner
    anywhere and is summed from its Chebyshev series: sums and products, which the complex step may
    pass.
    """
    flat = np.reshape(x, -1)                                    # (N,)
    pieces = [_erf(flat[n:n + PIECE]) for n in range(0, flat.size, PIECE)]  # half the time of one
    return np.concatenate([*pieces, flat[:0]]).reshape(x.shape)  # (...)


# With t = 1 / (1 + x / 2) and u as in _fit_tail: 2 u = stretch (t - NEAREST) - 2.
def _erf(x):
    sign = np.copysign(x.real.dtype.type(1), x.real)            # (N,)
    x = sign * x                                                # (N,) erf(-x) = -erf(x)
    x[x.real > REACH] = REACH                                   # (N,) erf is 1 from there on
    twice, stretch = 0.5 * x, 4 / (1 - NEAREST)                 # (N,)
    twice += 1                                                  # (N,) 1 / t
    np.divide(stretch, twice, out=twice)                        # (N,) stretch t
    twice -= stretch * NEAREST + 2                              # (N,) 2 u
    first, *others = TAIL_COEFFICIENTS[:TERMS[x.real.itemsize]]
    later, latest, spare = (np.zeros_like(x) for _ in range(3))
    for c in reversed(others):                                  # Clenshaw's recurrence
        np.multiply(twice, later, out=spare)                    # (N,)
        spare -= latest                                         # (N,)
        spare += c                                              # (N,) c + 2 u later - latest
        later, latest, spare = spare, later, latest
    g = np.multiply(twice, 0.5, out=twice)                      # (N,) u
    g *= later                                                  # (N,)
    g -= latest                                                 # (N,)
    g += first                                                  # (N,) first + u later - latest
    x *= x                                                      # (N,)
    np.negative(x, out=x)                                       # (N,)
    np.exp(x, out=x)                                            # (N,) exp(-x^2)
    x *= g                                                      # (N,)
    np.subtract(1, x, out=x)                                    # (N,) 1 - exp(-x^2) g
    x *= sign                                                   # (N,)
    return x


class GeluCache(NamedTuple):
    x: np.ndarray      # (...)
    below: np.ndarray  # (...) the chance that a standard normal number is below x


def gelu_forward(x):
    """y = x P(x), elementwise, with P(x) = (1 + erf(x / sqrt(2))) / 2, the normal distribution.

    x (...) -> y (...), cache. Source: Hendrycks and Gimpel 2016, the exact form.
    """
    below = 0.5 * (1 + erf(x * (1 / SQRT_2)))                   # (...)
    return x * below, GeluCache(x, below)


# The slope of P is the bell curve p(x) = exp(-x^2 / 2) / sqrt(2 pi). By the product rule
#     dx = dout (P(x) + x p(x))
def gelu_backward(dout, cache):
    """dout (...) -> dx (...)."""
    x, below = cache
    bell = x * x                                                # (...)
    bell *= -0.5                                                # (...)
    np.exp(bell, out=bell)                                      # (...) exp(-x^2 / 2)
    slope = np.multiply(bell, x, out=bell)                      # (...)
    slope *= 1 / math.sqrt(2 * math.pi)                         # (...) x p(x)
    slope += below                                              # (...) P(x) + x p(x)
    slope *= dout                                               # (...) [gelu.dx]
    return slope


class GeluTanhCache(NamedTuple):
    x: np.ndarray     # (...)
    tanh: np.ndarray  # (...)


def gelu_tanh_forward(x):
    """y = x (1 + tanh(u)) / 2, u = sqrt(2 / pi) (x + 0.044715 x^3): GELU to 5e-4, and quick.

    x (...) -> y (...), cache. Source: Hendrycks and Gimpel 2016; used by GPT-2.
    """
    u = x * x                                                   # (...) x ** 3 is 20 times slower
    u *= 0.044715 * SQRT_2_PI                                   # (...)
    u += SQRT_2_PI                                              # (...)
    u *= x                                                      # (...) u
    tanh = np.tanh(u, out=u)                                    # (...) u's array is not read again
    out = 0.5 * tanh                                            # (...)
    out += 0.5                                                  # (...) (1 + tanh) / 2
    out *= x                                                    # (...)
    return out, GeluTanhCache(x, tanh)


# tanh' = 1 - tanh^2 and du / dx = sqrt(2 / pi) (1 + 3 * 0.044715 x^2). By the product rule
#     dx = dout ((1 + tanh) / 2 + x (1 - tanh^2) / 2 * du / dx)
#        = dout (1 + tanh + x (1 - tanh^2) du / dx) / 2
# Far out 1 - tanh^2 is 0 and x du / dx may overflow, and 0 times infinity is NaN: so x is cut off
# there, where it no longer matters.
# In place, line by line: 1 ms for a million entries, where one expression took 3, or 9 where freed
# memory is not kept (malloc.py).
def gelu_tanh_backward(dout, cache):
    """dout (...) -> dx (...)."""
    x, tanh = cache
    x = np.clip(x, -FLAT, FLAT)                                 # (...)
    slope = x * x                                               # (...)
    slope *= 3 * 0.044715 * SQRT_2_PI                           # (...)
    slope += SQRT_2_PI                                          # (...) du / dx
    slope *= x                                                  # (...) x du / dx
    rising = tanh * tanh                                        # (...)
    np.subtract(1, rising, out=rising)                          # (...) 1 - tanh^2
    slope *= rising                                             # (...) x (1 - tanh^2) du / dx
    slope += tanh                                               # (...)
    slope += 1                                                  # (...) the whole bracket
    slope *= 0.5                                                # (...)
    slope *= dout                                               # (...) [gelu_tanh.dx]
    return slope

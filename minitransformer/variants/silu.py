"""SiLU: the input times its own logistic function."""

from typing import NamedTuple

import numpy as np


class SiluCache(NamedTuple):
    x: np.ndarray         # (...)
    logistic: np.ndarray  # (...) 1 / (1 + exp(-x))


def silu_forward(x):
    """y = x / (1 + exp(-x)), elementwise.

    x (...) -> y (...), cache. The logistic function is written by tanh, which cannot overflow:
    1 / (1 + exp(-x)) = (1 + tanh(x / 2)) / 2. Source: Elfwing, Uchibe and Doya 2018.
    """
    logistic = 0.5 * (1 + np.tanh(0.5 * x))                     # (...)
    return x * logistic, SiluCache(x, logistic)


# With s the logistic function, s' = s (1 - s). By the product rule
#     dx = dout (s + x s (1 - s)) = dout s (1 + x (1 - s))
def silu_backward(dout, cache):
    """dout (...) -> dx (...)."""
    x, logistic = cache
    slope = 1 - logistic                                        # (...) 1 - s
    slope *= x                                                  # (...) x (1 - s)
    slope += 1                                                  # (...) 1 + x (1 - s)
    slope *= logistic                                           # (...) s (1 + x (1 - s))
    slope *= dout                                               # (...) [silu.dx]
    return slope

"""ReLU: what is negative becomes zero."""

from typing import NamedTuple

import numpy as np


class ReluCache(NamedTuple):
    positive: np.ndarray  # (...) bool


def relu_forward(x):
    """y = max(x, 0), elementwise. x (...) -> y (...), cache."""
    positive = x.real > 0                                       # (...)
    return x * positive, ReluCache(positive)


# The slope is 1 where x > 0 and 0 where x < 0. At x = 0 there is no slope; 0 is the custom.
def relu_backward(dout, cache):
    """dout (...) -> dx (...)."""
    (positive,) = cache
    return dout * positive                                      # (...) [relu.dx]

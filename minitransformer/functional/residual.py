"""Residual: a branch adds to its input instead of replacing it."""

from typing import NamedTuple

from minitransformer.shapes import expect_same_shape


class ResidualCache(NamedTuple):
    """Nothing: the gradient of a sum does not depend on its terms."""


def residual_forward(x, branch):
    """y = x + branch. x (...), branch (...), the same shape -> y (...), cache.

    Raises ValueError when the shapes differ: a sum that broadcasts hides a mistake.
    Source: He et al. 2016.
    """
    expect_same_shape("branch", branch, "x", x)
    return x + branch, ResidualCache()


# dy / dx = dy / dbranch = 1: the gradient reaches both unchanged, however deep the stack is.
# Both results are dout itself. Whoever adds to one of them must write a new array.
def residual_backward(dout, cache):
    """dout (...) -> dx (...), dbranch (...)."""
    return dout, dout                                           # [residual.dx] [residual.dbranch]

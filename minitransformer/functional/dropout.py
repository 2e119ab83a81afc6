"""Dropout: while training, a random part of the values is set to zero."""

from typing import NamedTuple

import numpy as np

from minitransformer.shapes import expect_fraction, expect_same_shape


class DropoutCache(NamedTuple):
    factor: np.ndarray | None  # (...) 0 where dropped, 1 / (1 - rate) where kept; None: identity


def dropout_forward(x, *, rate, rng=None, training=True, keep=None):
    """y = x * keep / (1 - rate), each keep 1 with probability 1 - rate; y = x when not training.

    x (...) -> y (...), cache. The division keeps the mean of y at x, so that evaluation needs no
    correction. rng: a numpy Generator, which moves on; keep (...) bool: this mask, nothing drawn.
    Raises ValueError when rate is not in 0 <= rate < 1, when neither rng nor keep is given, or keep
    has another shape than x. Source: Srivastava et al. 2014, in its "inverted" form.
    """
    expect_fraction("dropout rate", rate)
    if not training or rate == 0:
        return x, DropoutCache(None)
    if keep is None and rng is None:
        raise ValueError("dropout needs rng, a numpy Generator, or keep, a mask of x's shape")
    if keep is None:
        keep = rng.random(x.shape, dtype=np.float32) >= rate    # (...) bool
    expect_same_shape("keep", keep, "x", x)
    factor = keep.astype(x.real.dtype) / float(1 - rate)        # (...) a np.float64 would lift it
    return x * factor, DropoutCache(factor)


# y_i = factor_i x_i with a factor that does not depend on x: the same factor, so the same mask.
def dropout_backward(dout, cache):
    """dout (...) -> dx (...)."""
    (factor,) = cache
    return dout if factor is None else dout * factor            # (...) [dropout.dx]


def dropout_rng(key, site):
    """The generator of one dropout site, or None when key is None (evaluation).

    key is (seed, step, layer). Made anew from these numbers, or by the seed, where it is used, so
    that a resumed run, a recomputed block and another machine all draw the same mask.
    """
    return None if key is None else getattr(key[0], "rng", np.random.default_rng)([*key, site])

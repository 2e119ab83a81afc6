"""Exercises 14.5 and 14.6: the gates that took the place of ReLU."""

import math

import numpy as np

from minitransformer.teaching.exercise import Mistake, call, pair_exercise
from minitransformer.variants import gelu_forward, silu_backward, swiglu_forward


def my_gelu_backward(dout, cache):
    """dout (...) -> dx (...): the product rule, x times P(x)."""
    x, below = cache
    bell = np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)            # (...)
    return dout * (below + x * bell)


def gelu_mistake(slope):
    """my_gelu_backward with another slope, of x, P(x) and the bell curve."""
    def backward(dout, cache):
        x, below = cache
        return dout * slope(x, below, np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi))
    return backward


def my_swiglu_backward(dout, cache):
    """dout (..., F) -> dgate (..., F), dup (..., F)."""
    dup = dout * cache.opening                                      # (..., F)
    dgate = silu_backward(dout * cache.up, cache.silu)              # (..., F)
    return dgate, dup


def swiglu_mistake(*, dgate=None, dup=None):
    """my_swiglu_backward with one of its two results made otherwise."""
    def backward(dout, cache):
        right_dgate, right_dup = my_swiglu_backward(dout, cache)
        return (dgate(dout, cache) if dgate else right_dgate,
                dup(dout, cache) if dup else right_dup)
    return backward


ITEMS = (
    pair_exercise(
        "14.5", "the backward of GELU", 6,
        forward=gelu_forward,
        solution=my_gelu_backward,
        names="x",
        inputs=lambda rng: [call(2 * rng.normal(size=(5, 3))), call(rng.normal(size=(2, 4, 7)))],
        mistakes=(
            Mistake(gelu_mistake(lambda x, below, bell: below),
                    "x stands twice in x P(x): the term with the slope of P is missing."),
            Mistake(gelu_mistake(lambda x, below, bell: below + bell),
                    "The slope of P is to be multiplied by x: the product rule."),
            Mistake(gelu_mistake(lambda x, below, bell: x * bell),
                    "x stands twice in x P(x): the term P(x) itself is missing."),
            Mistake(gelu_mistake(lambda x, below, bell: below + x * bell * math.sqrt(2 * math.pi)),
                    "The bell curve is not divided by sqrt(2 pi): without it, the area under it "
                    "would not be 1."),
            Mistake(gelu_mistake(lambda x, below, bell: below + x * np.exp(-x * x)
                                 / math.sqrt(2 * math.pi)),
                    "In the exponent stands x^2 / 2, not x^2."),
            Mistake(gelu_mistake(lambda x, below, bell: below - x * x * bell),
                    "-x times the bell is the bell's own slope. Asked is the slope of P, and that "
                    "is the bell."),
            Mistake(gelu_mistake(lambda x, below, bell: below - x * bell),
                    "P grows with x, and its slope is the bell itself: both terms have a plus."),
            Mistake(lambda dout, cache: dout * cache.below + cache.x * np.exp(
                        -0.5 * cache.x ** 2) / math.sqrt(2 * math.pi),
                    "Both terms of the slope are multiplied by dout: brackets."),
            Mistake(lambda dout, cache: cache.below + cache.x * np.exp(-0.5 * cache.x ** 2)
                    / math.sqrt(2 * math.pi),
                    "This is the slope. What goes back is dout times the slope."),
        ),
        hints=("y = x P(x). The product rule has two terms: the slope of x times P(x), and x times "
               "the slope of P.",
               "P is the area under the bell curve up to x: its slope is the curve's height, "
               "exp(-x^2 / 2) / sqrt(2 pi).",
               "x, below = cache; dout * (below + x * bell)"),
    ),
    pair_exercise(
        "14.6", "the backward of SwiGLU", 6,
        forward=swiglu_forward,
        solution=my_swiglu_backward,
        names="gate up",
        inputs=lambda rng: [call(*rng.normal(size=(2, 5, 3))),
                            call(*rng.normal(size=(2, 2, 4, 7)))],
        mistakes=(
            Mistake(lambda dout, cache: my_swiglu_backward(dout, cache)[::-1],
                    "dgate and dup are exchanged: return dgate first, as gate is the first input."),
            Mistake(swiglu_mistake(dgate=lambda dout, cache: dout * cache.up),
                    "dgate has not passed the silu: dout * up is the gradient of silu(gate), not "
                    "of gate."),
            Mistake(swiglu_mistake(dgate=lambda dout, cache: silu_backward(dout, cache.silu)),
                    "dgate lacks the factor up: in a product, each factor's gradient is dout times "
                    "the other."),
            Mistake(swiglu_mistake(dgate=lambda dout, cache: silu_backward(
                        dout * cache.opening, cache.silu)),
                    "dgate has the wrong factor: it gets dout times up, the other factor."),
            Mistake(swiglu_mistake(dgate=lambda dout, cache: dout * cache.up * cache.opening),
                    "dgate is multiplied by the silu's value. It needs the silu's slope: "
                    "silu_backward knows it."),
            Mistake(swiglu_mistake(dup=lambda dout, cache: cache.opening),
                    "dup lacks dout: in a product, each factor's gradient is dout times the "
                    "other."),
            Mistake(swiglu_mistake(dup=lambda dout, cache: dout * cache.silu.x),
                    "dup has gate as its factor. In the product stood silu(gate), cache.opening."),
            Mistake(swiglu_mistake(dup=lambda dout, cache: dout * cache.silu.logistic),
                    "dup has the logistic function as its factor. In the product stood silu(gate), "
                    "which is gate times that: cache.opening."),
            Mistake(swiglu_mistake(dup=lambda dout, cache: dout * cache.up),
                    "dup has itself as its factor: it gets dout times the other one."),
        ),
        hints=("out = opening * up, a product entry by entry. What does each factor get?",
               "dup = dout * cache.opening. And opening gets dout * cache.up, which is not yet "
               "dgate.",
               "silu_backward(..., cache.silu) leads from the gradient of opening to dgate."),
    ),
)

"""Pairs of one line, to try the gradient check on."""

import numpy as np
import pytest

from minitransformer.gradient_check import check_gradients

METHODS = pytest.mark.parametrize("method", ["complex", "central", "directional"])
BARS = {"complex": 1e-12, "central": 1e-7, "directional": 1e-12}
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(2, 3, 4)), RNG.normal(size=(2, 3, 4))


def product(x, y):
    """out = x * y * y."""
    return x * y * y, (x, y)


def product_backward(dout, cache):
    x, y = cache
    return dout * y * y, 2 * dout * x * y


def square(x):
    return x * x, (x,)


def square_backward(dout, cache):
    (x,) = cache
    return 2 * dout * x


def check_product(backward=product_backward, **arguments):
    return check_gradients(product, backward, X, Y, **arguments)


def tree_forward(params, x):
    """Trees in, a tree out."""
    up, (gain, _) = params["up"]["w"], params["rest"]
    return {"a": [x @ up], "b": gain * gain}, (x, up, gain)


def tree_backward(dout, cache):
    x, up, gain = cache
    (da,) = dout["a"]
    dparams = {"up": {"w": x.T @ da}, "rest": [2 * gain * dout["b"], None]}
    return dparams, da @ up.T


TREE = {"up": {"w": RNG.normal(size=(3, 5))}, "rest": [RNG.normal(size=2), None]}

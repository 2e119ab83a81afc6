import numpy as np
import pytest

from minitransformer.functional import linear_backward, linear_forward
from minitransformer.variants import low_rank_backward, low_rank_forward


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def test_hand_example():
    x, down, up = np.array([[1.0, 2], [3, -1]]), np.array([[1.0], [2]]), np.array([[3.0, -1]])
    out, cache = low_rank_forward(x, down, up, scale=2.0)
    assert out.tolist() == [[30, -10], [6, -2]]
    assert cache.narrow.tolist() == [[5], [1]] and cache.scale == 2
    dx, ddown, dup = low_rank_backward(np.array([[1.0, 0], [2, 1]]), cache)
    assert dx.tolist() == [[6, 12], [10, 20]]
    assert ddown.tolist() == [[36], [2]]
    assert dup.tolist() == [[14, 2]]


@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 3, 4)])
def test_it_is_the_linear_map_that_it_stands_for(shape):
    x, down, up, dout = normal(*shape), normal(4, 2), normal(2, 5), normal(*shape[:-1], 5, seed=1)
    out, cache = low_rank_forward(x, down, up, scale=0.7)
    w = 0.7 * down @ up
    expected, linear_cache = linear_forward(x, w)
    np.testing.assert_allclose(out, expected, rtol=1e-12, atol=1e-14)
    dx, ddown, dup = low_rank_backward(dout, cache)
    dx_linear, dw, _ = linear_backward(dout, linear_cache)
    np.testing.assert_allclose(dx, dx_linear, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(ddown, 0.7 * dw @ up.T, rtol=1e-12, atol=1e-14)  # w = scale down up
    np.testing.assert_allclose(dup, 0.7 * down.T @ dw, rtol=1e-12, atol=1e-14)


def test_the_scale_is_1_unless_said():
    x, down, up = normal(3, 4), normal(4, 2), normal(2, 5)
    assert np.array_equal(low_rank_forward(x, down, up)[0],
                          low_rank_forward(x, down, up, scale=1)[0])
    assert np.array_equal(low_rank_forward(x, down, up)[0], x @ down @ up)


def test_with_up_at_zero_up_alone_learns_and_with_both_at_zero_nothing_does():
    x, down, dout = normal(3, 4), normal(4, 2), normal(3, 5, seed=1)
    out, cache = low_rank_forward(x, down, np.zeros((2, 5)))
    dx, ddown, dup = low_rank_backward(dout, cache)
    assert not out.any() and not dx.any() and not ddown.any() and dup.all()
    _, cache = low_rank_forward(x, 0 * down, np.zeros((2, 5)))
    assert not any(gradient.any() for gradient in low_rank_backward(dout, cache))


def test_frozen_it_passes_the_gradient_on_and_makes_none():
    x, down, up, dout = normal(3, 4), normal(4, 2), normal(2, 5), normal(3, 5, seed=1)
    _, cache = low_rank_forward(x, down, up)
    dx, _, _ = low_rank_backward(dout, cache)
    _, cache = low_rank_forward(x, down, up, trainable=False)
    frozen_dx, ddown, dup = low_rank_backward(dout, cache)
    assert np.array_equal(dx, frozen_dx) and ddown is None and dup is None


@pytest.mark.parametrize("shapes, words", [
    (((3, 4), (5, 2), (2, 5)), r"down has shape \(5, 2\), expected"),
    (((3, 4), (4, 2), (3, 5)), r"up has shape \(3, 5\), expected"),
    (((3, 4), (4,), (2, 5)), r"down has shape \(4,\)"),
    (((3, 4), (4, 2), (2,)), r"up has shape \(2,\)"),
])
def test_what_does_not_fit_is_named(shapes, words):
    with pytest.raises(ValueError, match=words):
        low_rank_forward(*(normal(*shape) for shape in shapes))

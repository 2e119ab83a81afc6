import math
import warnings

import numpy as np
import pytest

from minitransformer.functional import (
    log_softmax_backward,
    log_softmax_forward,
    softmax_backward,
    softmax_forward,
)


def test_value_by_its_definition():
    x = np.random.default_rng(0).normal(size=(2, 3, 5))
    p, cache = softmax_forward(x)
    log_p, _ = log_softmax_forward(x)
    for n in np.ndindex(2, 3):
        total = sum(math.exp(value) for value in x[n])
        for i in range(5):
            assert math.isclose(p[n][i], math.exp(x[n][i]) / total, rel_tol=1e-13)
            assert math.isclose(log_p[n][i], x[n][i] - math.log(total), rel_tol=1e-12)
    assert cache.probs is p


def test_hand_example():
    p, cache = softmax_forward(np.log([[1.0, 2, 5]]))
    np.testing.assert_allclose(p, [[0.125, 0.25, 0.625]], rtol=1e-15)
    # p_j (dout_j - sum_i dout_i p_i), the sum being 0.125 * 8 + 0.25 * 4 = 2
    np.testing.assert_allclose(softmax_backward(np.array([[8.0, 4, 0]]), cache),
                               [[0.75, 0.5, -1.25]], rtol=1e-14)


def test_log_softmax_hand_example():
    _, cache = log_softmax_forward(np.log([[1.0, 2, 5]]))
    np.testing.assert_allclose(log_softmax_backward(np.array([[8.0, 4, 0]]), cache),
                               [[8 - 1.5, 4 - 3, -7.5]], rtol=1e-14)


def test_gradient_is_the_product_with_the_jacobian():
    rng = np.random.default_rng(0)
    x, dout = rng.normal(size=5), rng.normal(size=5)
    p, cache = softmax_forward(x)
    np.testing.assert_allclose(softmax_backward(dout, cache), (np.diag(p) - np.outer(p, p)) @ dout,
                               rtol=1e-13)
    _, cache = log_softmax_forward(x)
    np.testing.assert_allclose(log_softmax_backward(dout, cache),
                               (np.eye(5) - np.outer(p, np.ones(5))) @ dout, rtol=1e-13)


def test_a_constant_gradient_changes_nothing():
    x = np.random.default_rng(0).normal(size=(4, 6))
    _, cache = softmax_forward(x)
    assert np.max(np.abs(softmax_backward(np.full((4, 6), 3.0), cache))) < 1e-15


def test_shift_invariance():
    x = np.random.default_rng(0).normal(size=(4, 6))
    np.testing.assert_allclose(softmax_forward(x + 100)[0], softmax_forward(x)[0], rtol=1e-12)
    np.testing.assert_allclose(log_softmax_forward(x + 100)[0], log_softmax_forward(x)[0],
                               atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e4, 1e30])
def test_huge_scores_do_not_overflow(size, dtype):
    x = size * np.array([[0, 1, 1], [-1, -2, -3]], dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        p, _ = softmax_forward(x)
        log_p, cache = log_softmax_forward(x)
        dx = log_softmax_backward(np.ones_like(x), cache)
    log2 = math.log(2)
    assert p.tolist() == [[0, 0.5, 0.5], [1, 0, 0]]
    np.testing.assert_allclose(log_p, [[-size - log2, -log2, -log2], [0, -size, -2 * size]],
                               rtol=1e-6)
    np.testing.assert_allclose(dx, [[1, -0.5, -0.5], [-2, 1, 1]], rtol=1e-6)


def test_log_of_a_tiny_probability_is_finite():
    log_p, _ = log_softmax_forward(np.array([0.0, -1000]))
    assert log_p.tolist() == [0, -1000]


def test_minus_infinity_is_probability_zero_exactly():
    p, cache = softmax_forward(np.array([[1.0, -np.inf, 1.0]]))
    assert p.tolist() == [[0.5, 0, 0.5]]
    assert softmax_backward(np.array([[1.0, 1e30, 3]]), cache).tolist()[0][1] == 0

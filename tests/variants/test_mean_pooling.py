import warnings

import numpy as np
import pytest

from minitransformer.variants import mean_pooling_backward, mean_pooling_forward

REAL = np.array([[True, True, True], [True, False, True], [False, False, False]])


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def test_hand_example():
    x = np.array([[[1.0, 4], [3, 0], [100, 100]]])
    out, cache = mean_pooling_forward(x, mask=np.array([[True, True, False]]))
    assert out.tolist() == [[2, 2]]
    assert mean_pooling_backward(np.array([[6.0, -2]]), cache).tolist() == [[[3, -1], [3, -1],
                                                                             [0, 0]]]


def test_without_a_mask_every_token_counts():
    x = normal(2, 3, 4)
    out, cache = mean_pooling_forward(x)
    np.testing.assert_allclose(out, (x[:, 0] + x[:, 1] + x[:, 2]) / 3, rtol=1e-15)
    assert np.array_equal(out, mean_pooling_forward(x, mask=np.ones((2, 3), bool))[0])
    dout = normal(2, 4, seed=1)
    for t in range(3):
        np.testing.assert_allclose(mean_pooling_backward(dout, cache)[:, t], dout / 3, rtol=1e-15)


def test_padding_changes_nothing_whatever_stands_there():
    x = normal(3, 3, 4)
    out, _ = mean_pooling_forward(x, mask=REAL)
    np.testing.assert_allclose(out[1], (x[1, 0] + x[1, 2]) / 2, rtol=1e-15)
    x[1, 1], x[2] = np.nan, np.inf
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again, cache = mean_pooling_forward(x, mask=REAL.tolist())
        dx = mean_pooling_backward(np.ones((3, 4)), cache)
    assert np.array_equal(again, out)
    assert not dx[1, 1].any()


def test_a_sequence_without_a_real_token_gives_zeros_and_zero_gradients():
    out, cache = mean_pooling_forward(normal(3, 3, 4), mask=REAL)
    assert not out[2].any() and out[:2].all()
    dx = mean_pooling_backward(np.ones((3, 4)), cache)
    assert not dx[2].any()
    np.testing.assert_array_equal(dx[0], np.full((3, 4), 1 / 3))


@pytest.mark.parametrize("x, mask, error, words", [
    (normal(2, 4), None, ValueError, r"x has shape \(2, 4\), expected \(B, T, D\)"),
    (normal(2, 3, 4), np.ones((2, 3)), TypeError, "mask must be boolean .* got float64"),
    (normal(2, 3, 4), np.ones((1, 3), bool), ValueError, r"mask has shape \(1, 3\), expected "
                                                         r"\(2, 3\)"),
    (normal(2, 3, 4), np.ones((2, 1), bool), ValueError, r"mask has shape \(2, 1\)"),
    (normal(2, 3, 4), np.ones((2, 3, 4), bool), ValueError, r"mask has shape \(2, 3, 4\)"),
])
def test_what_does_not_fit_is_named(x, mask, error, words):
    with pytest.raises(error, match=words):
        mean_pooling_forward(x, mask=mask)

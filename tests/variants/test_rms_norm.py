import math

import numpy as np
import pytest

from minitransformer.variants import rms_norm_backward, rms_norm_forward


def test_hand_example():
    x, gain = np.array([[3.0, 4, 0, 0]]), np.array([1.0, 10, 1, 1])  # mean of squares 25 / 4
    out, cache = rms_norm_forward(x, gain, eps=0.0)
    np.testing.assert_allclose(out, [[1.2, 16, 0, 0]], rtol=1e-15)
    dx, dgain = rms_norm_backward(np.array([[1.0, 0, 1, 0]]), cache)
    np.testing.assert_allclose(dgain, [1.2, 0, 0, 0], rtol=1e-15)
    # dn = (1, 0, 1, 0); mean of dn n = 0.3; dx = (dn - 0.3 n) / 2.5
    np.testing.assert_allclose(dx, [[0.256, -0.192, 0.4, 0]], rtol=1e-14, atol=1e-16)


def test_default_eps_stands_inside_the_root():
    x = np.full((2, 3), 1e-3)
    np.testing.assert_allclose(rms_norm_forward(x, np.ones(3))[0],
                               1e-3 / math.sqrt(1e-6 + 1e-5), rtol=1e-12)


def test_the_length_is_forgotten_and_the_mean_is_not():
    rng = np.random.default_rng(0)
    x, gain = rng.normal(size=(3, 6)), rng.normal(size=6)
    out, cache = rms_norm_forward(x, gain, eps=0.0)
    np.testing.assert_allclose(rms_norm_forward(7 * x, gain, eps=0.0)[0], out, rtol=1e-12)
    assert np.abs(rms_norm_forward(x + 2, gain, eps=0.0)[0] - out).max() > 0.1
    dx, _ = rms_norm_backward(rng.normal(size=(3, 6)), cache)
    assert np.max(np.abs((dx * x).sum(axis=-1))) < 1e-14


def test_a_row_of_zeros_stays_zero():
    out, cache = rms_norm_forward(np.zeros((2, 3)), np.ones(3))
    assert not out.any()
    assert np.isfinite(rms_norm_backward(np.ones((2, 3)), cache)[0]).all()


def test_wrong_shapes_are_named():
    with pytest.raises(ValueError, match=r"gain has shape \(1,\), expected \(3,\) = \(D\)"):
        rms_norm_forward(np.ones((2, 3)), np.ones(1))

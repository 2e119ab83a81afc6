import math

import numpy as np
import pytest

from minitransformer.functional import layer_norm_backward, layer_norm_forward


def test_value_by_its_definition():
    rng = np.random.default_rng(0)
    x, gain, bias = rng.normal(3, 2, size=(2, 3, 5)), rng.normal(size=5), rng.normal(size=5)
    out, _ = layer_norm_forward(x, gain, bias, eps=0.1)
    for n in np.ndindex(2, 3):
        mean = sum(x[n]) / 5
        variance = sum((value - mean) ** 2 for value in x[n]) / 5
        for d in range(5):
            expected = gain[d] * (x[n][d] - mean) / math.sqrt(variance + 0.1) + bias[d]
            assert math.isclose(out[n][d], expected, rel_tol=1e-12)


def test_hand_example():
    x, gain, bias = np.array([[1.0, 3], [7, 3]]), np.array([2.0, 10]), np.array([0.0, 5])
    out, cache = layer_norm_forward(x, gain, bias, eps=0.0)
    assert out.tolist() == [[-2, 15], [2, -5]]
    dx, dgain, dbias = layer_norm_backward(np.array([[1.0, 2], [3, 4]]), cache)
    assert dgain.tolist() == [2, -2]
    assert dbias.tolist() == [4, 6]
    assert not dx.any()  # with two numbers and no eps, only the sign of their difference matters


def test_default_eps():
    x = np.random.default_rng(0).normal(size=(3, 4))
    one, zero = np.ones(4), np.zeros(4)
    assert np.array_equal(layer_norm_forward(x, one, zero)[0],
                          layer_norm_forward(x, one, zero, eps=1e-5)[0])


def test_a_constant_row_gives_the_bias():
    out, cache = layer_norm_forward(np.full((2, 3), 4.0), np.ones(3), np.array([1.0, 2, 3]))
    assert out.tolist() == [[1, 2, 3]] * 2
    assert np.all(np.isfinite(layer_norm_backward(np.ones((2, 3)), cache)[0]))


def test_shift_and_stretch_are_forgotten():
    rng = np.random.default_rng(0)
    x, gain, bias = rng.normal(size=(3, 6)), rng.normal(size=6), rng.normal(size=6)
    out, cache = layer_norm_forward(x, gain, bias, eps=0.0)
    np.testing.assert_allclose(layer_norm_forward(7 * x + 2, gain, bias, eps=0.0)[0], out,
                               rtol=1e-12)
    dx, _, _ = layer_norm_backward(rng.normal(size=(3, 6)), cache)
    assert np.max(np.abs(dx.sum(axis=-1))) < 1e-14
    assert np.max(np.abs((dx * cache.normalized).sum(axis=-1))) < 1e-14


def test_a_large_mean_does_not_hurt_in_float32():
    rng = np.random.default_rng(0)
    x = rng.normal(1e4, 1, size=(4, 64)).astype(np.float32)
    one, zero = np.ones(64, np.float32), np.zeros(64, np.float32)
    out, cache = layer_norm_forward(x, one, zero)
    exact, exact_cache = layer_norm_forward(x.astype(np.float64), one.astype(np.float64),
                                            zero.astype(np.float64))
    assert np.max(np.abs(out - exact)) < 2e-3  # mean of squares minus squared mean would be NaN
    dout = rng.normal(size=x.shape)
    dx, exact_dx = (layer_norm_backward(dout.astype(c.std.dtype), c)[0]
                    for c in (cache, exact_cache))
    assert np.max(np.abs(dx - exact_dx)) < 5e-3


def test_wrong_shapes_are_named():
    x = np.ones((2, 3))
    with pytest.raises(ValueError, match=r"gain has shape \(2,\), expected \(3,\) = \(D\)"):
        layer_norm_forward(x, np.ones(2), np.ones(3))
    with pytest.raises(ValueError, match=r"bias has shape \(1,\), expected \(3,\) = \(D\)"):
        layer_norm_forward(x, np.ones(3), np.ones(1))

import math

import numpy as np
import pytest

from minitransformer.variants import (
    gelu_backward,
    gelu_forward,
    gelu_tanh_backward,
    gelu_tanh_forward,
    silu_backward,
    silu_forward,
    swiglu_backward,
    swiglu_forward,
)
from minitransformer.variants.gelu import PIECE, erf

X = np.linspace(-8, 8, 4001)


def test_erf_is_exact():
    expected = np.array([math.erf(x) for x in X])
    assert np.max(np.abs(erf(X) - expected)) < 1e-14
    slope = erf(X + 1e-30j).imag / 1e-30
    assert np.max(np.abs(slope - 2 / math.sqrt(math.pi) * np.exp(-X * X))) < 1e-12


def test_erf_of_many_numbers_is_that_of_each():
    x = np.linspace(-4, 4, 2 * PIECE + 4003).reshape(-1, 25)
    found, alone = erf(x), erf(x[:3])
    assert found.shape == x.shape and np.array_equal(found[:3], alone)
    for row in (-1, len(x) // 2):
        np.testing.assert_allclose(found[row], [math.erf(v) for v in x[row]], rtol=0, atol=1e-14)
    assert erf(x[:0]).shape == (0, 25)


def test_erf_in_float32_is_as_exact_as_its_numbers():
    x = X.astype(np.float32)
    assert np.max(np.abs(erf(x) - [math.erf(v) for v in x])) < 5e-7


def test_erf_at_the_ends():
    with np.errstate(all="raise"):
        out = erf(np.array([-1e300, -7.0, 7.0, 1e300]))
    assert out.tolist() == [-1, -1, 1, 1]
    assert np.isnan(erf(np.array([np.nan]))).all()
    assert erf(X.astype(np.float32)).dtype == np.float32


def test_gelu_by_its_definition():
    out, cache = gelu_forward(X)
    expected = [x * (1 + math.erf(x / math.sqrt(2))) / 2 for x in X]
    np.testing.assert_allclose(out, expected, rtol=0, atol=1e-14)
    np.testing.assert_allclose(cache.below, [1 - math.erfc(x / math.sqrt(2)) / 2 for x in X],
                               rtol=0, atol=1e-14)


def test_gelu_is_half_open_at_zero_and_bends_only_near_it():
    dx = gelu_backward(np.ones(5), gelu_forward(np.array([-9.0, -0.75, 0, 0.75, 9]))[1])
    assert abs(dx[2] - 0.5) < 1e-15
    assert abs(dx[0]) < 1e-15 and abs(dx[4] - 1) < 1e-15
    np.testing.assert_allclose(dx[1] + dx[3], 1, rtol=1e-14)  # the slope is 1/2 + an odd function


def test_the_quick_gelu_is_near_the_exact_one():
    gap = np.abs(gelu_tanh_forward(X)[0] - gelu_forward(X)[0])
    assert 4e-4 < gap.max() < 5e-4
    assert gelu_tanh_forward(np.array([1.0]))[0][0] == pytest.approx(0.8411919906082768, abs=1e-15)


def test_silu_by_its_definition():
    out, cache = silu_forward(X)
    np.testing.assert_allclose(out, [x / (1 + math.exp(-x)) for x in X], rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(cache.logistic, [1 / (1 + math.exp(-x)) for x in X], atol=1e-15)
    dx = silu_backward(np.ones(1), silu_forward(np.zeros(1))[1])
    assert dx.tolist() == [0.5]


def test_silu_does_not_overflow():
    with np.errstate(all="raise"):
        out, cache = silu_forward(np.array([-1e4, 1e4]))
    assert out.tolist() == [0, 1e4]
    assert silu_backward(np.ones(2), cache).tolist() == [0, 1]


def test_swiglu_by_hand():
    gate, up = np.array([[0.0, math.log(3)]]), np.array([[5.0, 2.0]])  # logistic(log 3) = 3 / 4
    out, cache = swiglu_forward(gate, up)
    np.testing.assert_allclose(out, [[0, 1.5 * math.log(3)]], rtol=1e-14)
    dgate, dup = swiglu_backward(np.array([[2.0, 4.0]]), cache)
    np.testing.assert_allclose(dup, [[0, 3 * math.log(3)]], rtol=1e-14)
    slope = 0.75 + math.log(3) * 0.75 * 0.25
    np.testing.assert_allclose(dgate, [[2 * 5 * 0.5, 4 * 2 * slope]], rtol=1e-14)


def test_swiglu_never_broadcasts():
    with pytest.raises(ValueError, match=r"gate has shape \(1, 3\), but up has shape \(2, 3\)"):
        swiglu_forward(np.ones((1, 3)), np.ones((2, 3)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_far_out_gelu_tanh_is_flat_or_the_identity(dtype):
    x = np.array([12, 29, 30, 31, 1e5, 1e14, 1e18], dtype)
    out, cache = gelu_tanh_forward(np.concatenate([x, -x]))
    dx = gelu_tanh_backward(np.ones_like(out), cache)
    np.testing.assert_array_equal(dx, [1] * 7 + [0] * 7)
    assert dx.dtype == dtype

import math

import numpy as np
import pytest

from minitransformer.variants import batch_norm_backward, batch_norm_forward

ONE, ZERO = np.ones(1), np.zeros(1)
REAL = np.array([[True, True, True], [True, False, False]])


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def test_hand_example():
    x = np.array([[1.0], [3.0], [5.0], [7.0]])                  # mean 4, variance 5
    out, cache = batch_norm_forward(x, np.array([2.0]), np.array([1.0]), eps=4.0)
    assert out.ravel().tolist() == [-1, 1 - 2 / 3, 1 + 2 / 3, 3]
    dx, dgain, dbias = batch_norm_backward(np.array([[3.0], [0], [0], [0]]), cache)
    assert dgain.tolist() == [-3] and dbias.tolist() == [3]
    # n = (-1, -1/3, 1/3, 1), dn = (6, 0, 0, 0): dx = (dn - 6/4 + 6/4 n) / 3
    np.testing.assert_allclose(dx.ravel(), [1, -2 / 3, -1 / 3, 0], rtol=1e-14, atol=1e-15)


def test_every_column_by_itself_over_all_leading_axes():
    x, gain, bias = normal(2, 3, 4), normal(4, seed=1), normal(4, seed=2)
    out, _ = batch_norm_forward(x, gain, bias, eps=0.1)
    for d in range(4):
        column = [x[n][d] for n in np.ndindex(2, 3)]
        mean = sum(column) / 6
        variance = sum((value - mean) ** 2 for value in column) / 6
        for n in np.ndindex(2, 3):
            expected = gain[d] * (x[n][d] - mean) / math.sqrt(variance + 0.1) + bias[d]
            assert math.isclose(out[n][d], expected, rel_tol=1e-12)


def test_padding_is_normalized_but_moves_nobody():
    x, gain, bias = normal(2, 3, 4), normal(4, seed=1), normal(4, seed=2)
    out, _ = batch_norm_forward(x, gain, bias, mask=REAL)
    alone, _ = batch_norm_forward(x[REAL], gain, bias)
    assert np.array_equal(out[REAL], alone)
    assert np.array_equal(batch_norm_forward(x, gain, bias, mask=REAL.tolist())[0], out)
    x[1, 2] += 100
    moved, _ = batch_norm_forward(x, gain, bias, mask=REAL)
    assert np.array_equal(np.delete(moved.reshape(6, 4), 5, 0), np.delete(out.reshape(6, 4), 5, 0))
    assert not np.allclose(moved[1, 2], out[1, 2])


def test_running_statistics_go_a_tenth_of_the_way():
    x = np.array([[1.0], [3.0], [5.0], [7.0]])                  # mean 4, unbiased variance 20 / 3
    running = np.array([10.0]), np.array([2.0])
    _, cache = batch_norm_forward(x, ONE, ZERO, running=running)
    mean, variance = cache.running
    np.testing.assert_allclose([mean[0], variance[0]], [9.4, 0.9 * 2 + 0.1 * 20 / 3], rtol=1e-15)
    assert running[0][0] == 10 and running[1][0] == 2
    assert batch_norm_forward(x, ONE, ZERO)[1].running is None


def test_in_evaluation_the_running_statistics_are_used_and_stay():
    x, running = np.array([[1.0], [3.0]]), (np.array([5.0]), np.array([3.0]))
    out, cache = batch_norm_forward(x, np.array([2.0]), ONE, eps=1.0, running=running,
                                    training=False)
    assert out.ravel().tolist() == [-3, -1]
    assert cache.running == running
    dx, dgain, dbias = batch_norm_backward(np.array([[1.0], [2.0]]), cache)
    assert dx.ravel().tolist() == [1, 2]                        # dout * gain / std, nothing shared
    assert dgain.tolist() == [-4] and dbias.tolist() == [3]


def test_in_evaluation_without_running_statistics_the_batch_has_its_own():
    x = normal(4, 3)
    out, _ = batch_norm_forward(x, np.ones(3), np.zeros(3), training=False)
    assert np.array_equal(out, batch_norm_forward(x, np.ones(3), np.zeros(3))[0])


def test_default_eps():
    x = 1e-3 * normal(4, 3)
    assert np.array_equal(batch_norm_forward(x, np.ones(3), np.zeros(3))[0],
                          batch_norm_forward(x, np.ones(3), np.zeros(3), eps=1e-5)[0])


@pytest.mark.parametrize("change, error, words", [
    ({"gain": np.ones(2)}, ValueError, r"gain has shape \(2,\), expected \(4,\)"),
    ({"bias": np.ones(1)}, ValueError, r"bias has shape \(1,\), expected \(4,\)"),
    ({"mask": np.ones((2, 3))}, TypeError, r"mask must be boolean .* got float64"),
    ({"mask": np.ones((2, 1), bool)}, ValueError, r"mask has shape \(2, 1\), expected \(2, 3\)"),
    ({"mask": np.zeros((2, 3), bool)}, ValueError, "batch norm got 0 real tokens"),
    ({"mask": np.arange(6).reshape(2, 3) == 4}, ValueError, "got 1 real tokens: a variance needs"),
])
def test_what_does_not_fit_is_named(change, error, words):
    given = {"x": normal(2, 3, 4), "gain": np.ones(4), "bias": np.zeros(4), **change}
    mask = given.pop("mask", None)
    with pytest.raises(error, match=words):
        batch_norm_forward(*given.values(), mask=mask)


def test_two_tokens_are_enough():
    out, _ = batch_norm_forward(np.array([[1.0], [3.0]]), ONE, ZERO, eps=0.0)
    assert out.ravel().tolist() == [-1, 1]

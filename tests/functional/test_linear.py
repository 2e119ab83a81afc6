import numpy as np
import pytest

from minitransformer.functional import linear_backward, linear_forward


def test_value_by_indices():
    rng = np.random.default_rng(0)
    x, w, b = rng.normal(size=(2, 3, 4)), rng.normal(size=(4, 5)), rng.normal(size=5)
    out, cache = linear_forward(x, w, b)
    for n in np.ndindex(2, 3):
        for e in range(5):
            assert np.isclose(out[n][e], sum(x[n][d] * w[d, e] for d in range(4)) + b[e],
                              rtol=1e-13)
    assert cache.x is x and cache.w is w and cache.b is b


def test_hand_example():
    out, cache = linear_forward(np.array([[1.0, 2]]), np.array([[3.0, 0, 1], [1, 4, 0]]),
                                np.array([0.5, 0, -1]))
    assert out.tolist() == [[5.5, 8, 0]]
    dx, dw, db = linear_backward(np.array([[1.0, 0, 2]]), cache)
    assert dx.tolist() == [[5, 1]]
    assert dw.tolist() == [[1, 0, 2], [2, 0, 4]]
    assert db.tolist() == [1, 0, 2]


def test_without_bias():
    x, w = np.ones((2, 3)), np.ones((3, 4))
    out, cache = linear_forward(x, w)
    assert np.all(out == 3)
    assert linear_backward(out, cache)[2] is None


def test_frozen_parameters_get_no_gradient():
    x, w, b = np.ones((2, 3)), np.full((3, 4), 2.0), np.ones(4)
    out, cache = linear_forward(x, w, b, trainable=False)
    dx, dw, db = linear_backward(np.ones((2, 4)), cache)
    assert np.all(out == 7) and np.all(dx == 8)
    assert dw is None and db is None


def test_one_vector_without_rows():
    x, w = np.array([1.0, 2, 3]), np.arange(6.0).reshape(3, 2)
    out, cache = linear_forward(x, w, np.ones(2))
    assert out.tolist() == [17, 23]
    dx, dw, db = linear_backward(np.array([1.0, -1]), cache)
    assert dx.tolist() == [-1, -1, -1]
    assert dw.tolist() == [[1, -1], [2, -2], [3, -3]]
    assert db.tolist() == [1, -1]


def test_wrong_shapes_are_named():
    x = np.ones((2, 3))
    with pytest.raises(ValueError, match=r"w has shape \(3,\), expected \(D, E\)"):
        linear_forward(x, np.ones(3))
    with pytest.raises(ValueError, match=r"x has shape \(2, 3\), expected \(..., 4\) = \(... D\)"):
        linear_forward(x, np.ones((4, 5)))
    with pytest.raises(ValueError, match=r"b has shape \(3,\), expected \(4,\) = \(E\)"):
        linear_forward(x, np.ones((3, 4)), np.ones(3))
    with pytest.raises(ValueError, match=r"b has shape \(1,\), expected \(4,\)"):
        linear_forward(x, np.ones((3, 4)), np.ones(1))  # would broadcast

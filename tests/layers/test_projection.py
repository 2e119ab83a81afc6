import math

import numpy as np

from minitransformer.layers import projection_backward, projection_forward, projection_init


def test_init_is_glorot_uniform_with_zero_bias():
    params = projection_init(np.random.default_rng(0), d_in=300, d_out=100)
    limit = math.sqrt(6 / 400)
    w = params["w"]
    assert list(params) == ["w", "b"]
    assert w.shape == (300, 100) and w.dtype == np.float32
    assert np.abs(w).max() <= limit and np.abs(w).max() > 0.99 * limit
    assert abs(w.mean()) < 0.01 * limit and abs(w.std() - limit / math.sqrt(3)) < 0.01 * limit
    assert params["b"].shape == (100,) and params["b"].dtype == np.float32
    assert not params["b"].any()


def test_init_without_bias_and_in_another_dtype():
    params = projection_init(np.random.default_rng(0), d_in=3, d_out=4, bias=False,
                             dtype=np.float64)
    assert list(params) == ["w"] and params["w"].dtype == np.float64


def test_without_bias_no_gradient_for_one():
    out, cache = projection_forward({"w": np.ones((2, 3))}, np.ones((4, 2)))
    dparams, _ = projection_backward(out, cache)
    assert list(dparams) == ["w"]


def test_value_and_gradient():
    params = {"w": np.array([[1.0, 2, 3], [4, 5, 6]]), "b": np.array([10.0, 20, 30])}
    out, cache = projection_forward(params, np.array([[1.0, -1]]))
    assert out.tolist() == [[7, 17, 27]]
    dparams, dx = projection_backward(np.array([[1.0, 0, 2]]), cache)
    assert dparams["w"].tolist() == [[1, 0, 2], [-1, 0, -2]]
    assert dparams["b"].tolist() == [1, 0, 2]
    assert dx.tolist() == [[7, 16]]

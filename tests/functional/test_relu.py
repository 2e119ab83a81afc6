import numpy as np

from minitransformer.functional import relu_backward, relu_forward
from minitransformer.gradient_check import check_gradients

X = np.array([[-2.0, -0.0, 0.0], [1e-300, 0.5, 3.0]])


def test_value_and_gradient():
    out, cache = relu_forward(X)
    assert out.tolist() == [[0, 0, 0], [1e-300, 0.5, 3]]
    dout = np.array([[1.0, 2, 3], [4, 5, -6]])
    assert relu_backward(dout, cache).tolist() == [[0, 0, 0], [4, 5, -6]]


def test_the_slope_at_zero_is_zero():
    _, cache = relu_forward(np.zeros(3))
    assert not relu_backward(np.ones(3), cache).any()


def test_the_complex_step_agrees_at_zero():
    x = np.array([[0.0, 1, -1, 0]])
    assert check_gradients(relu_forward, relu_backward, x).passed(1e-15)


def test_nan_is_not_hidden():
    assert np.isnan(relu_forward(np.array([np.nan]))[0]).all()

import numpy as np
import pytest

from minitransformer.functional import residual_backward, residual_forward


def test_value_and_gradient():
    x, branch = np.array([[1.0, 2]]), np.array([[10.0, -20]])
    out, cache = residual_forward(x, branch)
    assert out.tolist() == [[11, -18]]
    dx, dbranch = residual_backward(np.array([[3.0, 4]]), cache)
    assert dx.tolist() == dbranch.tolist() == [[3, 4]]


def test_a_sum_that_would_broadcast_is_refused():
    with pytest.raises(ValueError, match=r"branch has shape \(3,\), but x has shape \(2, 3\)"):
        residual_forward(np.ones((2, 3)), np.ones(3))

import numpy as np
import pytest

from minitransformer.variants import convolution_backward, convolution_forward


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def column(*numbers):
    return np.array(numbers, float)[:, None]


def plain_convolution(x, w, b, stride, padding):
    """The definition, one product at a time."""
    (B, T, C), (W, _, D) = x.shape, w.shape
    out = np.zeros((B, (T + 2 * padding - W) // stride + 1, D))
    for i, n, d in np.ndindex(out.shape):
        out[i, n, d] = b[d]
        for j, c in np.ndindex(W, C):
            if 0 <= (t := n * stride + j - padding) < T:
                out[i, n, d] += x[i, t, c] * w[j, c, d]
    return out


def test_hand_example():
    x, w, b = column(1, 2, 0, 3)[None], column(1, -1, 2)[:, None], np.array([0.5])
    out, cache = convolution_forward(x, w, b, padding=1)
    assert out.ravel().tolist() == [3.5, -0.5, 8.5, -2.5]
    dx, dw, db = convolution_backward(column(1, 0, -1, 2)[None], cache)
    assert dx.ravel().tolist() == [-1, 1, 3, -4]
    assert dw.ravel().tolist() == [-2, 7, -1]
    assert db.tolist() == [2]


@pytest.mark.parametrize("stride", [1, 2, 5])
@pytest.mark.parametrize("padding", [0, 1, 3])
@pytest.mark.parametrize("width", [1, 2, 3])
def test_it_is_the_definition(stride, padding, width):
    x, w, b = normal(2, 7, 3), normal(width, 3, 4, seed=1), normal(4, seed=2)
    out, _ = convolution_forward(x, w, b, stride=stride, padding=padding)
    np.testing.assert_allclose(out, plain_convolution(x, w, b, stride, padding), atol=1e-13)


def test_a_window_of_one_step_is_a_linear_map():
    x, w, b = normal(2, 7, 3), normal(1, 3, 4, seed=1), normal(4, seed=2)
    np.testing.assert_allclose(convolution_forward(x, w, b)[0], x @ w[0] + b, atol=1e-14)


def test_one_window_may_show_all_that_is_there_and_the_padding():
    x, w, b = normal(1, 4, 3), normal(10, 3, 4, seed=1), normal(4, seed=2)
    out, _ = convolution_forward(x, w, b, padding=3)
    assert out.shape == (1, 1, 4)
    np.testing.assert_allclose(out, plain_convolution(x, w, b, 1, 3), atol=1e-13)
    with pytest.raises(ValueError, match="w has a window of 10 steps"):
        convolution_forward(x, w, b, padding=2)


def test_a_later_input_gives_a_later_output():
    x, w, b = normal(1, 9, 3), normal(3, 3, 4, seed=1), normal(4, seed=2)
    out, _ = convolution_forward(x, w, b)
    later, _ = convolution_forward(x[:, 2:], w, b)
    np.testing.assert_allclose(later, out[:, 2:], atol=1e-14)


def test_a_step_that_no_window_shows_gets_no_gradient():
    x, w, b = normal(1, 8, 3), normal(2, 3, 4, seed=1), normal(4, seed=2)
    out, cache = convolution_forward(x, w, b, stride=3)
    dx, _, _ = convolution_backward(np.ones_like(out), cache)
    assert [bool(step.any()) for step in dx[0]] == [True, True, False] * 2 + [True, True]


@pytest.mark.parametrize("x, w, b, options, words", [
    (normal(7, 3), normal(2, 3, 4), normal(4), {}, r"x has shape \(7, 3\), expected \(B, T, 3\)"),
    (normal(1, 7, 2), normal(2, 3, 4), normal(4), {}, r"x has shape \(1, 7, 2\)"),
    (normal(1, 7, 3), normal(3, 4), normal(4), {}, r"w has shape \(3, 4\), expected \(W, C, D\)"),
    (normal(1, 7, 3), normal(2, 3, 4), normal(3), {}, r"b has shape \(3,\), expected \(4,\)"),
    (normal(1, 7, 3), normal(2, 3, 4), normal(1), {}, r"b has shape \(1,\), expected \(4,\)"),
    (normal(1, 7, 3), normal(2, 3, 4), normal(4), {"stride": 0}, "stride is 0 and padding 0"),
    (normal(1, 7, 3), normal(2, 3, 4), normal(4), {"padding": -1}, "stride is 1 and padding -1"),
    (normal(1, 4, 3), normal(7, 3, 4), normal(4), {"padding": 1},
     "w has a window of 7 steps, but x has 4 steps and 2 of padding"),
    (normal(1, 4, 3), normal(0, 3, 4), normal(4), {}, "w has a window of 0 steps"),
])
def test_what_does_not_fit_is_named(x, w, b, options, words):
    with pytest.raises(ValueError, match=words):
        convolution_forward(x, w, b, **options)

"""The checker itself: it finds what is wrong and passes what is right."""

import math

import numpy as np
import pytest
from small_pairs import (
    BARS,
    METHODS,
    RNG,
    X,
    Y,
    check_product,
    product,
    product_backward,
    square,
    square_backward,
)

from minitransformer.gradient_check import assert_gradients, check_gradients


@METHODS
def test_a_right_backward_passes(method):
    report = check_product(method=method)
    assert report.passed(BARS[method])
    assert report.worst.error <= BARS[method] < 1e-6
    assert_gradients(product, product_backward, X, Y, method=method, tolerance=BARS[method])


@METHODS
@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("fault", [
    lambda dx, dy: (2 * dx, dy), lambda dx, dy: (dx, -dy), lambda dx, dy: (dy, dx),
    lambda dx, dy: (dx, dy / len(dy)), lambda dx, dy: (dx, dy + 1e-3),
    lambda dx, dy: (dx, np.roll(dy, 1)), lambda dx, dy: (dx * np.nan, dy),
    lambda dx, dy: (dx, dy * np.inf)])
def test_a_planted_fault_is_found(method, fault):
    def wrong(dout, cache):
        return fault(*product_backward(dout, cache))

    assert not check_product(wrong, method=method).passed(1e-4)
    with pytest.raises(AssertionError, match="exceeds"):
        assert_gradients(product, wrong, X, Y, method=method, tolerance=BARS[method])


def test_the_complex_step_sees_what_central_differences_cannot():
    def slightly_wrong(dout, cache):
        dx, dy = product_backward(dout, cache)
        return dx, dy * (1 + 1e-10)

    assert not check_product(slightly_wrong).passed(1e-12)
    assert check_product(slightly_wrong, method="central").passed(1e-7)
    assert math.isclose(check_product(slightly_wrong).worst.error, 5e-11, rel_tol=1e-4)


@pytest.mark.parametrize("method", ["complex", "central"])
def test_the_worst_coordinate_is_reported_with_both_values(method):
    def wrong(dout, cache):
        dx, dy = product_backward(dout, cache)
        dy[1, 2, 0] += 5
        return dx, dy

    right = check_product(method=method).entries[1]
    report = check_product(wrong, method=method)
    assert [entry.name for entry in report.entries] == ["x", "y"]
    entry = report.worst
    assert entry.name == "y" and entry.worst_index == (1, 2, 0)
    assert math.isclose(entry.worst_analytic - entry.worst_numeric, 5, rel_tol=1e-6)
    assert entry.tried == entry.total == 24
    assert math.isclose(entry.numeric_norm, right.numeric_norm, rel_tol=1e-9)
    assert math.isclose(entry.error, 5 / (entry.analytic_norm + entry.numeric_norm), rel_tol=1e-6)


@pytest.mark.parametrize(("size", "most", "tried"), [
    (1000, 10, 64), (1000, 200, 200), (1000, 2000, 1000), (50, 10, 50), (64, 0, 64)])
def test_at_least_64_coordinates_of_every_array_are_tried(size, most, tried):
    calls = []

    def forward(x):
        calls.append(np.flatnonzero(x.imag).tolist())
        return square(x)

    report = check_gradients(forward, square_backward, RNG.normal(size=size), max_coordinates=most)
    (entry,) = report.entries
    assert (entry.tried, entry.total) == (tried, size)
    moved = [index for (index,) in filter(None, calls)]
    assert len(moved) == len(set(moved)) == tried


def test_the_sample_and_the_cotangent_depend_on_the_seed():
    x = RNG.normal(size=1000)
    first, again, other = (check_gradients(square, square_backward, x, seed=seed)
                           for seed in (5, 5, 6))
    assert str(first) == str(again) != str(other)
    assert first.worst.analytic_norm != other.worst.analytic_norm


def test_the_cotangent_is_random():
    # With ones, the gradient of a softmax is zero and every backward that returns zeros is right.
    seen = []

    def backward(dout, cache):
        seen.append(dout)
        return square_backward(dout, cache)

    check_gradients(square, backward, X)
    assert len(np.unique(seen[0])) == X.size and abs(seen[0].mean()) < 1


@METHODS
def test_a_gradient_that_is_zero_everywhere_proves_nothing(method):
    def constant(x):
        return 0 * x, None

    report = check_gradients(constant, lambda dout, cache: 0 * dout, X, method=method)
    assert report.worst.error == math.inf and not report.passed(1e300)


def add_nothing(x, y):
    """out = x * x: y cancels, as a key's bias does in a softmax."""
    return x * x + y - y, (x,)


def add_nothing_backward(dout, cache):
    dx = square_backward(dout, cache)
    return dx, np.zeros_like(dx)


@pytest.mark.parametrize("method", ["complex", "central"])
def test_a_gradient_that_is_zero_in_theory_is_named(method):
    arguments = {"method": method}
    assert not check_gradients(add_nothing, add_nothing_backward, X, Y, **arguments).passed(0.5)
    report = check_gradients(add_nothing, add_nothing_backward, X, Y, zero=("y",), **arguments)
    assert report.passed(BARS[method])
    # what is not zero does not pass by being named
    assert check_product(zero=("y",), **arguments).worst.error > 0.1

    def small(dout, cache):
        dx, dy = add_nothing_backward(dout, cache)
        return dx, dy + 1e-6
    assert not check_gradients(add_nothing, small, X, Y, zero=("y",), **arguments).passed(1e-8)


def test_a_single_gradient_that_is_zero_in_theory_passes():
    assert check_gradients(lambda y: (y - y, None), lambda dout, cache: 0 * dout, Y,
                           zero=("y",)).passed(1e-12)


def test_the_directional_check_moves_everything_in_one_forward_pass():
    calls = []

    def forward(x, y):
        calls.append((x.imag.all(), y.imag.all()))
        return product(x, y)

    report = check_gradients(forward, product_backward, X, Y, method="directional")
    assert calls == [(False, False), (True, True)]
    assert (report.worst.tried, report.worst.total) == (48, 48)


def test_a_part_that_is_not_complex_safe_fails():
    def forward(x):
        return x * np.abs(x), (x,)

    def backward(dout, cache):
        return 2 * dout * np.abs(cache[0])

    assert check_gradients(forward, backward, X, method="central").passed(1e-7)
    assert not check_gradients(forward, backward, X).passed(1e-3)


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match='method is \'magic\', expected "complex", "central" or '
                                         '"directional"'):
        check_product(method="magic")


def test_the_cotangent_is_not_the_input_that_the_same_seed_would_draw():
    def doubling_forward(x):
        return 2 * x, None

    seen = []

    def doubling_backward(dout, cache):
        seen.append(dout)
        return 2 * dout

    x = np.random.default_rng(3).normal(size=(4, 5))
    check_gradients(doubling_forward, doubling_backward, x, seed=3)
    assert not np.allclose(seen[0], x)

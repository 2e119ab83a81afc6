"""What the checker takes, what it refuses in plain words, and what it prints."""

import numpy as np
import pytest
from small_pairs import (
    BARS,
    METHODS,
    RNG,
    TREE,
    X,
    Y,
    check_product,
    product,
    product_backward,
    square,
    square_backward,
    tree_backward,
    tree_forward,
)

from minitransformer.functional import (
    dropout_backward,
    dropout_forward,
    linear_backward,
    linear_forward,
)
from minitransformer.gradient_check import assert_gradients, check_gradients


@METHODS
def test_frozen_arrays_get_none(method):
    arguments = {"options": {"trainable": False}, "method": method}
    inputs = RNG.normal(size=(2, 3)), RNG.normal(size=(3, 4)), RNG.normal(size=4)
    report = check_gradients(linear_forward, linear_backward, *inputs, frozen=("w", "b"),
                             **arguments)
    assert report.passed(BARS[method]) and len(report.entries) == 1
    with pytest.raises(ValueError, match="backward returned no gradient for w"):
        check_gradients(linear_forward, linear_backward, *inputs, **arguments)


def test_a_frozen_array_with_a_gradient_is_refused():
    with pytest.raises(ValueError, match="y is frozen, but backward returned a gradient for it"):
        check_product(frozen=("y",))


@METHODS
def test_an_input_may_be_none(method):
    inputs = RNG.normal(size=(2, 3)), RNG.normal(size=(3, 4)), None
    report = check_gradients(linear_forward, linear_backward, *inputs, method=method)
    assert report.passed(BARS[method])
    with pytest.raises(ValueError, match="backward returned a gradient for b, which is no input"):
        check_gradients(linear_forward, lambda dout, cache: (*linear_backward(dout, cache)[:2], X),
                        *inputs)


@METHODS
def test_trees_go_in_and_come_out(method):
    report = check_gradients(tree_forward, tree_backward, TREE, RNG.normal(size=(4, 3)),
                             method=method)
    assert report.passed(BARS[method])
    if method != "directional":
        assert [entry.name for entry in report.entries] == ["params.up.w", "params.rest.0", "x"]


@METHODS
def test_one_wrong_array_of_a_tree_is_named(method):
    def wrong(dout, cache):
        dparams, dx = tree_backward(dout, cache)
        dparams["rest"][0] = -dparams["rest"][0]
        return dparams, dx

    report = check_gradients(tree_forward, wrong, TREE, RNG.normal(size=(4, 3)), method=method)
    expected = "all inputs together" if method == "directional" else "params.rest.0"
    assert report.worst.name == expected and not report.passed(1e-3)


@pytest.mark.parametrize(("result", "message"), [
    (lambda dx, dy: dx, r"backward returned 1 gradients for 2 inputs: x, y"),
    (lambda dx, dy: (dx, dy, dx), r"backward returned 3 gradients for 2 inputs: x, y"),
    (lambda dx, dy: (dx, None), r"backward returned no gradient for y"),
    (lambda dx, dy: (dx, dy[:1]), r"the gradient has shape \(1, 3, 4\), but y has shape "
                                  r"\(2, 3, 4\): a gradient always has the shape of its array"),
    (lambda dx, dy: (dx.T, dy), r"the gradient has shape \(4, 3, 2\), but x has shape"),
    (lambda dx, dy: (dx, dy.sum()), r"the gradient has shape \(\), but y has shape"),
    (lambda dx, dy: (dx, {"w": dy}), r"backward returned no gradient for y"),
])
def test_a_gradient_of_the_wrong_form_is_refused(result, message):
    with pytest.raises(ValueError, match=message):
        check_product(lambda dout, cache: result(*product_backward(dout, cache)))


def test_a_gradient_without_a_place_is_refused():
    def wrong(dout, cache):
        dparams, dx = tree_backward(dout, cache)
        return {**dparams, "down": dx}, dx

    with pytest.raises(ValueError, match="backward returned a gradient for params.down, which is "
                                         "no input"):
        check_gradients(tree_forward, wrong, TREE, RNG.normal(size=(4, 3)))


@pytest.mark.parametrize("dtype", [np.float32, complex, int])
def test_a_gradient_of_another_dtype_is_refused(dtype):
    with pytest.raises(TypeError, match=f"the gradient of y is {np.dtype(dtype).name}, "
                                        "expected float64"):
        check_product(lambda dout, cache: (product_backward(dout, cache)[0],
                                           product_backward(dout, cache)[1].astype(dtype)))


def test_writing_into_an_argument_is_found():
    def forward(x):
        x *= 2
        return x, None

    def backward(dout, cache):
        dout *= 2 * cache[0]
        return dout

    def harmless(dout, cache):  # the same numbers, but the array is not its own
        dout *= 1
        return square_backward(dout, cache)

    with pytest.raises(ValueError, match="forward writes into an array that was given to it"):
        check_gradients(forward, backward, X)
    for wrong in (backward, harmless):
        with pytest.raises(ValueError, match="backward writes into an array that was given to it"):
            check_gradients(square, wrong, X)


def test_writing_into_the_cache_is_found():
    def forward(x):
        return x * x, {"twice": [2 * x]}

    def backward(dout, cache):
        cache["twice"][0] *= dout
        return cache["twice"][0]

    def afterwards(dout, cache):
        dx = dout * cache["twice"][0]
        cache["twice"][0][...] = 0
        return dx

    for wrong in (backward, afterwards):
        with pytest.raises(ValueError, match="backward changed its cache"):
            check_gradients(forward, wrong, X)


def test_something_kept_from_call_to_call_is_found():
    total = np.zeros(X.shape)

    def backward(dout, cache):
        np.add(total, square_backward(dout, cache), out=total)
        return total

    with pytest.raises(ValueError, match="backward called twice gave two gradients of x: it keeps"):
        check_gradients(square, backward, X)


def test_other_errors_pass_through():
    def backward(dout, cache):
        raise ValueError("something else")

    with pytest.raises(ValueError, match="^something else$"):
        check_gradients(square, backward, X)


@METHODS
def test_an_integer_rng_is_a_fresh_generator_at_every_call(method):
    x = RNG.normal(size=(5, 6))
    for rng in (5, 6):
        report = check_gradients(dropout_forward, dropout_backward, x, method=method,
                                 options={"rate": 0.4, "rng": rng})
        assert report.passed(BARS[method])
    check_gradients(dropout_forward, dropout_backward, x,
                    options={"rate": 0.4, "rng": None, "training": False})


@METHODS
def test_a_forward_may_return_its_input(method):
    assert check_gradients(lambda x: (x, None), lambda dout, cache: dout, X,
                           method=method).passed(BARS[method])


@METHODS
def test_scalars_go_in_and_come_out(method):
    assert check_gradients(lambda x: (np.sum(x * x), x), lambda dout, x: 2 * dout * x, X,
                           method=method).passed(BARS[method])
    assert check_gradients(square, square_backward, 1.5, method=method).passed(BARS[method])


def test_inputs_of_any_real_type_are_checked_in_float64():
    for x in (X.astype(np.float32), np.arange(3, 9), [1.5, 2.5]):
        x = np.asarray(x)
        assert check_gradients(square, square_backward, x).passed(1e-15)
        assert x.flags.writeable


def test_inputs_are_left_as_they_were():
    x, options = X.copy(), {"rng": 3, "rate": 0.5}
    check_gradients(dropout_forward, dropout_backward, x, options=options, method="central")
    assert np.array_equal(x, X) and x.flags.writeable and options == {"rng": 3, "rate": 0.5}


def test_inputs_without_names_are_numbered():
    report = check_gradients(lambda *inputs: product(*inputs), product_backward, X, Y)
    assert [entry.name for entry in report.entries] == ["input_0", "input_1"]
    assert report.passed(1e-12)


def test_the_report_is_a_table():
    report = check_product(seed=4)
    title, header, *rows = str(report).splitlines()
    assert repr(report) == str(report)
    assert title == "gradient check, complex, seed 4"
    assert header.split("  ")[0] == "array" and "relative error" in header
    assert [row.split()[0] for row in rows] == ["x", "y"]
    assert all("24 of 24" in row for row in rows)
    assert len({len(line) for line in (header, *rows)}) == 1
    assert "all inputs together" in str(check_product(method="directional"))


def test_a_failed_assertion_shows_the_table():
    with pytest.raises(AssertionError) as error:
        assert_gradients(product, lambda dout, cache: (dout, dout), X, Y, seed=4)
    first, *table = str(error.value).splitlines()
    assert first.split(":")[0] in ("x", "y") and first.endswith("exceeds 1e-12")
    assert table[0] == "gradient check, complex, seed 4"

"""The diagnosis names what is wrong with an array, first the shape, then the values."""

import numpy as np
import pytest

from minitransformer.teaching.diagnosis import explain, named_leaves

RIGHT = np.random.default_rng(0).normal(size=(4, 3))
ROWS = np.random.default_rng(1).normal(size=(4, 1))


def words(given, expected=RIGHT, name="dw"):
    return explain(name, given, expected, {"x.shape[0]": 5, "w.shape[1]": 3}, 1e-9)


@pytest.mark.parametrize("given, said", [
    (RIGHT.T, "dw has shape (3, 4), but w has shape (4, 3): a gradient always has the shape of "
              "the array it belongs to. Yours is the right one transposed."),
    (RIGHT[:, :, None], "The numbers are right, only the axes are not."),
    (np.stack([RIGHT / 4, RIGHT / 4 * 3]), "A sum over axis 0 is missing."),
    (RIGHT.sum(axis=0), "Yours has been summed over axis 0, which has to stay."),
    (np.ones((2, 2)), "dw has shape (2, 2), but w has shape (4, 3)"),
    (-RIGHT, "dw has the wrong sign"),
    (RIGHT / 5, "dw is exactly 5 times too small, and 5 is x.shape[0]."),
    (RIGHT * -3, "dw is exactly 3 times too large and has the wrong sign, and 3 is w.shape[1]."),
    (RIGHT * 1.5, "dw is exactly 1.5 times too large."),
    (RIGHT + ROWS, "along axis 1, entries differ from the right ones by one common number"),
    (RIGHT * ROWS, "along axis 1, entries differ from the right ones by one common factor"),
    (np.zeros((4, 3)), "dw is zero everywhere."),
    (RIGHT * np.nan, "dw holds nan or infinity."),
    (RIGHT + 1j, "dw is complex"),
    (RIGHT.astype(np.float32), "dw has the type float32, expected float64"),
    (RIGHT.round(0).astype(int), "dw has the type int64, expected float64"),
    (RIGHT**2, "dw has the right shape, but wrong values."),
    (np.where(np.arange(12).reshape(4, 3) == 7, 9.0, RIGHT),
     "dw is wrong in 1 of 12 entries and right in the others. The first wrong entry is dw[2, 1]: "
     "yours is 9, expected"),
])
def test_a_wrong_gradient_is_explained(given, said):
    assert said in words(given)


def test_a_square_gradient_may_be_transposed():
    square = RIGHT[:3]
    assert "dw is transposed." in words(square.T, square)


def test_a_missing_sum_may_have_kept_its_axis():
    assert "A sum over axis 1 is missing." in words(RIGHT, RIGHT.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("given", [RIGHT, RIGHT * (1 + 1e-12)])
def test_a_right_gradient_is_not_explained(given):
    assert words(given) is None


@pytest.mark.parametrize("given, expected, said", [
    (np.array([True, False]), np.array([True, True]), "out is wrong in 1 of 2 entries"),
    (np.array([1.0, 0.0]), np.array([True, False]), "out has the type float64, expected bool"),
    ("b", "c", "out is 'b', which is not right."),
    (3, 4.0, "out is not right. Yours is 3, expected 4."),
    ([[1, 2], [3]], np.ones(2), "out is not an array of numbers"),
    (None, np.ones(2), "out is None, expected an array."),
    (np.ones(2), None, "out is an array, expected None."),
    ("two", np.ones(2), "out is 'two', which is not right."),
    (object(), np.ones(2), "out is not an array of numbers, but object."),
])
def test_other_results_are_explained(given, expected, said):
    given = np.array(given, dtype=object) if isinstance(given, list) else given
    assert said in words(given, expected, "out")


def test_infinities_compare_equal_where_they_belong():
    scores = np.array([[1.0, -np.inf]])
    assert words(scores, scores, "scores") is None
    assert words(np.array([[1.0, -1e9]]), scores, "scores")


def test_the_right_value_is_not_told_without_arguments():
    assert explain("the answer", 2.0, 3.3, None, 1e-9) == "the answer is not right."


def test_leaves_are_named_by_key_field_and_position():
    names = [name for name, _ in named_leaves({"q": {"w": 1}, "layers": [2, 3]}, "dparams")]
    assert names == ["dparams.q.w", "dparams.layers.0", "dparams.layers.1"]

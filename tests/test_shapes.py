import re

import numpy as np
import pytest

from minitransformer.shapes import expect_ids, expect_same_shape, expect_shape


@pytest.mark.parametrize(("shape", "dims", "sizes"), [
    ((3,), "D", {"D": 3}), ((2, 3), "B D", {"D": 3}), ((2, 3), "B D", {}),
    ((2, 5, 3), "... D", {"D": 3}), ((3,), "... D", {"D": 3}), ((), "", {}), ((2, 3), "...", {}),
    ((2, 3), "B D", {"B": 2, "D": 3, "unused": 7})])
def test_shapes_that_fit(shape, dims, sizes):
    assert expect_shape("x", np.ones(shape), dims, **sizes) is None


@pytest.mark.parametrize(("shape", "dims", "sizes", "message"), [
    ((4,), "D", {"D": 3}, "x has shape (4,), expected (3,) = (D)"),
    ((3, 1), "D", {"D": 3}, "x has shape (3, 1), expected (3,) = (D)"),
    ((2, 4), "B D", {"D": 3}, "x has shape (2, 4), expected (B, 3) = (B D)"),
    ((3, 2), "B D", {"B": 2, "D": 3}, "x has shape (3, 2), expected (2, 3) = (B D)"),
    ((2, 4), "... D", {"D": 3}, "x has shape (2, 4), expected (..., 3) = (... D)"),
    ((), "... D", {}, "x has shape (), expected (..., D) = (... D)"),
    ((2, 3, 4), "B D", {}, "x has shape (2, 3, 4), expected (B, D) = (B D)"),
])
def test_shapes_that_do_not_fit_are_named(shape, dims, sizes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        expect_shape("x", np.ones(shape), dims, **sizes)


def test_same_shape():
    expect_same_shape("a", np.ones((2, 3)), "b", np.ones((2, 3)))
    with pytest.raises(ValueError, match=re.escape(
            "a has shape (3,), but b has shape (2, 3): the two must be the same")):
        expect_same_shape("a", np.ones(3), "b", np.ones((2, 3)))


def test_ids_in_range():
    expect_ids("ids", np.array([[0, 4], [2, 1]]), 5)
    expect_ids("ids", [4], 5)
    expect_ids("ids", np.zeros((2, 0), int), 5)
    expect_ids("ids", np.array([4], np.uint8), 5)


@pytest.mark.parametrize(("ids", "worst"), [([0, 7, 5], 7), ([-1, -3, 2], -3), ([5], 5)])
def test_the_worst_id_is_named(ids, worst):
    with pytest.raises(ValueError, match=f"ids holds the id {worst}, but there are 5 entries: "
                                         "ids run from 0 to 4"):
        expect_ids("ids", ids, 5)


@pytest.mark.parametrize("ids", [[1.0], [True], ["a"]])
def test_ids_are_integers(ids):
    with pytest.raises(TypeError, match="ids must be integers, got "):
        expect_ids("ids", ids, 5)

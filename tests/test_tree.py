import math

import numpy as np
import pytest

from minitransformer.tree import (
    PIECE,
    pieces,
    tree_add,
    tree_fill,
    tree_items,
    tree_map,
    tree_norm,
    tree_size,
    tree_table,
)

TREE = {"encoder": [{"w": np.arange(6.0).reshape(2, 3), "b": None}, {"w": np.full(4, -2.0)}],
        "scale": np.array(3.0)}


def test_items_are_named_by_their_path():
    assert [(name, x.shape) for name, x in tree_items(TREE)] == [
        ("encoder.0.w", (2, 3)), ("encoder.1.w", (4,)), ("scale", ())]
    assert [name for name, _ in tree_items(TREE, "params")][0] == "params.encoder.0.w"


def test_an_array_is_a_tree_and_so_is_nothing():
    assert [name for name, _ in tree_items(np.ones(2))] == [""]
    assert [name for name, _ in tree_items((np.ones(2), [np.ones(3)]))] == ["0", "1.0"]
    assert list(tree_items(None)) == list(tree_items({})) == []


def test_map_keeps_the_build():
    doubled = tree_map(lambda x: 2 * x, TREE)
    assert doubled["encoder"][0]["b"] is None
    assert doubled["encoder"][1]["w"].tolist() == [-4] * 4
    assert doubled["scale"] == 6 and TREE["scale"] == 3
    assert tree_map(lambda x, y, z: x + y + z, (1, [2]), (10, [20]), [100, [200]]) == [111, [222]]


@pytest.mark.parametrize(("other", "message"), [
    ({"a": 1, "b": [2]}, r"trees differ at b: a list of 2 and 1"),
    ({"a": 1, "b": {"0": 2}}, r"trees differ at b: a list of 2 and dict"),
    ({"a": 1, "b": (2, 3, 4)}, r"trees differ at b: a list of 2 and 3"),
    ({"a": 1}, r"trees differ at the root: \['a', 'b'\] and \['a'\]"),
    ([1, 2], r"trees differ at the root: \['a', 'b'\] and list"),
])
def test_trees_of_another_build_are_refused_with_the_place(other, message):
    with pytest.raises(ValueError, match=message):
        tree_map(lambda x, y: None, {"a": 1, "b": [2, 3]}, other)


def test_add_makes_fresh_arrays():
    total = tree_add(TREE, TREE)
    assert total["encoder"][0]["w"].tolist() == [[0, 2, 4], [6, 8, 10]]
    assert not np.shares_memory(total["encoder"][1]["w"], TREE["encoder"][1]["w"])


def test_norm_and_size():
    assert tree_size(TREE) == 6 + 4 + 1
    assert math.isclose(tree_norm(TREE), math.sqrt(55 + 16 + 9), rel_tol=1e-15)
    assert tree_norm({}) == tree_size({}) == 0


def test_norm_does_not_overflow_in_float32():
    large = {"a": np.full(4, 1e20, np.float32)}
    assert math.isclose(tree_norm(large), 2e20, rel_tol=1e-6)
    assert isinstance(tree_norm(large), float)


def test_norm_in_float32_of_tiny_numbers_and_of_many():
    tiny = np.full(4, 1e-22, np.float32)  # its squares are below float32's smallest number
    assert math.isclose(tree_norm(tiny), 2e-22, rel_tol=1e-6)
    many = np.random.default_rng(0).normal(size=(3, PIECE + 5)).astype(np.float32)
    exact = math.sqrt(math.fsum(many.ravel().astype(np.float64) ** 2))
    assert math.isclose(tree_norm([many, None]), exact, rel_tol=3e-7)
    assert tree_norm(np.zeros(3, np.float32)) == 0
    assert math.isnan(tree_norm(np.array([math.nan, 1], np.float32)))
    assert tree_norm(np.array([math.inf, 1], np.float32)) == math.inf


def test_norm_counts_both_parts_of_a_complex_number():
    assert tree_norm(np.array([3 + 4j])) == 5


@pytest.mark.parametrize("shape, sizes", [
    ((), [1]), ((5,), [5]), ((2 * PIECE + 3,), [PIECE, PIECE, 3]), ((0, 4), [0]), ((4, 0), [0]),
    ((3, PIECE + 1), 3 * [PIECE + 1]), ((5, PIECE // 2), 2 * [PIECE] + [PIECE // 2])])
def test_pieces_are_views_that_cover_the_arrays(shape, sizes):
    a, b = np.zeros(shape), np.ones(shape, np.float32)
    found = list(pieces(a, b))
    assert [x.size for x, _ in found] == [y.size for _, y in found] == sizes
    for x, y in found:
        assert x.dtype == a.dtype and y.dtype == b.dtype
        x += y
    assert np.all(a == 1)


def test_pieces_of_a_view_are_views():
    whole = np.zeros((6, 2 * PIECE))
    for piece, in pieces(whole.T[::2]):
        piece += 1
    assert whole.sum() == whole.size // 2


def test_fill_is_the_inverse_of_items():
    arrays = {name: x + 1 for name, x in tree_items(TREE)}
    filled = tree_fill(TREE, arrays)
    assert dict(tree_items(filled)) == arrays
    assert filled["encoder"][0]["b"] is None


@pytest.mark.parametrize(("change", "message"), [
    ({"scale": None}, "1 arrays are missing, the first is 'scale'"),
    ({"other": np.ones(2)}, "1 arrays have no place here, the first is 'other'"),
    ({"encoder.1.w": np.ones(5)}, r"'encoder.1.w' has shape \(5,\), expected \(4,\)"),
])
def test_fill_names_what_does_not_fit(change, message):
    arrays = {**dict(tree_items(TREE)), **change}
    with pytest.raises(ValueError, match=message):
        tree_fill(TREE, {name: x for name, x in arrays.items() if x is not None})


def test_table():
    assert tree_table({"encoder": [{"w": np.ones((40, 30))}], "scale": np.array(3.0)}) == (
        "encoder.0.w  40 x 30  1,200\n"
        "scale         scalar      1\n"
        "---------------------------\n"
        "total                 1,201")

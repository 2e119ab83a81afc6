import numpy as np
import pytest

from minitransformer.functional import embedding_backward, embedding_forward


def test_value_is_the_product_with_one_hot_rows():
    rng = np.random.default_rng(0)
    table, ids = rng.normal(size=(7, 4)), rng.integers(7, size=(2, 3))
    out, _ = embedding_forward(table, ids=ids)
    one_hot = (ids[..., None] == np.arange(7)).astype(float)
    np.testing.assert_allclose(out, one_hot @ table, rtol=1e-15)


def test_repeated_ids_add_their_gradients():
    table = np.zeros((5, 2))
    _, cache = embedding_forward(table, ids=np.array([3, 0, 3, 3]))
    dtable = embedding_backward(np.array([[1.0, 10], [2, 20], [4, 40], [8, 80]]), cache)
    assert dtable.tolist() == [[2, 20], [0, 0], [0, 0], [13, 130], [0, 0]]


@pytest.mark.parametrize("size", [3, 2000])
def test_gradient_is_the_product_with_one_hot_rows(size):
    rng = np.random.default_rng(0)
    ids = rng.integers(size, size=(4, 30))
    _, cache = embedding_forward(rng.normal(size=(size, 6)), ids=ids)
    dout = rng.normal(size=(4, 30, 6))
    one_hot = (ids.reshape(-1, 1) == np.arange(size)).astype(float)
    np.testing.assert_allclose(embedding_backward(dout, cache), one_hot.T @ dout.reshape(-1, 6),
                               rtol=1e-12, atol=1e-14)


def test_result_is_not_a_view_of_the_table():
    table = np.zeros((5, 2))
    out, _ = embedding_forward(table, ids=np.array([1]))
    out += 1
    assert not table.any()


def test_lists_and_single_ids_and_none_at_all():
    table = np.arange(6.0).reshape(3, 2)
    out, cache = embedding_forward(table, ids=[2, 0])
    assert out.tolist() == [[4, 5], [0, 1]]
    assert embedding_backward(out, cache).tolist() == [[0, 1], [0, 0], [4, 5]]
    out, cache = embedding_forward(table, ids=np.array(1))
    assert out.tolist() == [2, 3]
    assert embedding_backward(np.array([5.0, 7]), cache).tolist() == [[0, 0], [5, 7], [0, 0]]
    out, cache = embedding_forward(table, ids=np.zeros((2, 0), int))
    assert out.shape == (2, 0, 2)
    assert not embedding_backward(out, cache).any()


def test_bad_ids_are_named():
    table = np.ones((5, 2))
    with pytest.raises(ValueError, match="ids holds the id 5, but there are 5 entries"):
        embedding_forward(table, ids=np.array([[0, 5]]))
    with pytest.raises(ValueError, match="ids holds the id -1"):
        embedding_forward(table, ids=np.array([-1, 2]))
    with pytest.raises(TypeError, match="ids must be integers, got float64"):
        embedding_forward(table, ids=np.array([1.0]))
    with pytest.raises(ValueError, match=r"table has shape \(5,\), expected \(V, D\)"):
        embedding_forward(np.ones(5), ids=np.array([1]))

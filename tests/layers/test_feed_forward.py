import numpy as np
from plain import plain_feed_forward

from minitransformer.checks.case import randomize
from minitransformer.layers import feed_forward_backward, feed_forward_forward, feed_forward_init
from minitransformer.tree import tree_items


def test_init():
    params = feed_forward_init(np.random.default_rng(0), d_model=4, d_ff=7)
    assert {name: (x.shape, x.dtype.name) for name, x in tree_items(params)} == {
        "up.w": ((4, 7), "float32"), "up.b": ((7,), "float32"),
        "down.w": ((7, 4), "float32"), "down.b": ((4,), "float32")}


def test_value_by_its_definition():
    rng = np.random.default_rng(0)
    params = randomize(rng, feed_forward_init(rng, d_model=4, d_ff=7, dtype=np.float64))
    x = rng.normal(size=(2, 3, 4))
    out, _ = feed_forward_forward(params, x, activation="relu")
    np.testing.assert_allclose(out, plain_feed_forward(params, x), rtol=1e-12)


def test_hand_example():
    params = {"up": {"w": np.array([[1.0, -1]]), "b": np.array([0.0, 1])},
              "down": {"w": np.array([[2.0], [3]]), "b": np.array([5.0])}}
    out, cache = feed_forward_forward(params, np.array([[[4.0]], [[-2.0]]]),
                                      activation="relu")
    assert out.tolist() == [[[13]], [[14]]]  # 2 * 4 + 5, for the -3 is cut; 3 * 3 + 5
    dparams, dx = feed_forward_backward(np.array([[[1.0]], [[10.0]]]), cache)
    assert dx.tolist() == [[[2]], [[-30]]]
    assert dparams["up"]["w"].tolist() == [[8, -60]]
    assert dparams["up"]["b"].tolist() == [2, 30]
    assert dparams["down"]["w"].tolist() == [[4], [30]]
    assert dparams["down"]["b"].tolist() == [11]


def test_each_token_is_by_itself():
    rng = np.random.default_rng(0)
    params = feed_forward_init(rng, d_model=4, d_ff=7, dtype=np.float64)
    x = rng.normal(size=(2, 3, 4))
    out, _ = feed_forward_forward(params, x, activation="relu")
    x[0, 1] = 9
    changed, _ = feed_forward_forward(params, x, activation="relu")
    assert np.argwhere((out != changed).any(axis=-1)).tolist() == [[0, 1]]

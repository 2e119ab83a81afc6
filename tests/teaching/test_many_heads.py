"""The ladder's model with many heads: its gradients, what it sees, and one head of many."""

import numpy as np
import pytest

from minitransformer.gradient_check import assert_gradients
from minitransformer.teaching.many_heads import many_heads_backward, many_heads_forward
from minitransformer.teaching.one_head import one_head_backward, one_head_forward, one_head_init

RNG = np.random.default_rng(0)
IDS = RNG.integers(7, size=(2, 5))
PARAMS = {name: RNG.normal(size=array.shape) for name, array in
          one_head_init(RNG, vocab_size=7, d_model=6, dtype=np.float64).items()}


@pytest.mark.parametrize("n_heads", [2, 3])
def test_the_gradients_are_right(n_heads):
    assert_gradients(many_heads_forward, many_heads_backward, PARAMS,
                     options={"ids": IDS, "n_heads": n_heads})


def test_one_of_many_heads_is_one_head():
    one, one_cache = one_head_forward(PARAMS, ids=IDS)
    many, many_cache = many_heads_forward(PARAMS, ids=IDS, n_heads=1)
    np.testing.assert_allclose(many, one, rtol=1e-14)
    dlogits = RNG.normal(size=one.shape)
    expected = one_head_backward(dlogits, one_cache)
    for name, gradient in many_heads_backward(dlogits, many_cache).items():
        np.testing.assert_allclose(gradient, expected[name], rtol=1e-12, atol=1e-14)


def test_three_heads_are_another_model_and_look_back_only():
    changed = IDS.copy()
    changed[:, -1] = (changed[:, -1] + 1) % 7
    one, _ = one_head_forward(PARAMS, ids=IDS)
    before, _ = many_heads_forward(PARAMS, ids=IDS, n_heads=3)
    after, _ = many_heads_forward(PARAMS, ids=changed, n_heads=3)
    assert not np.allclose(before, one)
    assert np.array_equal(before[:, :-1], after[:, :-1])
    assert not np.array_equal(before[:, -1], after[:, -1])

"""Lesson 04's own functions can stand in for the package's pair, as the lesson promises."""

import numpy as np
import pytest

from minitransformer.functional import padding_mask
from minitransformer.layers import multi_head_attention as layer
from minitransformer.teaching.exercises.lesson_04.backward import my_attention_backward
from minitransformer.teaching.exercises.lesson_04.forward import my_attention_forward
from minitransformer.teaching.swap import swapped
from minitransformer.tree import tree_items


@pytest.mark.parametrize("causal", [False, True])
def test_the_readers_pair_can_replace_the_packages_in_multi_head_attention(causal):
    rng = np.random.default_rng(0)
    params = layer.multi_head_attention_init(rng, d_model=6, dtype=np.float64)
    x, dout = rng.normal(size=(2, 2, 5, 6))
    mask = padding_mask(np.array([[3, 4, 5, 3, 4], [0, 3, 4, 0, 0]]), pad_id=0)

    def run():
        out, cache = layer.multi_head_attention_forward(params, x, n_heads=3, mask=mask,
                                                        causal=causal)
        dparams, dx, _ = layer.multi_head_attention_backward(dout, cache)
        return tree_items({"out": out, "dparams": dparams, "dx": dx})

    expected = run()
    with swapped("attention", my_attention_forward, my_attention_backward):
        found = run()
    for (name, given), (_, right) in zip(found, expected, strict=True):
        np.testing.assert_allclose(given, right, rtol=0, atol=1e-13, err_msg=name)

"""The museum's checks of smaller models catch nothing where quantizing and cutting are right."""

import dataclasses

import numpy as np
import pytest

from minitransformer.compress import quantize, silence_heads
from minitransformer.layers import multi_head_attention_forward
from minitransformer.teaching.exhibits.lesson_22 import product_of
from minitransformer.teaching.museum import CHECKS, exhibit


@pytest.mark.parametrize("name", ["an outlier in another column", "half a step"])
def test_rounded_codes_with_a_scale_for_each_column_are_not_caught(name):
    right = dataclasses.replace(exhibit("one_scale"), forward=product_of(lambda w: quantize(w)[:2]))
    assert not CHECKS[name](right)


def test_a_head_that_is_not_heard_is_not_caught():
    def forward(x, *, params, n_heads, head):
        silent = silence_heads(params, [head], n_heads=n_heads)
        return multi_head_attention_forward(silent, x, n_heads=n_heads)

    right = dataclasses.replace(exhibit("speaking_bias"), forward=forward)
    assert not CHECKS["other numbers in the cut head"](right)


def test_truncated_weights_are_too_small():
    item = exhibit("truncated_codes")
    w = np.random.default_rng(0).normal(size=(400, 3))
    stored, _ = item.forward(np.eye(400), w=w)
    step = np.max(np.abs(w), axis=0) / 127
    assert np.all(np.abs(stored) <= np.abs(w))
    np.testing.assert_allclose(np.mean(np.abs(w) - np.abs(stored), axis=0), step / 2, rtol=0.1)

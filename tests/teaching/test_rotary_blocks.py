"""The ladder's blocks with an order from their configuration alone, and bars with one change."""

import functools

import numpy as np
import pytest

from minitransformer.data.manual import TextSplit
from minitransformer.gradient_check import assert_gradients
from minitransformer.teaching.causal_blocks import (
    BlockConfig, causal_blocks_backward, causal_blocks_init)
from minitransformer.teaching.rotary_blocks import rotary_blocks_forward
from minitransformer.teaching.rungs import blocks
from minitransformer.tree import tree_map

IDS = np.random.default_rng(0).integers(7, size=(2, 5))
CONFIG = BlockConfig(d_model=8, n_heads=4, d_ff=6, positions="rotary", n_kv_heads=2,
                     activation="swiglu")


def random_params(config, n_layers=2):
    rng = np.random.default_rng(1)
    params = causal_blocks_init(rng, vocab_size=7, n_layers=n_layers, config=config,
                                dtype=np.float64)
    return tree_map(lambda x: rng.normal(size=x.shape), params)


def test_the_gradients_are_right():
    assert_gradients(rotary_blocks_forward, causal_blocks_backward, random_params(CONFIG),
                     options={"ids": IDS, "config": CONFIG})


@pytest.mark.parametrize("positions, ordered", [("rotary", True), ("alibi", True),
                                                ("none", False)])
def test_the_order_comes_from_the_configuration_alone(positions, ordered):
    config = CONFIG._replace(positions=positions)
    forward = functools.partial(rotary_blocks_forward, random_params(config, n_layers=1),
                                config=config)
    exchanged = IDS[:, [1, 0, 2, 3, 4]]
    before, after = forward(ids=IDS)[0][:, -1], forward(ids=exchanged)[0][:, -1]
    assert np.allclose(before, after, rtol=1e-9) != ordered


def test_a_bar_may_change_any_part_of_the_block():
    def bits(change):
        text = "abacabad" * 20
        return blocks(TextSplit(text, text, text), seed=0, runs=1, n_layers=1, n_heads=2, d_ff=8,
                      d_model=8, block=16, batch=4, steps=5, lr=0.03, change=change)
    assert bits(None) == bits({"positions": "none"})
    changes = [{"positions": "rotary"}, {"n_kv_heads": 1}, {"activation": "swiglu"}]
    assert len({bits(None), *map(bits, changes)}) == 4

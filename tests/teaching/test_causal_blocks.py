"""The ladder's stack of causal blocks: its gradients, what it sees, and that it trains."""

import functools

import numpy as np
import pytest

from minitransformer.data.manual import TextSplit
from minitransformer.gradient_check import assert_gradients
from minitransformer.teaching.causal_blocks import (
    BlockConfig,
    causal_blocks_backward,
    causal_blocks_forward,
    causal_blocks_init,
)
from minitransformer.teaching.rungs import blocks
from minitransformer.tree import tree_items, tree_map

IDS = np.random.default_rng(0).integers(7, size=(2, 5))
CONFIG = BlockConfig(d_model=4, n_heads=2, d_ff=6)


def random_params(config):
    rng = np.random.default_rng(1)
    params = causal_blocks_init(rng, vocab_size=7, n_layers=2, config=config, dtype=np.float64)
    return tree_map(lambda x: rng.normal(size=x.shape), params)


@pytest.mark.parametrize("placement", ["pre", "post"])
def test_the_gradients_are_right(placement):
    config = CONFIG._replace(norm_placement=placement)
    assert_gradients(causal_blocks_forward, causal_blocks_backward, random_params(config),
                     options={"ids": IDS, "config": config}, zero=("attention.k.b",))


def test_no_later_character_changes_an_earlier_prediction():
    forward = functools.partial(causal_blocks_forward, random_params(CONFIG), config=CONFIG)
    changed = IDS.copy()
    changed[:, -1] = (changed[:, -1] + 1) % 7
    before, after = forward(ids=IDS)[0], forward(ids=changed)[0]
    assert np.array_equal(before[:, :-1], after[:, :-1])
    assert not np.array_equal(before[:, -1], after[:, -1])


def test_parameters_are_float32_and_gradients_too():
    params = causal_blocks_init(np.random.default_rng(0), vocab_size=7, n_layers=1, config=CONFIG)
    logits, cache = causal_blocks_forward(params, ids=IDS, config=CONFIG)
    dparams = causal_blocks_backward(logits, cache)
    assert logits.dtype == np.float32
    assert all(x.dtype == np.float32 for _, x in [*tree_items(params), *tree_items(dparams)])


def test_the_rung_learns_what_a_bigram_cannot_know():
    text = "abacabad" * 60  # what follows an a is known from the characters before it
    bits = blocks(TextSplit(text, text, text), seed=0, runs=1, n_layers=1, n_heads=2, d_ff=8,
                  d_model=8, block=16, batch=8, steps=150, lr=0.03)
    bigram = 0.5 * 1.5  # after an a: b half of the time, c and d a quarter each
    assert bits < 0.6 * bigram

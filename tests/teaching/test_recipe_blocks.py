"""The ladder's blocks with dropout: the same model, its gradients right, and learning."""

import numpy as np

from minitransformer.data.manual import TextSplit
from minitransformer.gradient_check import assert_gradients
from minitransformer.teaching.causal_blocks import (
    BlockConfig, causal_blocks_backward, causal_blocks_forward, causal_blocks_init)
from minitransformer.teaching.one_head import bits_per_character
from minitransformer.teaching.recipe_blocks import dropped_blocks_forward, train_blocks
from minitransformer.tree import tree_map

RNG = np.random.default_rng(0)
IDS = RNG.integers(7, size=(2, 5))
SEED = (3, 1)


def model(dropout):
    config = BlockConfig(d_model=4, n_heads=2, d_ff=6, dropout=dropout)
    params = causal_blocks_init(RNG, vocab_size=7, n_layers=2, config=config, dtype=np.float64)
    return tree_map(lambda w: RNG.normal(size=w.shape), params), config


def test_the_gradients_are_right_under_dropout():
    params, config = model(0.4)
    assert_gradients(dropped_blocks_forward, causal_blocks_backward, params, tolerance=1e-11,
                     options={"ids": IDS, "config": config, "dropout_seed": SEED},
                     zero=("attention.k.b",))


def test_without_dropout_it_is_lesson_07s_model():
    params, config = model(0.0)
    logits, _ = dropped_blocks_forward(params, ids=IDS, config=config, dropout_seed=SEED)
    assert np.array_equal(logits, causal_blocks_forward(params, ids=IDS, config=config)[0])


def test_layers_and_steps_draw_masks_of_their_own():
    params, config = model(0.4)
    a, cache = dropped_blocks_forward(params, ids=IDS, config=config, dropout_seed=SEED)
    b, _ = dropped_blocks_forward(params, ids=IDS, config=config, dropout_seed=(3, 2))
    assert not np.array_equal(a, b)
    masks = [block.after_attention.dropout.factor for block in cache.blocks]
    assert not np.array_equal(*masks)


def test_training_helps():
    text = "".join(RNG.choice(["the cat sat. ", "the mat. ", "a cat. "], size=200))
    settings = {"n_layers": 1, "n_heads": 2, "d_model": 8, "d_ff": 16, "block": 12, "batch": 8,
                "peak": 0.02, "warmup": 5, "weight_decay": 0.1, "dropout": 0.1, "clip_norm": 1.0}
    bits = []
    for steps in (5, 60):
        params, ids, forward = train_blocks(TextSplit(text, text[:300], text[300:600]), seed=0,
                                            steps=steps, **settings)
        bits.append(bits_per_character(params, ids.validation, block=12, forward=forward))
    assert bits[1] < 0.7 * bits[0]

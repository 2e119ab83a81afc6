"""The ladder's model with a memory: its gradients, what it sees, and that no character leaks."""

import numpy as np
import pytest

from minitransformer.data.manual import TextSplit
from minitransformer.data.tokenizers import PAD
from minitransformer.gradient_check import assert_gradients
from minitransformer.teaching.memory_blocks import (
    memory_bits_per_character,
    memory_blocks_backward,
    memory_blocks_forward,
    memory_blocks_init,
    memory_config,
)
from minitransformer.teaching.rungs import blocks, memory
from minitransformer.tree import tree_items, tree_map

CONFIG = memory_config(8, d_model=4, n_heads=2, n_layers=1, d_ff=5, max_seq_len=5)
IDS = np.random.default_rng(0).integers(3, 8, size=(2, 10))


def random_params():
    rng = np.random.default_rng(1)
    params = memory_blocks_init(rng, config=CONFIG, dtype=np.float64)
    return tree_map(lambda x: rng.normal(size=x.shape), params)


def forward(ids):
    return memory_blocks_forward(random_params(), ids=ids, config=CONFIG)[0]


def test_the_gradients_are_right():
    assert_gradients(memory_blocks_forward, memory_blocks_backward, random_params(),
                     options={"ids": IDS, "config": CONFIG}, zero=("attention.k.b",),
                     tolerance=1e-11)


def test_every_character_before_is_seen_and_none_after():
    before = forward(IDS)
    for place in range(10):
        changed = IDS.copy()
        changed[:, place] = 3 + (changed[:, place] - 2) % 5
        after = forward(changed)
        first = max(place - 5, 0)  # the first whose prediction may know of it
        assert np.array_equal(before[:, :first], after[:, :first])
        assert (np.abs(before - after)[:, first:].max(axis=-1) > 1e-9).all()


def test_an_odd_number_of_ids_is_refused():
    with pytest.raises(ValueError, match="ids has 9 columns, expected an even number"):
        forward(IDS[:, :9])


def test_an_empty_memory_is_finite_and_silent():
    ids = IDS.copy()
    ids[:, :5] = PAD
    assert np.isfinite(forward(ids)).all()


def test_parameters_are_float32_and_gradients_too():
    params = memory_blocks_init(np.random.default_rng(0), config=CONFIG)
    logits, cache = memory_blocks_forward(params, ids=IDS, config=CONFIG)
    dparams = memory_blocks_backward(logits, cache)
    assert logits.dtype == np.float32
    assert all(x.dtype == np.float32 for _, x in [*tree_items(params), *tree_items(dparams)])


def test_every_character_but_the_first_is_predicted_once_from_what_stands_before_it():
    text, asked = np.arange(3, 3 + 13), []

    def spy(params, *, ids):
        asked.append(ids)
        return np.zeros((len(ids), 4, 16)), None

    bits = memory_bits_per_character(None, text, block=4, forward=spy)
    assert bits == pytest.approx(4.0)  # sixteen characters, all alike
    ids = np.concatenate(asked)                                            # (3, 8)
    assert ids[0].tolist() == [PAD] * 4 + [3, 4, 5, 6]
    assert ids[1:, 0].tolist() == [3, 7]
    assert (np.diff(ids[1:], axis=1) == 1).all()  # the block before, then the block itself
    assert ids[:, 4:].ravel().tolist() == list(range(3, 15))  # what follows each is asked: 4 .. 15


def test_the_rung_learns_what_stands_in_the_block_before():
    text = "aabb" * 80  # two characters tell the next one; a block of two begins with one alone
    sizes = {"seed": 0, "runs": 1, "n_layers": 1, "n_heads": 2, "d_ff": 32, "d_model": 16,
             "block": 2, "batch": 16, "steps": 250, "lr": 0.005}
    split = TextSplit(text, text, text)
    assert memory(split, **sizes) < 0.1 < 0.3 < blocks(split, **sizes)

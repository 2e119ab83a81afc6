"""The ladder's model with one head: its gradients, what it sees, and that training helps."""

import numpy as np

from minitransformer.data.manual import TextSplit
from minitransformer.gradient_check import assert_gradients
from minitransformer.teaching.one_head import (
    bits_per_character,
    one_head_backward,
    one_head_forward,
    one_head_init,
    train_one_head,
)

RNG = np.random.default_rng(0)
IDS = RNG.integers(7, size=(2, 5))
PARAMS = {name: RNG.normal(size=array.shape) for name, array in
          one_head_init(RNG, vocab_size=7, d_model=4, dtype=np.float64).items()}


def test_the_gradients_are_right():
    assert_gradients(one_head_forward, one_head_backward, PARAMS, options={"ids": IDS})


def test_no_later_character_changes_an_earlier_prediction():
    changed = IDS.copy()
    changed[:, -1] = (changed[:, -1] + 1) % 7
    before, _ = one_head_forward(PARAMS, ids=IDS)
    after, _ = one_head_forward(PARAMS, ids=changed)
    assert np.array_equal(before[:, :-1], after[:, :-1])
    assert not np.array_equal(before[:, -1], after[:, -1])


def test_training_keeps_float32_and_learns_what_a_bigram_cannot_know():
    text = "abacabad" * 60  # what follows an a is known from the characters before it
    split = TextSplit(text, text, text)
    params, ids, losses = train_one_head(split, seed=0, d_model=8, block=16, batch=8, steps=300,
                                         lr=0.03)
    assert all(array.dtype == np.float32 for array in params.values())
    bigram = 0.5 * 1.5  # after an a: b half of the time, c and d a quarter each
    assert bits_per_character(params, ids.test, block=16) < 0.6 * bigram < losses[0]


def test_bits_count_every_block_alike():
    ids = np.arange(7).repeat(30)
    halves = [bits_per_character(PARAMS, ids[s:s + 101], block=5) for s in (0, 100)]
    assert np.isclose(bits_per_character(PARAMS, ids[:201], block=5), np.mean(halves))

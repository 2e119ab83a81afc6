"""The ladder's window model: its gradients, what it sees, and that training helps."""

import numpy as np

from minitransformer.data.manual import TextSplit
from minitransformer.gradient_check import assert_gradients
from minitransformer.teaching.window import (
    train_window,
    window_backward,
    window_bits_per_character,
    window_forward,
    window_init,
)
from minitransformer.tree import tree_items, tree_map

RNG = np.random.default_rng(0)
IDS = RNG.integers(7, size=(5, 3))
PARAMS = tree_map(lambda array: RNG.normal(size=array.shape), window_init(
    RNG, vocab_size=7, window=3, d_model=4, d_ff=6, dtype=np.float64))


def test_the_gradients_are_right():
    assert_gradients(window_forward, window_backward, PARAMS, options={"ids": IDS})


def test_it_knows_the_order_of_its_window():
    backwards, _ = window_forward(PARAMS, ids=IDS[:, ::-1])
    assert not np.allclose(window_forward(PARAMS, ids=IDS)[0], backwards)


def test_training_keeps_float32_and_learns_what_a_bigram_cannot_know():
    text = "abacabad" * 60  # what follows an a is known from the three characters before it
    split = TextSplit(text, text, text)
    params, ids, losses = train_window(split, seed=0, window=4, d_model=8, d_ff=16, batch=32,
                                       steps=400, lr=0.5)
    assert all(array.dtype == np.float32 for _, array in tree_items(params))
    bigram = 0.5 * 1.5  # after an a: b half of the time, c and d a quarter each
    assert window_bits_per_character(params, ids.test, window=4) < 0.2 * bigram < losses[0]


def test_bits_are_the_mean_over_every_character_that_has_a_whole_window():
    ids = RNG.integers(7, size=5000)  # more than one batch
    logits, _ = window_forward(PARAMS, ids=np.stack([ids[:-3], ids[1:-2], ids[2:-1]], axis=1))
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    surprise = -np.log2(probs[np.arange(4997), ids[3:]])
    assert np.isclose(window_bits_per_character(PARAMS, ids, window=3), surprise.mean())

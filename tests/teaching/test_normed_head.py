"""The ladder's model with layer norm, and lesson 06's file of losses against learning rates."""

import numpy as np
import pytest

from minitransformer.data.manual import TextSplit
from minitransformer.gradient_check import assert_gradients
from minitransformer.teaching.learning_rates import (
    CONFIG, RATES, SEEDS, measure_learning_rates, read_learning_rates)
from minitransformer.teaching.normed_head import (
    NORMED_HEAD, normed_head_backward, normed_head_forward, normed_head_init)
from minitransformer.teaching.one_head import train_one_head

RNG = np.random.default_rng(0)
IDS = RNG.integers(7, size=(2, 5))
START = normed_head_init(RNG, vocab_size=7, d_model=4, dtype=np.float64)
TEXT = "abacabad" * 60


def test_the_gradients_are_right():
    params = {name: RNG.normal(size=array.shape) for name, array in START.items()}
    assert_gradients(normed_head_forward, normed_head_backward, params, options={"ids": IDS})


def test_a_new_head_reads_rows_of_mean_0_and_spread_1():
    _, cache = normed_head_forward(START, ids=IDS)
    rows = cache.head.q.x
    assert np.allclose(rows.mean(axis=-1), 0) and np.allclose(rows.std(axis=-1), 1, rtol=1e-3)


def test_training_keeps_float32_and_learns():
    params, _, losses = train_one_head(TextSplit(TEXT, TEXT, TEXT), seed=0, d_model=8, block=16,
                                       batch=8, steps=200, lr=0.03, **NORMED_HEAD)
    assert all(array.dtype == np.float32 for array in params.values())
    assert losses[-20:].mean() < 0.3 * losses[0]


def test_learning_rates_are_measured_with_every_seed_and_written(tmp_path):
    path = tmp_path / "results" / "learning_rates.json"
    config = {"d_model": 4, "block": 8, "batch": 2, "steps": 3}
    measure_learning_rates(TextSplit(TEXT, TEXT, TEXT), rates=(0.01, 0.1, 1.0), seeds=(0, 1),
                           config=config, path=path)
    content = read_learning_rates(path)
    assert content["config"] == config
    assert content["command"] == "python -m minitransformer.teaching.learning_rates"
    assert {name: np.shape(rows) for name, rows in content["bits"].items()} == {
        "without norm": (3, 2), "with norm": (3, 2)}


def test_the_committed_file_is_that_of_the_command():
    content = read_learning_rates()
    assert content["config"] == CONFIG
    assert (tuple(content["rates"]), tuple(content["seeds"])) == (RATES, SEEDS)


def test_a_missing_file_says_how_to_make_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="make it with python -m"):
        read_learning_rates(tmp_path / "learning_rates.json")

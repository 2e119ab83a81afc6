"""Lesson 13's file of losses: the same translator with each norm, at several learning rates."""

import numpy as np
import pytest

from minitransformer.teaching.norms import (
    BATCH_SIZE, CLIPPED, DEEP, LONG, NORMS, RATES, SEEDS, SMALL, STEPS, WARMUP, measure_norms,
    read_norms, small_trainer, validation_loss)

TINY = {"d_model": 4, "n_heads": 2, "n_layers": 1, "d_ff": 6}


@pytest.mark.slow
def test_every_norm_rate_and_seed_is_measured_and_written(tmp_path, monkeypatch):
    monkeypatch.setitem(DEEP, "n_layers", 2)
    monkeypatch.setitem(LONG, "steps", 3)
    path = tmp_path / "results" / "norms.json"
    measure_norms(norms=("rms", "none"), rates=(0.01,), seeds=(0, 1), path=path, steps=2, **TINY)
    content = read_norms(path)
    assert content["command"] == "python -m minitransformer.teaching.norms"
    assert content["config"]["steps"] == 2 and content["config"]["d_model"] == 4
    assert {clipped: {norm: np.shape(rows) for norm, rows in norms.items()}
            for clipped, norms in content["losses"].items()} == {
        clipped: {"rms": (1, 2), "none": (1, 2)} for clipped in CLIPPED}
    for further in ("deep", "long"):
        assert {norm: len(row) for norm, row in content[further]["losses"].items()} == {
            "rms": 2, "none": 2}


def test_a_run_that_overflows_has_no_loss():
    assert validation_loss("none", seed=0, peak=1e30, steps=4, **TINY) is None


def test_the_norm_and_the_rate_are_used():
    trainer = small_trainer("batch", seed=0, peak=0.01, **TINY)
    assert trainer.model.config.norm == "batch" and trainer.model.state["norm"]["mean"].size == 4
    losses = {validation_loss(norm, seed=0, peak=peak, steps=3, **TINY)
              for norm, peak in (("layer", 0.01), ("rms", 0.01), ("layer", 0.03))}
    assert len(losses) == 3


def test_the_committed_file_is_that_of_the_command():
    content = read_norms()
    assert content["config"] == {**SMALL, "batch_size": BATCH_SIZE, "warmup": WARMUP,
                                 "steps": STEPS}
    assert (tuple(content["rates"]), tuple(content["seeds"])) == (RATES, SEEDS)
    assert {clipped: tuple(norms) for clipped, norms in content["losses"].items()} == dict.fromkeys(
        CLIPPED, NORMS)
    for further, settings in (("deep", DEEP), ("long", LONG)):
        assert {**settings, "losses": None} == {**content[further], "losses": None}
        assert tuple(content[further]["losses"]) == NORMS


def test_a_missing_file_says_how_to_make_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="make it with python -m"):
        read_norms(tmp_path / "norms.json")

"""Lesson 20's induction runs: what they write, on models too short trained to have learned."""

import numpy as np
import pytest

from minitransformer.interpretability.ablation import ablate_heads
from minitransformer.interpretability.induction import losses_by_half
from minitransformer.teaching import induction_runs
from minitransformer.teaching.induction_runs import (
    HALF, TOKENS, RepeatedTexts, changed_texts, first_step, in_text_loss, induction_trainer,
    measure, measured_texts, read_induction, short, take_away, train_and_look)


def test_measured_texts_are_two_equal_halves_and_no_training_text():
    ids = measured_texts(5)
    assert ids.shape == (5, 48)
    np.testing.assert_array_equal(ids[:, :HALF], ids[:, HALF:])
    np.testing.assert_array_equal(ids, measured_texts(5))


def test_training_texts_are_a_function_of_seed_and_step():
    batch = RepeatedTexts(3).batch(7)
    assert batch.src is None and batch.tgt.shape == batch.targets.shape == (32, 48)
    np.testing.assert_array_equal(batch.tgt[:, 1:], batch.targets[:, :-1])
    np.testing.assert_array_equal(batch.tgt, RepeatedTexts(3).batch(7).tgt)
    assert not np.array_equal(batch.tgt, RepeatedTexts(4).batch(7).tgt)
    assert not np.array_equal(batch.tgt, RepeatedTexts(3).batch(8).tgt)


def test_changed_texts_differ_in_one_token_which_alone_announces_the_answer():
    clean, corrupted, answer, other = changed_texts(20)
    assert clean.shape == corrupted.shape == (20, 36)
    np.testing.assert_array_equal(np.nonzero((clean != corrupted).any(axis=0))[0], [11])
    for row, changed, right, wrong in zip(clean, corrupted, answer, other):
        assert len(set(row[:24])) == 24 and set(row) <= set(TOKENS)
        assert row[-1] == row[11] and right == row[12] and wrong == row[5]
        assert changed[-1] not in changed[:-1] and changed[11] not in row


def test_watching_changes_nothing():
    model, rows = train_and_look(2, seed=1, watched=(0, 1, 3), ids=measured_texts(4))
    plain, trainer = induction_trainer(2, seed=1)
    trainer.train(3)
    assert [row["step"] for row in rows] == [0, 1, 3]
    np.testing.assert_array_equal(model.params["embedding"]["table"],
                                  plain.params["embedding"]["table"])
    assert (rows[-1]["first"], rows[-1]["second"]) == losses_by_half(plain, measured_texts(4))
    assert rows[0]["induction"].shape == rows[0]["previous"].shape == (2, 2)
    assert first_step(rows, lambda row: row["step"] > 0) == 1
    assert first_step(rows, lambda row: row["step"] > 9) is None


def test_what_is_taken_away_is_measured_head_by_head():
    model, _ = induction_trainer(2)
    ids = measured_texts(4)
    found = take_away(model, ids)
    assert [row["head"] for row in found["alone"]] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    for row in found["alone"]:
        assert row["second"] == losses_by_half(ablate_heads(model, [row["head"]]), ids)[1]
    assert sorted(found["order"]) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert found["in_order"][0] == losses_by_half(model, ids)[1]
    assert found["in_order"][1] == min(row["second"] for row in found["alone"])
    assert found["alone_by_mean"].shape == (2, 2)


def test_who_counts_tokens_only_has_a_loss_that_can_be_worked_out():
    ids = np.array([[3, 4, 3, 5, 3, 4, 3, 5]])        # behind the first: 4 once, 3 twice, 5 once
    assert in_text_loss(ids) == pytest.approx(np.mean(-np.log([1 / 4, 2 / 4, 1 / 4])))


@pytest.mark.slow
def test_the_file_is_json_that_can_be_read_back(tmp_path, capsys):
    path = tmp_path / "induction.json"
    with pytest.raises(FileNotFoundError, match="induction_runs"):
        read_induction(path)
    measure(seeds=(0,), path=path, watched=(0, 1))
    assert "seed 0" in capsys.readouterr().out
    found = read_induction(path)
    assert found["seeds"] == [0] and found["command"].endswith("induction_runs")
    assert np.shape(found["runs"][0]["patching"]) == (3, 36)
    assert short({"a": (1, 0.123456, np.ones(2))}) == {"a": [1, 0.1235, [1.0, 1.0]]}


def test_the_committed_file_is_of_these_settings():
    found = read_induction()
    assert found["seeds"] == list(induction_runs.SEEDS) and found["steps"] == induction_runs.STEPS
    assert [row["step"] for row in found["runs"][0]["two_blocks"]] == list(induction_runs.WATCHED)
    assert found["in_text_loss"] == pytest.approx(in_text_loss(measured_texts()), abs=1e-4)


@pytest.mark.parametrize("seed", induction_runs.SEEDS)
def test_what_lesson_20_says_of_each_model_is_in_the_file(seed):
    run = read_induction()["runs"][seed]
    end = run["two_blocks"][-1]
    assert run["seed"] == seed and end["second"] < 0.12
    assert 300 < first_step(run["two_blocks"], lambda row: row["second"] < 2) < 400
    assert run["one_block"][-1]["second"] > 2.8 and run["one_block_four_heads"][-1]["second"] > 2.8
    assert 0.99 < run["patching"][1][12] < 1.03
    head = int(np.argmax(end["previous"][0]))
    without = run["take_away"]["alone"][head]
    left = np.max(without["induction"][1])
    assert (0.05 < left < 0.19 and without["second"] > 3.7) if seed != 1 else (
        0.32 < left < 0.33 and without["second"] < 2.8)
    assert np.max(end["induction"][1]) > 0.85
    looks_back = first_step(run["two_blocks"], lambda row: np.max(row["previous"][0]) > 0.2)
    finds = first_step(run["two_blocks"], lambda row: np.max(row["induction"][1]) > 0.2)
    assert looks_back - finds == (20 if seed in (1, 2) else 0)

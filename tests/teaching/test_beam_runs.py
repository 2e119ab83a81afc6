"""Lesson 11's experiment: what a search found is looked at rightly, and the file says how made."""

import json

import numpy as np
import pytest

from minitransformer.data.tokenizers import END, PAD, START
from minitransformer.teaching import beam_runs
from minitransformer.teaching.beam_runs import SEARCHES, SEEDS, STEPS, one_run, search
from minitransformer.teaching.recipe_runs import small_trainer, small_translator
from minitransformer.translator import Pairs

ANIMALS = [("cat", "Katze"), ("dog", "Hund"), ("fox", "Fuchs"), ("cat dog", "Katze Hund"),
           ("fox dog", "Fuchs Hund"), ("dog cat", "Hund Katze")]
FEW = Pairs(ANIMALS, ANIMALS, ANIMALS)


@pytest.fixture(scope="module")
def half_trained():
    """One that makes some mistakes, by a search and by itself."""
    translator = small_translator(FEW, seed=0, d_model=16, d_ff=32)
    small_trainer(translator, FEW, seed=0, steps=45, peak=1e-2, warmup=5).train(45)
    return translator


def log_prob_one_by_one(translator, source, ids):
    """The model run anew for each token: what log_probs_of computes in one pass."""
    src, tgt, total = [translator.source.encode(source)], [START], 0.0
    for token in ids:
        logits, _ = translator.model.forward(np.array(src), np.array([tgt]))
        z = logits[0, -1].astype(np.float64)
        z[[PAD, START]] = -np.inf
        total += z[token] - z.max() - np.log(np.sum(np.exp(z - z.max())))
        tgt.append(token)
    return total


@pytest.mark.parametrize("beam_size", [1, 3])
def test_what_was_found_has_the_log_probability_that_is_said(half_trained, beam_size):
    found = search(half_trained, ANIMALS, beam_size=beam_size)
    for (source, target), ids, log_prob, right, missed in zip(
            ANIMALS, found.ids, found.log_probs, found.right, found.missed):
        assert log_prob == pytest.approx(log_prob_one_by_one(half_trained, source, ids), abs=1e-4)
        goal = [*half_trained.target.encode(target), END]
        assert right == (ids == goal)
        better = log_prob_one_by_one(half_trained, source, goal) > log_prob + 1e-4
        assert missed == (better and not right)
    assert any(found.right) and not all(found.right)
    texts = half_trained.translate([source for source, _ in ANIMALS], beam_size=1)
    if beam_size == 1:
        assert [half_trained.target.decode(ids) for ids in found.ids] == texts


def test_rows_and_steps_are_counted(half_trained):
    one, three = (search(half_trained, ANIMALS, beam_size=size) for size in (1, 3))
    assert one.steps == max(map(len, one.ids)) and one.rows == sum(map(len, one.ids))
    assert one.rows < three.rows <= 3 * len(ANIMALS) * three.steps


@pytest.mark.slow
def test_the_file_is_written_after_every_run(tmp_path):
    path = tmp_path / "beam.json"
    beam_runs.measure(seeds=(0, 1), steps=(100,), path=path, pairs=FEW,
                      searches=((1, 0.0), (2, 0.6)))
    content = beam_runs.read_beam_runs(path)
    assert content == json.loads(path.read_text())
    assert [(run["seed"], run["steps"], run["numbers"]) for run in content["runs"]] == [
        (0, 100, 6), (1, 100, 6)]
    assert content["runs"][0]["searches"] == one_run(
        FEW, seed=0, steps=100, searches=((1, 0.0), (2, 0.6)))["searches"]
    assert content["command"].endswith("beam_runs") and content["versions"]["numpy"]
    with pytest.raises(FileNotFoundError, match="make it with python -m"):
        beam_runs.read_beam_runs(tmp_path / "other.json")


def test_the_committed_claim_is_of_five_runs_at_three_moments():
    runs = beam_runs.read_beam_runs()["runs"]
    assert [(run["steps"], run["seed"]) for run in runs] == [(n, s) for n in STEPS for s in SEEDS]
    for run in runs:
        assert [(s["beam"], s["penalty"]) for s in run["searches"]] == list(SEARCHES)
        assert all(s["right"] + s["missed"] <= run["numbers"] for s in run["searches"])

"""Lesson 10's experiments: what is counted is right, numbers are fresh, and files say how made."""

import json

import numpy as np
import pytest

from minitransformer.data.number_words import number_pairs, split_numbers
from minitransformer.data.tokenizers import END
from minitransformer.teaching import recipe_runs, translator_runs
from minitransformer.teaching.forcing import free_running, shares, teacher_forced
from minitransformer.teaching.recipe_runs import PARTS, SWEEPS, one_run, small_translator
from minitransformer.teaching.translator_runs import ROUND, TRAIN, unseen_groups
from minitransformer.training.optimizer import AdamW
from minitransformer.translator import HELD_OUT, Pairs, Translator, number_word_pairs, train

ANIMALS = [("cat", "Katze"), ("dog", "Hund"), ("fox", "Fuchs"), ("cat dog", "Katze Hund"),
           ("fox dog", "Fuchs Hund"), ("dog cat", "Hund Katze")]
FEW = Pairs(ANIMALS, ANIMALS, ANIMALS)


@pytest.fixture(scope="module")
def half_trained():
    """One that makes some mistakes: some translations are right and some are not."""
    translator = small_translator(FEW, seed=0, d_model=16, d_ff=32)
    optimizer = AdamW(translator.model.params, lr=5e-3)
    from minitransformer.data.batching import make_batch
    batch = make_batch(translator.encode(ANIMALS))
    for step in range(45):
        _, grads = translator.model.loss_and_grads(batch, dropout_seed=(0, step))
        optimizer.step(grads)
    return translator


def test_forced_and_free_make_the_same_first_mistake(half_trained):
    forced, free = teacher_forced(half_trained, ANIMALS), free_running(half_trained, ANIMALS)
    right = [[*ids, END] for _, ids in half_trained.encode(ANIMALS)]
    assert [len(f) for f in forced] == [len(r) for r in right]
    faultless = [f == r for f, r in zip(forced, right)]
    assert any(faultless) and not all(faultless)
    assert faultless == [f == r for f, r in zip(free, right)]
    for a, b, target in zip(forced, free, right):
        first = next((t for t, (x, y) in enumerate(zip(a, target)) if x != y), len(target))
        assert a[:first + 1] == b[:first + 1]


def test_shares_count_characters_and_translations(half_trained):
    forced, free, exact = shares(half_trained, ANIMALS)
    right = [[*ids, END] for _, ids in half_trained.encode(ANIMALS)]
    guesses = teacher_forced(half_trained, ANIMALS, batch_size=4)
    hits = [a == b for guess, target in zip(guesses, right) for a, b in zip(guess, target)]
    assert forced == np.mean(hits)
    assert exact == np.mean([g == t for g, t in zip(guesses, right)])
    free_hits = [a == b for guess, target in zip(free_running(half_trained, ANIMALS), right)
                 for a, b in zip(guess, target)]
    assert free == np.sum(free_hits) / len(hits)
    assert 0 < exact < forced < 1


@pytest.mark.slow
def test_fresh_numbers_are_in_no_part_and_the_same_every_time():
    groups = unseen_groups()
    split = split_numbers(train=TRAIN, validation=HELD_OUT, test=HELD_OUT, round_numbers=ROUND)
    seen = np.concatenate(split)
    assert len(groups["fresh"]) == 2_000
    for name, numbers in groups.items():
        assert len(set(numbers)) == len(numbers) and not np.isin(numbers, seen).any()
        assert np.array_equal(numbers, unseen_groups()[name])
    assert max(groups["below 1,000"]) < 1_000
    assert not np.any(groups["ending in 000"] % 1_000)
    assert not np.any(groups["ending in 0 or 00"] % 10) and np.all(
        groups["ending in 0 or 00"] % 1_000)
    trained = [english for english, _ in number_word_pairs().train]
    assert len(trained) == TRAIN  # the runs' parts are those of `train translator`


def test_a_run_trains_as_train_translator_does():
    few, steps = Pairs(*[number_pairs(np.arange(7, 17))] * 3), 4
    run = translator_runs.one_run(3, steps=steps, watched=(2, 4), pairs=few,
                                  groups={"fresh": np.array([7, 12])})
    translator = Translator.untrained([pair for part in few for pair in part], seed=3)
    rows = train(translator, few, steps=steps, seed=3, print_every=0)
    assert run["train_loss"] == [round(row.loss, 4) for row in rows]
    assert [watch["step"] for watch in run["watched"]] == [2, 4]


def one_run_of_animals(seed, **run):
    return {"seed": seed, "counts": {"fresh": {"numbers": 2, "right": 1}}}


def test_the_file_holds_every_run_with_command_and_versions(tmp_path, monkeypatch):
    monkeypatch.setattr(translator_runs, "one_run", one_run_of_animals)
    path = tmp_path / "translator.json"
    translator_runs.measure(seeds=(4, 5), path=path)
    content = translator_runs.read_translator_runs(path)
    assert content["seeds"] == [4, 5] and len(content["runs"]) == 2
    assert content["command"].endswith("translator_runs") and content["versions"]["numpy"]
    with pytest.raises(FileNotFoundError, match="make it with python -m"):
        translator_runs.read_translator_runs(tmp_path / "other.json")


def test_the_committed_claim_is_of_five_full_runs():
    content = translator_runs.read_translator_runs()
    assert content["seeds"] == [0, 1, 2, 3, 4] and content["steps"] == 1000
    shares = [run["counts"]["fresh"]["right"] / run["counts"]["fresh"]["numbers"]
              for run in content["runs"]]
    assert all(run["counts"]["fresh"]["numbers"] == 2_000 for run in content["runs"])
    assert np.mean(shares) >= 0.995


@pytest.mark.parametrize("name", PARTS)
def test_every_part_of_the_recipe_can_be_changed(name):
    settings = {"steps": 6, "batch_size": 2, "warmup": 3, "peak": 0.03}
    loss, exact = one_run(FEW, seed=0, **settings | PARTS[name])
    plain, _ = one_run(FEW, seed=0, **settings)
    assert np.isfinite(loss) and 0 <= exact <= 1
    assert loss != plain


def test_a_run_that_overflows_is_no_result():
    assert one_run(FEW, seed=0, steps=6, warmup=1, batch_size=4, optimizer="sgd", peak=1e30,
                   clip_norm=None) == (None, 0.0)


@pytest.mark.slow
def test_the_recipes_file_is_written_as_it_grows(tmp_path, monkeypatch):
    monkeypatch.setattr(recipe_runs, "number_word_pairs", lambda: FEW)
    path = tmp_path / "recipe.json"
    recipe_runs.measure(seeds=(0,), path=path, sweeps={"SGD": (SWEEPS["SGD"][0], (0.1, 1.0))},
                        parts={"no dropout": PARTS["no dropout"]}, steps=100, batch_size=4)
    content = json.loads(path.read_text())
    assert [row["rate"] for row in content["sweeps"]["SGD"]] == [0.1, 1.0]
    assert len(content["parts"]["no dropout"]["loss"]) == 1
    with pytest.raises(FileNotFoundError, match="make it with python -m"):
        recipe_runs.read_recipe_runs(tmp_path / "other.json")

"""Lesson 15's file of voices and digits; the command on small data made here."""

import numpy as np
import pytest

from minitransformer.classifier import TASKS, Task
from minitransformer.data.classes import ClassData
from minitransformer.teaching.tasks import (
    COMPARED_STEPS, FEWER_SEEDS, ORDER, SEEDS, SETTINGS, in_another_order, measure_tasks,
    read_tasks, right, trained)

SIZES = {"d_model": 8, "n_heads": 2, "n_layers": 1, "d_ff": 8, "max_seq_len": 16,
         "positions": "learned"}


def small_data():
    """Images whose upper or lower half is bright."""
    rng = np.random.default_rng(0)

    def some(count):
        halves = np.repeat(np.eye(2, dtype=np.float32), 8, axis=1)           # (2, 16)
        return [(halves[i % 2][:, None] + rng.normal(0, 0.2, (16, 4)).astype(np.float32), i % 2)
                for i in range(count)]
    return ClassData(some(16), some(6), some(10), ("up", "down"))


SMALL = Task(small_data, SIZES, steps=40, batch_size=8, peak=1e-2, noise=0.1)


def test_everything_is_measured_and_written(tmp_path):
    path = tmp_path / "results" / "tasks.json"
    measure_tasks(tasks={"digits": SMALL}, seeds=(0, 1), fewer_seeds=(0,), steps=30, path=path)
    found = read_tasks(path)["tasks"]["digits"]
    assert {what: len(row) for what, row in found["validation"].items()} == {
        **dict.fromkeys(SETTINGS, 1), "patches in another order": 1}
    assert found["config"] == {**SIZES, "steps": 30, "batch_size": 8, "peak": 0.01, "noise": 0.1}
    confusion = np.array(found["confusion"])
    assert confusion.sum() == 20 and confusion.sum(axis=1).tolist() == [10, 10]
    wrong = sum(map(len, found["wrong"].values()))
    assert wrong == 20 - np.trace(confusion)
    assert np.mean(found["test"]) == pytest.approx(1 - wrong / 20)
    assert found["learned_from"] == 22


def test_only_positions_know_the_halves_apart():
    data = small_data()
    shares = {what: right(trained(change(SMALL), data.train, data.classes, seed=0, steps=120),
                            data.validation)
              for what, change in SETTINGS.items()}
    assert shares["as chosen"] == 1 and shares["without positions"] < 1


def test_another_order_is_the_same_for_all_and_keeps_every_patch():
    data = small_data()
    moved = in_another_order(data)
    assert sorted(ORDER) == list(range(16)) and moved.classes == data.classes
    for part in ("train", "validation", "test"):
        for (a, label), (b, same) in zip(getattr(data, part), getattr(moved, part), strict=True):
            assert label == same and np.array_equal(a[ORDER], b)


def test_the_committed_file_is_that_of_the_command():
    content = read_tasks()
    assert (tuple(content["seeds"]), tuple(content["fewer_seeds"])) == (SEEDS, FEWER_SEEDS)
    assert content["compared_steps"] == COMPARED_STEPS
    for name, task in TASKS.items():
        found = content["tasks"][name]
        assert found["config"] == {**task.sizes, "steps": task.steps, "noise": task.noise,
                                   "batch_size": task.batch_size, "peak": task.peak}
        assert set(SETTINGS) <= set(found["validation"]) and len(found["test"]) == len(SEEDS)
        wrong = sum(map(len, found["wrong"].values()))
        confusion = np.array(found["confusion"])
        assert wrong == confusion.sum() - np.trace(confusion)
        assert np.mean(found["test"]) == pytest.approx(1 - wrong / confusion.sum())


@pytest.mark.parametrize("name, bar", [("vowels", 0.97), ("digits", 0.98)])
def test_the_bars_are_reached(name, bar):
    assert np.mean(read_tasks()["tasks"][name]["test"]) >= bar


def test_a_missing_file_says_how_to_make_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="make it with python -m"):
        read_tasks(tmp_path / "tasks.json")

"""Generation, attention, optimizer and other packages: a row of each, on small sizes."""

import importlib.util
from types import SimpleNamespace

import bench_attention
import bench_generation
import bench_optimizer
import bench_others
import bench_training_step
import matplotlib
import numpy as np
import plot_cost
import profile_training_step
import pytest

TINY = {"vocab_size": 13, "d_model": 12, "n_heads": 3, "n_layers": 2, "d_ff": 20,
        "max_seq_len": 64, **bench_training_step.DECODER}


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setitem(bench_training_step.SIZES, "S", {"batch": {}, "config": TINY})
    monkeypatch.setitem(bench_generation.NEW, "S", 8)
    monkeypatch.setitem(bench_attention.LENGTHS, "1024", 600)


@pytest.mark.slow
@pytest.mark.parametrize("bench, size", [
    (bench_generation, "S"), (bench_attention, "1024"), (bench_optimizer, "S")])
def test_a_row_holds_times_and_ratios(bench, size):
    row = bench.measure(size, threads=1, rounds=2)
    assert row["size"] == size and len(row["numpy_ms"]) == 3
    if "torch" in row:
        assert row["ratio"][1] > 0 and row["error"] < 1e-4


@pytest.mark.parametrize("package", bench_others.PACKAGES)
def test_a_row_of_another_package(monkeypatch, package):
    small = {**bench_others.SMALL, "max_seq_len": 16}
    monkeypatch.setattr(bench_others, "SIZE", {"batch": {"B": 2, "T": 9}, "config": small})
    row = bench_others.measure(package, threads=1, rounds=2)
    assert row["size"] == package and len(row["numpy_ms"]) == 3
    assert ("ratio" in row) == bool(importlib.util.find_spec(package))
    if "ratio" in row:
        assert row["ratio"][1] > 0 and row["error"] < 1e-11
        assert "within" in row["note"] and package in row["note"]


@pytest.mark.parametrize("factor, error", [(2, 0), (1, 1 / 3)])
def test_a_wrong_gradient_of_a_package_is_seen(factor, error):
    class Squares:
        """The sum of squares, whose gradient is twice the array."""

        OURS = {"positions": "none"}

        def __init__(self, model, dtype):
            self.w = SimpleNamespace(data=np.arange(1, 7, dtype=dtype).reshape(2, 3))
            self.parameters = {"w": self.w}

        def loss(self, ids, targets):
            return SimpleNamespace(data=np.sum(self.w.data ** 2), backward=self.backward)

        def backward(self):
            self.w.grad = factor * self.w.data

    assert bench_others.gradient_errors(Squares) == {"w": pytest.approx(error, abs=1e-8)}


def test_what_is_said_of_a_packages_gradients():
    right = bench_others.note("pack 1", {"a": 1e-9, "b": 2e-8})
    start = "pack 1: of 2 arrays, the gradients of 2 are within 2e-08 of central differences"
    assert right == start
    wrong = bench_others.note("pack 1", {"a": 1e-9, "b": 0.5, "c": float("nan")})
    assert "of 3 arrays, the gradients of 1 are within 1e-09" in wrong
    assert wrong.endswith("; wrong are b (5e-01), c (nan)")


def test_the_profile_names_functions_and_shares(monkeypatch, capsys):
    monkeypatch.setitem(bench_training_step.SIZES, "S", {"batch": {"B": 2, "T": 9}, "config": TINY})
    profile_training_step.main(["S", "--steps", "1"])
    first, *rows = capsys.readouterr().out.splitlines()
    assert first.startswith("S: ") and "matrix products" in first
    assert {"linear_backward", "attention_forward"} <= {row.split()[0] for row in rows}


def test_the_figure_of_costs(monkeypatch, tmp_path):
    monkeypatch.setattr(plot_cost, "BASE", {"T": 8, "d": 8, "L": 1, "V": 9})
    growing = {"T": [8, 16], "d": [8, 16], "L": [1, 2], "V": [9, 16]}
    found = plot_cost.measure_all(1, growing)
    assert [row[:2] for row in found["T"]] == [
        (8, "plain"), (8, "blockwise"), (16, "plain"), (16, "blockwise")]
    assert all(seconds > 0 and peak > 0 for rows in found.values() for *_, seconds, peak in rows)
    with matplotlib.rc_context():  # the style stays in here
        plot_cost.draw(found, tmp_path / "cost.png")
    assert (tmp_path / "cost.png").stat().st_size > 10_000


def test_the_exponent_of_a_power():
    assert plot_cost.slope([1, 2, 4], [3, 12, 48]) == pytest.approx(2)

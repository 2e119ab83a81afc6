"""Generation, attention and optimizer: a row of each, on small sizes."""

import bench_attention
import bench_generation
import bench_optimizer
import bench_training_step
import matplotlib
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


@pytest.mark.parametrize("bench, size", [
    (bench_generation, "S"), (bench_attention, "1024"), (bench_optimizer, "S")])
def test_a_row_holds_times_and_ratios(bench, size):
    row = bench.measure(size, threads=1, rounds=2)
    assert row["size"] == size and len(row["numpy_ms"]) == 3
    if "torch" in row:
        assert row["ratio"][1] > 0 and row["error"] < 1e-4


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

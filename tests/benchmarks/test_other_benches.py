"""Generation, attention and optimizer: a row of each, on small sizes."""

import bench_attention
import bench_generation
import bench_optimizer
import bench_training_step
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

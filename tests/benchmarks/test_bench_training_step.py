"""The benchmark compares like with like; how fast anything is, no test asks."""

import json

import bench_training_step as bench
import numpy as np
import pytest

from minitransformer.data.batching import make_batch
from minitransformer.models import EncoderDecoderConfig

CONFIG = {"src_vocab_size": 13, "tgt_vocab_size": 11, "d_model": 12, "n_heads": 3, "n_layers": 2,
          "d_ff": 20, "max_seq_len": 9}


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setitem(bench.SIZES, "translator",
                        {"batch": {"B": 2, "S": 4, "T": 5}, "config": CONFIG})


def test_the_model_equals_its_twin_in_pytorch_with_padding_too():
    pytest.importorskip("torch")
    config = EncoderDecoderConfig(**CONFIG)
    padded = make_batch([([3, 4, 5, 12], [6]), ([7], [8, 9, 10, 3]), ([5, 6], [4, 4])])
    assert bench.disagreement(config, padded) < 1e-13
    assert bench.disagreement(config, bench.random_batch(config, B=3, S=7, T=5)) < 1e-13


def test_a_row_holds_times_and_ratios(tiny):
    row = bench.measure("translator", threads=1, rounds=3)
    assert len(row["numpy_ms"]) == 3 and row["numpy_ms"][0] <= row["numpy_ms"][1]
    if "torch" in row:
        assert row["ratio"][1] > 0 and row["cpu_ratio"][1] > 0 and row["error"] < 1e-13


def test_without_pytorch_numpy_is_timed_alone(tiny, monkeypatch, capsys):
    monkeypatch.setattr(bench.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(bench, "measure_in_child", bench.measure)
    assert bench.main(["--sizes", "translator", "--threads", "1", "--rounds", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:2] == ["translator", "1"] and "pip install torch" in lines[2]


def test_the_steps_alternate_and_the_first_two_rounds_do_not_count():
    calls = []
    sides = {name: lambda i, name=name: calls.append((name, i)) for name in "ab"}
    wall, cpu = bench.time_interleaved(sides, 3)
    assert calls == [(name, i) for i in range(5) for name in "ab"]
    assert all(len(times[name]) == 3 for times in (wall, cpu) for name in "ab")


def test_a_whole_run_prints_json(monkeypatch, capsys):
    def measured(size, threads, rounds):
        return {"size": size, "threads": threads, "numpy_ms": [1, 2, 3], "ratio": [1, 2, 3]}

    monkeypatch.setattr(bench, "measure_in_child", measured)
    bench.main(["--json", "--threads", "1", "2"])
    rows = json.loads(capsys.readouterr().out)
    assert [(r["size"], r["threads"]) for r in rows] == [
        ("translator", 1), ("translator", 2), ("medium", 1), ("medium", 2)]


def test_quartiles():
    assert bench.quartiles(iter([1.0, 2.0, 3.0, 4.0, 5.0])) == [2.0, 3.0, 4.0]
    assert np.isfinite(bench.quartiles([1.0])).all()

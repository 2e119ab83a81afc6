"""The training step's benchmark compares like with like; how fast anything is, no test asks."""

import bench_training_step as bench
import pytest

from minitransformer.data.batching import make_batch
from minitransformer.models import DecoderOnlyConfig, EncoderDecoderConfig
from minitransformer.training import AdamW
from minitransformer.tree import tree_items

TRANSLATOR = {"src_vocab_size": 13, "tgt_vocab_size": 11, "d_model": 12, "n_heads": 3,
              "n_layers": 2, "d_ff": 20, "max_seq_len": 9}
DECODER = {"vocab_size": 13, "d_model": 12, "n_heads": 3, "n_layers": 2, "d_ff": 20,
           "max_seq_len": 9, **bench.DECODER}


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setitem(bench.SIZES, "translator",
                        {"batch": {"B": 2, "S": 4, "T": 5}, "config": TRANSLATOR})
    monkeypatch.setitem(bench.SIZES, "S", {"batch": {"B": 2, "T": 5}, "config": DECODER})


def test_the_translator_equals_its_twin_in_pytorch_with_padding_too():
    pytest.importorskip("torch")
    config = EncoderDecoderConfig(**TRANSLATOR)
    padded = make_batch([([3, 4, 5, 12], [6]), ([7], [8, 9, 10, 3]), ([5, 6], [4, 4])])
    assert bench.disagreement(config, padded) < 1e-13
    assert bench.disagreement(config, bench.random_batch(config, B=3, S=7, T=5)) < 1e-13


def test_the_decoder_equals_its_twin_in_pytorch():
    pytest.importorskip("torch")
    config = DecoderOnlyConfig(**DECODER)
    assert bench.disagreement(config, bench.random_batch(config, B=3, T=7)) < 1e-13


def test_halves_make_the_same_step():
    config = DecoderOnlyConfig(**DECODER, dropout=0.0)
    batch = bench.random_batch(config, B=4, T=7)
    models = [bench.make_model(config, dtype="float64") for _ in range(2)]
    bench.numpy_step(models[0], AdamW(models[0].params), batch)(0)
    bench.step_of_halves(models[1], batch, threads=1)(0)
    for (name, a), (_, b) in zip(tree_items(models[0].params), tree_items(models[1].params)):
        if not name.endswith("k.b"):  # no gradient but rounding, which Adam makes as large as any
            assert abs(a - b).max() < 1e-8, name


@pytest.mark.parametrize("size", ["translator", "S"])
def test_a_row_holds_times_and_ratios(tiny, size):
    row = bench.measure(size, threads=1, rounds=3)
    assert len(row["numpy_ms"]) == 3 and row["numpy_ms"][0] <= row["numpy_ms"][1]
    if "torch" in row:
        assert row["ratio"][1] > 0 and row["cpu_ratio"][1] > 0 and row["error"] < 1e-13


def test_without_pytorch_numpy_is_timed_alone(tiny, monkeypatch, capsys):
    def measured(script, size, threads, rounds):
        return bench.measure(size, threads, rounds)

    monkeypatch.setattr(bench.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(bench.benchmark, "measure_in_child", measured)
    assert bench.main(["--sizes", "S", "--threads", "1", "--rounds", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:2] == ["S", "1"] and "pip install torch" in lines[2]

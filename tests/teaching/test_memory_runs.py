"""Lesson 21's large measurements: the file that they leave, and what the committed one claims."""

import pytest

from minitransformer.models import EncoderDecoderConfig
from minitransformer.teaching.byte_count import MIB, layer_peak_bytes, step_bytes
from minitransformer.teaching.memory_runs import (
    ARTICLE, LENGTHS, SEED, measure_memory, pair_step, read_memory)

SMALL = ARTICLE | {"src_vocab_size": 200, "tgt_vocab_size": 300, "d_model": 16, "n_heads": 2,
                   "n_layers": 1, "d_ff": 32, "max_seq_len": 40}


def test_the_file_holds_what_was_measured(tmp_path, capsys):
    path = tmp_path / "memory.json"
    measure_memory(article=SMALL, lengths=(30, 60), path=path)
    found = read_memory(path)
    assert found["config"] == SMALL and found["seed"] == SEED
    assert found["step"]["peak"] > 0 and 4 < found["step"]["loss"] < 8
    assert [(row["attention"], row["length"]) for row in found["layers"]] == [
        ("plain", 30), ("blockwise", 30), ("plain", 60), ("blockwise", 60)]
    assert "a layer of length 60, blockwise" in capsys.readouterr().out


def test_a_missing_file_says_how_to_make_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="python -m minitransformer.teaching.memory_runs"):
        read_memory(tmp_path / "memory.json")


def test_the_pair_alone_holds_little_more_than_two_tiles():
    peaks = [pair_step(length=length, n_heads=2, width=16) for length in (1024, 2048)]
    assert 0 < peaks[0] <= peaks[1] < 2 * MIB


def test_the_committed_file_is_that_of_the_settings_and_agrees_with_the_formulas():
    found = read_memory()
    assert (found["config"], found["seed"]) == (ARTICLE, SEED)
    config, T = EncoderDecoderConfig(**ARTICLE), ARTICLE["max_seq_len"]
    plain = EncoderDecoderConfig(**ARTICLE | {"attention": "plain", "recompute": False})
    for name, model in (("step", config), ("plain", plain)):
        predicted = step_bytes(model, found["parameters"], B=1, S=T, T=T)
        assert predicted == (found["step"]["predicted"] if name == "step" else found["plain"])
    assert abs(found["step"]["peak"] / found["step"]["predicted"]["the peak"] - 1) < 0.02
    assert found["step"]["peak"] < 2560 * MIB and found["pair"] < 16 * MIB
    assert [row["length"] for row in found["layers"]] == [n for n in LENGTHS for _ in range(2)]
    for row in found["layers"]:
        assert row["predicted"] == layer_peak_bytes(
            row["attention"], T=row["length"], D=ARTICLE["d_model"], H=ARTICLE["n_heads"])
        assert abs(row["peak"] / row["predicted"] - 1) < 0.02

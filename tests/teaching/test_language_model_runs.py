"""The language model's stored runs: what they measure, and that the file is the settings'."""

import json

import numpy as np
import pytest

from minitransformer.data.manual import TRIVIAL, TextSplit, paragraph_key, paragraphs, python_manual
from minitransformer.language_model import SETTINGS
from minitransformer.teaching import language_model_runs as runs
from minitransformer.teaching.rungs import RUNGS

TEXT = "\n\n".join(f"The cat (number {i}) sat on the mat and looked at rat {i % 7}." for i in
                   range(120))
SPLIT = TextSplit(TEXT[:5000], TEXT[5000:6000], TEXT[6000:])
TINY = {"tokenizer": {"kind": "byte pairs", "vocab_size": 300},
        "model": {"d_model": 8, "n_heads": 2, "n_layers": 1, "d_ff": 16, "max_seq_len": 16},
        "training": {**SETTINGS["training"], "steps": 7, "batch_size": 4}}


def test_a_run_is_watched_from_before_its_first_step_to_its_last():
    found = runs.numpy_run(SPLIT, TINY)
    assert [row["step"] for row in found["watched"]] == [0, 5, 7]
    assert len(found["train_loss"]) == 7
    assert found["watched"][-1]["loss"] < found["watched"][0]["loss"]
    assert all(len(row["text"]) > 20 for row in found["watched"])
    assert found["bits"]["test"] > 0 and found["characters_per_token"] > 1


def test_the_leaky_split_holds_everything_and_leaks():
    from pydoc_data.topics import topics

    leaky = runs.leaky_manual()
    assert sum(map(len, leaky)) >= sum(map(len, topics.values()))
    known = {paragraph_key(paragraph) for paragraph in paragraphs(leaky.train)}
    copied, new = runs.copied_and_new(leaky)
    assert all(paragraph_key(p) in known for p in paragraphs(copied))
    assert not any(paragraph_key(p) in known for p in paragraphs(new)
                   if len(paragraph_key(p)) >= TRIVIAL)
    assert len(copied) > 0.1 * len(leaky.test)
    assert not runs.copied_and_new(python_manual())[0]


def test_parts_are_measured_one_by_one_and_kept(tmp_path, monkeypatch):
    path = tmp_path / "results.json"
    monkeypatch.setattr(runs, "python_manual", lambda: SPLIT)
    monkeypatch.setattr(runs, "PARTS", {"one": lambda split, settings: {"x": settings["a"]},
                                        "two": lambda split, settings: [len(split.test)]})
    runs.measure(settings={"a": 3}, path=path)
    content = runs.read_language_model_runs(path)
    assert content["one"] == {"x": 3} and content["two"] == [len(SPLIT.test)]
    assert content["command"].endswith("language_model_runs") and content["settings"] == {"a": 3}
    with pytest.raises(ValueError, match="parts of other settings"):
        runs.measure(["two"], settings={"a": 4}, path=path)
    runs.measure(settings={"a": 4}, path=path)
    assert json.loads(path.read_text())["one"] == {"x": 4}
    with pytest.raises(ValueError, match="no part 'three'; there are one, two"):
        runs.measure(["three"], path=path)


def test_a_missing_file_says_how_to_make_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="language_model_runs"):
        runs.read_language_model_runs(tmp_path / "nowhere.json")


def test_the_committed_file_is_that_of_the_settings_and_keeps_its_promises():
    content = runs.read_language_model_runs()
    assert content["settings"]["training"] == SETTINGS["training"]
    assert content["settings"]["tokenizer"] == SETTINGS["tokenizer"]
    ours, bars = content["numpy"], content["yardsticks"]
    assert ours["cpu_seconds"] < 2 * 180  # of one thread; the promise is 3 minutes on two cores
    assert len(ours["train_loss"]) == len(content["torch"]["train_loss"]) \
        == SETTINGS["training"]["steps"]
    test = ours["bits"]["test"]
    assert test < bars["ngrams"]["3"][1] and test < bars["gzip"][1] and test < bars["gzip_after"][1]
    losses = [content[part]["watched"][-1]["loss"] for part in ("numpy", "torch")]
    assert abs(np.log(losses[0] / losses[1])) < 0.01


def test_the_ladders_bar_is_measured_with_the_settings_of_the_command():
    config = next(rung for rung in RUNGS if rung.name == "language model").config
    assert config["vocab_size"] == SETTINGS["tokenizer"]["vocab_size"]
    assert config["training"] == SETTINGS["training"]
    assert config["model"].items() <= SETTINGS["model"].items()

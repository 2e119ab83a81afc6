"""Training a language model: its data and settings, that it learns, resumes and compares itself."""

import json
import re

import numpy as np
import pytest

from minitransformer.data.manual import TextSplit, python_manual
from minitransformer.data.tokenizers import CharacterTokenizer
from minitransformer.language_model import (
    FILE, SETTINGS, LanguageModel, make_tokenizer, make_trainer, train_language_model)
from minitransformer.language_model.training import CONFIG, choose_settings, read_split
from minitransformer.training import CheckpointError, Trainer
from minitransformer.training.checkpoint import load_arrays

RNG = np.random.default_rng(0)
WORDS = "the cat sat on a mat and ran to the rat".split()
TEXT = "\n".join(" ".join(RNG.choice(WORDS, 9)) + f" {i}." for i in range(300))
TINY = {"model": {"d_model": 16, "n_heads": 2, "n_layers": 1, "d_ff": 32, "max_seq_len": 16,
                  "dropout": 0.0},
        "training": {"batch_size": 8, "peak": 0.01, "warmup": 5}}


@pytest.fixture
def files(tmp_path, monkeypatch):
    """text.txt and tiny.json, in the working directory."""
    (tmp_path / "text.txt").write_text(TEXT, encoding="utf-8")
    (tmp_path / "tiny.json").write_text(json.dumps(TINY), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(folder, **others):
    others = {"text": "text.txt", "config": "tiny.json", "vocab": 300, "steps": 6, **others}
    train_language_model(folder, **others)
    return LanguageModel.load(folder)


def test_merges_are_learned_from_the_training_part_alone():
    split = TextSplit("ab ab", "cd cd", "ef ef")
    assert make_tokenizer(split, kind="byte pairs", vocab_size=300).merges == [(b"a", b"b")]
    assert make_tokenizer(split, kind="characters", vocab_size=300).characters == " abcdef"
    with pytest.raises(ValueError, match="kind is 'words', expected one of byte pairs, characters"):
        make_tokenizer(split, kind="words", vocab_size=300)


def test_the_manual_is_the_text_unless_another_is_given(files, capsys):
    assert read_split() == python_manual()
    assert len("".join(read_split("text.txt"))) == pytest.approx(len(TEXT), rel=0.01)
    assert not capsys.readouterr().out
    (files / "zero.bin").write_bytes(b"\0")
    assert sum(map(len, read_split(files))) >= len(TEXT)
    assert "1 files are empty or no UTF-8 text and are left out: zero.bin" in (
        capsys.readouterr().out)


def test_it_learns_and_validation_is_the_mean_over_all_held_out_tokens():
    split = TextSplit(TEXT[:9000], TEXT[9000:9500], TEXT[9500:])
    tokenizer = make_tokenizer(split, kind="byte pairs", vocab_size=300)
    model = LanguageModel.untrained(tokenizer, seed=1, **TINY["model"])
    before = model.bits_per_character(split.test)
    trainer = make_trainer(model, split, **{**SETTINGS["training"], **TINY["training"],
                                            "steps": 60}, print_every=0)
    targets = np.concatenate([batch.targets.ravel() for batch in trainer.validation])
    assert set(model.encode(split.validation)) == set(targets)
    trainer.train(60)
    after = model.bits_per_character(split.test)
    assert after < 0.5 * before and after < 2


def test_a_run_leaves_its_settings_and_compares_itself(files, capsys):
    run("run", seed=3)
    out = capsys.readouterr().out
    assert "a vocabulary of 300" in out
    for name in ("this model", "trigrams of characters", "gzip -9, alone",
                 "gzip -9, after the training text"):
        assert re.search(rf"^{name} +\d\.\d{{3}} +\d\.\d{{3}}$", out, re.MULTILINE), name
    assert {path.name for path in (files / "run").iterdir()} == {
        "checkpoint.npz", "log.csv", "loss.png", FILE, CONFIG}
    settings = json.loads((files / "run" / CONFIG).read_text())
    assert settings["model"]["d_model"] == 16 and settings["training"]["steps"] == 6
    assert settings["tokenizer"] == {"kind": "byte pairs", "vocab_size": 300}
    assert load_arrays(files / "run" / "checkpoint.npz")[1]["config"]["d_model"] == 16

    again = run("again", text=None, config="run/config.json", vocab=None, steps=None, seed=3)
    assert again.bits_per_character(TEXT) == LanguageModel.load("run").bits_per_character(TEXT)


def test_a_resumed_run_is_the_uninterrupted_one(files):
    whole = run("whole", vocab="characters")
    assert isinstance(whole.tokenizer, CharacterTokenizer)
    one_step = Trainer._one_step

    def interrupted(self):
        if self.step == 3:
            raise KeyboardInterrupt
        return one_step(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "_one_step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run("cut", vocab="characters")
    assert LanguageModel.load("cut").generate("the", max_new_tokens=3)  # half learned
    resumed = run("cut", text=None, config=None, vocab=None, steps=None, resume=True)
    assert resumed.bits_per_character(TEXT) == whole.bits_per_character(TEXT)
    assert (files / "cut" / "log.csv").read_text() == (files / "whole" / "log.csv").read_text()


def test_a_run_is_resumed_with_its_own_settings_and_text(files):
    with pytest.raises(FileNotFoundError, match="no run in run to resume"):
        run("run", config=None, vocab=None, resume=True)
    run("run")
    for given in ({"config": "tiny.json", "vocab": None}, {"config": None, "vocab": 300}):
        with pytest.raises(ValueError, match="a resumed run has its own configuration"):
            run("run", resume=True, **given)
    with pytest.raises(CheckpointError, match="already holds a run"):
        run("run")
    (files / "text.txt").write_text(TEXT + " And more of it.", encoding="utf-8")
    with pytest.raises(CheckpointError, match="the text is not the one that the run in run"):
        run("run", config=None, vocab=None, resume=True)


@pytest.mark.parametrize("others, message", [
    ({"steps": 0}, "steps is 0, expected at least 1"), ({"vocab": 100}, "vocab_size is 100"),
    ({"text": "nowhere"}, "there is no file or folder"),
    ({"config": "nowhere.json"}, "there is no configuration")])
def test_what_cannot_be_is_refused_before_anything_is_written(files, others, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        run("run", **others)
    assert not (files / "run").exists()


def test_a_text_shorter_than_the_window_is_refused(files):
    config = {**TINY, "model": {**TINY["model"], "max_seq_len": 9000}}
    (files / "long.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="cannot cut windows of 9000 tokens"):
        run("run", config="long.json")


def test_what_is_given_wins_over_the_file(tmp_path):
    (tmp_path / "c.json").write_text('{"tokenizer": {"vocab_size": 400}, "training": {"steps": 9}}')
    chosen = choose_settings(tmp_path, text="a.txt", config=tmp_path / "c.json", vocab=None,
                             steps=7, resume=False)
    assert chosen["text"]["path"] == "a.txt" and chosen["training"]["steps"] == 7
    assert chosen["tokenizer"] == {"kind": "byte pairs", "vocab_size": 400}
    assert chosen["model"] == SETTINGS["model"]

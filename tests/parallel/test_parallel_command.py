"""`mpiexec -n 2 python -m minitransformer train TASK --parallel WAY`, on little data."""

import importlib.util
import json

import numpy as np
import pytest
from launch import needs_mpi, run

from minitransformer.classifier import Classifier
from minitransformer.cli import main
from minitransformer.language_model import LanguageModel
from minitransformer.training.checkpoint import load_arrays
from minitransformer.training.log import read_log
from minitransformer.translator import Translator
from minitransformer.tree import tree_items

pytestmark = [needs_mpi, pytest.mark.slow]
COMMAND = ("-m", "minitransformer", "train")
ways = pytest.mark.parametrize("way", ["data", "tensor", "sequence"])


def losses(folder):
    return [(row.loss, row.tokens) for row in read_log(folder / "log.csv")]


def expect_equal(way, kind, folder, other):
    """The two runs' models, as they were left, but for k.b, whose gradient is rounding alone."""
    models = [kind.load(path).model for path in (folder, other)]
    for (name, x), (_, y) in zip(*(tree_items(model.params) for model in models), strict=True):
        assert x.shape == y.shape
        assert name.endswith("k.b") or np.allclose(x, y, rtol=1e-3, atol=2e-5), (name, way)


@ways
def test_a_translator(tmp_path, capsys, way):
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("".join(f"{a} {b}\t{b}{a}\n" for a in "abcdefgh" for b in "klmnop"), "utf-8")
    task = ("translator", "--pairs", str(pairs), "--seed", "3", "--accumulate", "2")
    job = run(2, *COMMAND, *task, "--parallel", way, "--steps", 3, "--out", tmp_path / "two")
    assert job.returncode == 0, job.stderr
    assert job.stdout.count("pairs to learn from") == job.stdout.count("unseen texts") == 1
    assert main(["train", *task, "--steps", "3", "--out", str(tmp_path / "one")]) == 0
    capsys.readouterr()
    assert np.allclose(losses(tmp_path / "two"), losses(tmp_path / "one"), rtol=1e-5)
    names = {path.name for path in (tmp_path / "two").iterdir()} - {"loss.png"}
    assert names == {"checkpoint.npz", "log.csv", "translator.npz"}
    expect_equal(way, Translator, tmp_path / "two", tmp_path / "one")
    # One process goes on where two stopped.
    assert main(["train", *task, "--steps", "4", "--resume", "--out", str(tmp_path / "two")]) == 0
    assert load_arrays(tmp_path / "two" / "checkpoint.npz")[1]["step"] == 4


@ways
@pytest.mark.skipif(not importlib.util.find_spec("sklearn"),
                    reason="pip install --no-deps scikit-learn")
def test_a_classifier(tmp_path, capsys, way):
    task = ("classifier", "--data", "digits", "--steps", "3", "--accumulate", "2")
    job = run(2, *COMMAND, *task, "--parallel", way, "--out", tmp_path / "two")
    assert job.returncode == 0, job.stderr
    assert job.stdout.count("unseen examples are classified") == 1
    assert main(["train", *task, "--out", str(tmp_path / "one")]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line for line in said if "unseen" in line][0] in job.stdout
    expect_equal(way, Classifier, tmp_path / "two", tmp_path / "one")


@ways
def test_a_language_model_goes_on_with_its_settings(tmp_path, way):
    (tmp_path / "text").mkdir()
    for i in range(60):
        (tmp_path / "text" / f"{i}.txt").write_text(f"the {i} cats sat on {i} mats. ", "utf-8")
    settings = {"model": {"d_model": 8, "n_heads": 2, "n_layers": 1, "d_ff": 8, "max_seq_len": 16},
                "training": {"steps": 2, "batch_size": 2, "warmup": 1}}
    (tmp_path / "settings.json").write_text(json.dumps(settings), "utf-8")
    out = tmp_path / "run"
    job = run(2, *COMMAND, "language-model", "--parallel", way, "--text", tmp_path / "text",
              "--config", tmp_path / "settings.json", "--vocab", "characters", "--out", out)
    assert job.returncode == 0, job.stderr
    assert job.stdout.count("bits per character") == 1
    job = run(2, *COMMAND, "language-model", "--parallel", way, "--steps", 4, "--resume",
              "--out", out)
    assert job.returncode == 0, job.stderr
    assert len(read_log(out / "log.csv")) == 4
    learned = dict(tree_items(LanguageModel.load(out).model.params, "params"))
    for name, x in load_arrays(out / "checkpoint.npz")[0].items():
        if name.startswith("params."):
            assert np.array_equal(learned[name], x), name


def test_an_error_at_the_door_is_told_and_ends_all(tmp_path):
    job = run(2, *COMMAND, "translator", "--parallel", "data", "--steps", 0, "--out", tmp_path,
              seconds=60)
    assert job.returncode != 0
    assert "process 0 of 2: ValueError: steps is 0, expected at least 1" in job.stderr
    for options, words in [
            (("tensor", "--watch"), "watch looks at one process"),
            (("sequence", "--threads", 2, "--accumulate", 2), "threads is 2, but processes")]:
        job = run(2, *COMMAND, "translator", "--parallel", *options, "--out", tmp_path, seconds=60)
        assert job.returncode != 0  # whichever is first to make its data tells it
        assert f"of 2: ValueError: {words}" in job.stderr, job.stderr
    job = run(2, *COMMAND, "translator", "--out", tmp_path, seconds=60)
    assert job.returncode != 0 and not list(tmp_path.iterdir())
    assert "2 processes were started" in job.stderr and "say with --parallel" in job.stderr
    job = run(3, *COMMAND, "translator", "--parallel", "tensor", "--out", tmp_path, seconds=60)
    assert job.returncode != 0
    assert "n_heads is 4, which 3 processes cannot share evenly" in job.stderr, job.stderr

"""`mpiexec -n 2 python -m minitransformer train TASK --parallel data`, on little data."""

import json

import numpy as np
import pytest
from launch import needs_mpi, run

from minitransformer.cli import main
from minitransformer.training.checkpoint import load_arrays
from minitransformer.training.log import read_log

pytestmark = [needs_mpi, pytest.mark.slow]
COMMAND = ("-m", "minitransformer", "train")


def losses(folder):
    return [(row.loss, row.tokens) for row in read_log(folder / "log.csv")]


def test_a_translator(tmp_path, capsys):
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("".join(f"{a} {b}\t{b}{a}\n" for a in "abcdefgh" for b in "klmnop"), "utf-8")
    task = ("translator", "--pairs", str(pairs), "--seed", "3")
    job = run(2, *COMMAND, *task, "--parallel", "data", "--steps", 3, "--out", tmp_path / "two")
    assert job.returncode == 0, job.stderr
    assert job.stdout.count("pairs to learn from") == job.stdout.count("unseen texts") == 1
    assert main(["train", *task, "--accumulate", "2", "--steps", "3",
                 "--out", str(tmp_path / "one")]) == 0
    capsys.readouterr()
    assert np.allclose(losses(tmp_path / "two"), losses(tmp_path / "one"), rtol=1e-5)
    names = {path.name for path in (tmp_path / "two").iterdir()} - {"loss.png"}
    assert names == {"checkpoint.npz", "log.csv", "translator.npz"}
    # One process goes on where two stopped.
    assert main(["train", *task, "--accumulate", "2", "--steps", "4", "--resume",
                 "--out", str(tmp_path / "two")]) == 0
    assert load_arrays(tmp_path / "two" / "checkpoint.npz")[1]["step"] == 4


def test_a_language_model_goes_on_with_its_settings(tmp_path):
    (tmp_path / "text").mkdir()
    for i in range(60):
        (tmp_path / "text" / f"{i}.txt").write_text(f"the {i} cats sat on {i} mats. ", "utf-8")
    settings = {"model": {"d_model": 8, "n_heads": 2, "n_layers": 1, "d_ff": 8, "max_seq_len": 16},
                "training": {"steps": 2, "batch_size": 2, "warmup": 1}}
    (tmp_path / "settings.json").write_text(json.dumps(settings), "utf-8")
    out = tmp_path / "run"
    job = run(2, *COMMAND, "language-model", "--parallel", "data", "--text", tmp_path / "text",
              "--config", tmp_path / "settings.json", "--vocab", "characters", "--out", out)
    assert job.returncode == 0, job.stderr
    assert job.stdout.count("bits per character") == 1
    job = run(2, *COMMAND, "language-model", "--parallel", "data", "--steps", 4, "--resume",
              "--out", out)
    assert job.returncode == 0, job.stderr
    assert len(read_log(out / "log.csv")) == 4


def test_an_error_at_the_door_is_told_and_ends_all(tmp_path):
    job = run(2, *COMMAND, "translator", "--parallel", "data", "--steps", 0, "--out", tmp_path,
              seconds=60)
    assert job.returncode != 0
    assert "process 0 of 2: ValueError: steps is 0, expected at least 1" in job.stderr

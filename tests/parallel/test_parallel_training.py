"""Training by several processes, in each way: one process's run, its files, and how it ends."""

import signal
import subprocess
import time

import numpy as np
import pytest
from launch import SCRIPTS, command, environment, needs_mpi, passes, run

from minitransformer.models import DecoderOnly
from minitransformer.training.checkpoint import load_arrays

pytestmark = needs_mpi
TRAINING = SCRIPTS / "training_run.py"
ways = pytest.mark.parametrize("way", ["data", "tensor", "sequence"])


@ways
@pytest.mark.parametrize("n", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_the_run_of_one_process(n, way):
    passes(n, "same_run.py", way)


def arrays_of(folder):
    return load_arrays(folder / "checkpoint.npz")[0]


def expect_equal(folder, other):
    mine, expected = arrays_of(folder), arrays_of(other)
    assert mine.keys() == expected.keys()
    for name, x in mine.items():
        assert np.allclose(x, expected[name], rtol=1e-9, atol=1e-10), name  # 0 in theory: k.b


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """The folder of six steps of four batches, by two processes."""
    folder = tmp_path_factory.mktemp("unbroken")
    job = run(2, TRAINING, "data", folder, 4, 6)
    assert job.returncode == 0, job.stderr
    assert job.stdout.count("step 6/6") == 1  # process 0 alone prints
    return folder


def test_the_files_of_a_run_are_written_once_and_are_a_run_s(unbroken):
    names = sorted(path.name for path in unbroken.iterdir() if path.name != "loss.png")
    assert names == ["checkpoint.npz", "log.csv"]
    assert len((unbroken / "log.csv").read_text("utf-8").splitlines()) == 7
    DecoderOnly.load(unbroken / "checkpoint.npz")


@pytest.mark.parametrize("before, n, after", [
    ("data", 1, "data"), ("tensor", 1, "alone"), ("sequence", 2, "tensor"),
    *(pytest.param(*case, marks=pytest.mark.slow) for case in [
        ("data", 4, "data"), ("data", 4, "tensor"), ("tensor", 2, "data"), ("tensor", 4, "tensor"),
        ("tensor", 3, "sequence"), ("sequence", 1, "alone"), ("sequence", 4, "data")])])
def test_another_number_of_processes_goes_on_in_another_way(unbroken, tmp_path, before, n, after):
    assert run(2, TRAINING, before, tmp_path, 4, 3).returncode == 0
    job = run(n, TRAINING, after, tmp_path, 4, 6, "--resume")
    assert job.returncode == 0, job.stderr
    expect_equal(tmp_path, unbroken)
    assert (tmp_path / "log.csv").read_text("utf-8").count("\n") == 7


def test_other_settings_are_refused_and_end_all_processes(unbroken):
    job = run(2, TRAINING, "data", unbroken, 2, 8, "--resume", seconds=60)
    assert job.returncode != 0
    assert "accumulate = 4" in job.stderr.replace("'", "") or "'accumulate': 4" in job.stderr


@ways
@pytest.mark.parametrize("end, words", [
    ("--die-at", "signal 9"),
    pytest.param("--break-at", "process 1 of 2: OSError: the disk is gone",
                 marks=pytest.mark.slow)])
def test_a_process_that_dies_ends_the_job_and_the_checkpoint_is_whole(unbroken, tmp_path, way, end,
                                                                      words):
    job = run(2, TRAINING, way, tmp_path, 4, 6, end, 3, seconds=60)
    assert job.returncode != 0
    assert words in job.stdout + job.stderr
    assert load_arrays(tmp_path / "checkpoint.npz")[1]["step"] == 2
    assert run(2, TRAINING, way, tmp_path, 4, 6, "--resume").returncode == 0
    expect_equal(tmp_path, unbroken)


@ways
def test_ctrl_c_ends_all_after_the_same_step_and_keeps_it(tmp_path, way):
    job = subprocess.Popen(command(2, TRAINING, way, tmp_path, 4, 6000, "--slow"), text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
    while not (tmp_path / "log.csv").exists() or (tmp_path / "log.csv").stat().st_size < 200:
        time.sleep(0.05)
        assert job.poll() is None
    job.send_signal(signal.SIGINT)
    out, _ = job.communicate(timeout=60)
    assert "Interrupted: step" in out and "the model is that of the checkpoint" in out
    step = load_arrays(tmp_path / "checkpoint.npz")[1]["step"]
    assert (tmp_path / "log.csv").read_text("utf-8").count("\n") == step + 1
    assert run(2, TRAINING, way, tmp_path, 4, step + 1, "--resume").returncode == 0


@pytest.mark.parametrize("way", ["data", *(pytest.param(way, marks=pytest.mark.slow)
                                          for way in ("tensor", "sequence"))])
def test_after_ctrl_c_training_may_go_on_and_a_late_one_waits_for_the_checkpoint(tmp_path, way):
    job = run(2, SCRIPTS / "interrupts_run.py", way, tmp_path, seconds=60)
    assert job.returncode == 130, job.stderr
    assert "process 0 of 2: interrupted" in job.stderr
    assert load_arrays(tmp_path / "checkpoint.npz")[1]["step"] == 4


@ways
def test_what_is_not_a_number_stops_all(tmp_path, way):
    job = run(2, TRAINING, way, tmp_path, 4, 6, "--nan", seconds=60)
    assert job.returncode != 0
    assert "process 0 of 2: NonFiniteError: step 1: the loss is nan" in job.stderr
    assert "params.blocks.0.attention.q.w" in job.stderr

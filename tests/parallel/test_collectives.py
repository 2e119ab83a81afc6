"""The collectives on two, three and four processes; how a job ends; where MPI is missing."""

import subprocess
import sys

import pytest
from launch import needs_mpi, passes, run

from minitransformer.parallel import mpi


@needs_mpi
@pytest.mark.parametrize("n", [2, 3, 4])
def test_each_is_the_others_transpose_and_gradients_pass_through(n):
    passes(n, "collectives_run.py")


@needs_mpi
def test_an_error_of_one_process_ends_the_others_that_wait_for_it():
    job = run(2, "-c", "from minitransformer.parallel import ending_together, world\n"
                       "comm = world()\n"
                       "with ending_together(comm):\n"
                       "    assert comm.rank == 0, 'out of paper'\n"
                       "    comm.Barrier()", seconds=60)
    assert job.returncode != 0
    assert "process 1 of 2: AssertionError: out of paper. All processes are ended." in job.stderr


def test_nothing_else_asks_for_it():
    code = ("import sys, minitransformer.cli, minitransformer.translator, "
            "minitransformer.classifier, minitransformer.language_model\n"
            "assert not {'mpi4py', 'minitransformer.parallel'} & set(sys.modules)")
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("platform, words", [
    ("linux", "pip install mpi4py mpich"), ("win32", "accumulate=N makes the same steps")])
def test_without_mpi_a_sentence_says_what_to_do(monkeypatch, platform, words):
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    monkeypatch.setattr(sys, "platform", platform)
    with pytest.raises(ImportError, match=words):
        mpi()

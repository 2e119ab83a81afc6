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
@pytest.mark.parametrize("end, words, code", [
    ("assert not comm.rank, 'out of paper'",
     "process 1 of 2: AssertionError: out of paper. All processes are ended.", 1),
    ("if comm.rank: raise KeyboardInterrupt",
     "process 1 of 2: interrupted. All processes are ended.", 130),
    ("if comm.rank: sys.exit(3)", "process 1 of 2: SystemExit: 3. All processes are ended.", 1),
    ("raise OSError('on all')", "process 0 of 2: OSError: on all. All processes are ended.", 1),
])
def test_what_ends_one_process_ends_the_others_that_wait_for_it(end, words, code):
    job = run(2, "-c", "import sys\n"
                       "from minitransformer.parallel import ending_together, world\n"
                       "comm = world()\n"
                       "with ending_together(comm):\n"
                       f"    {end}\n"
                       "    comm.Barrier()", seconds=60)
    assert job.returncode == code, job.stderr
    assert words in job.stderr


@needs_mpi
def test_one_process_alone_ends_as_it_would_without():
    job = run(1, "-c", "import sys\n"
                       "from minitransformer.parallel import ending_together, world\n"
                       "with ending_together(world()):\n"
                       "    sys.exit(3)", seconds=60)
    assert job.returncode == 3 and "MPI_Abort" not in job.stderr


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

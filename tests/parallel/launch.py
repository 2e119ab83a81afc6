"""Starting a script of tests/parallel/scripts on several processes."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent / "scripts"
# pip puts mpiexec beside the python of its environment, which need not be on the path.
MPIEXEC = shutil.which("mpiexec", path=os.pathsep.join(
    [str(Path(sys.executable).parent), os.environ.get("PATH", "")]))

needs_mpi = pytest.mark.skipif(
    MPIEXEC is None or importlib.util.find_spec("mpi4py") is None,
    reason="several processes need MPI: python -m pip install mpi4py mpich")


def command(n, *arguments):
    """The command line of n processes of python with the arguments."""
    return [MPIEXEC, "-n", str(n), sys.executable, *map(str, arguments)]


def environment():
    """This process's variables; each process of the job computes on one thread."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join([str(SCRIPTS), os.environ.get("PYTHONPATH", "")])}


def run(n, *arguments, seconds=300):
    """The finished job of n processes; one that hangs is ended, and fails the test."""
    return subprocess.run(command(n, *arguments), capture_output=True, text=True, timeout=seconds,
                          env=environment())


def passes(n, script, *arguments):
    """Run a script that prints "ok" when all its processes came to their end; its output."""
    job = run(n, SCRIPTS / script, *arguments)
    assert job.returncode == 0, job.stdout + job.stderr
    assert job.stdout.endswith("ok\n"), job.stdout + job.stderr
    return job.stdout

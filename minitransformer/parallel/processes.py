"""The processes of a job: who there is, and how all of them end when one does.

`mpiexec -n N python ...` starts the same program N times. MPI numbers the processes 0 .. N - 1,
each one's `rank`, and moves arrays between them; nothing here opens a connection of its own.
"""

import contextlib
import sys
import time

import numpy as np

from minitransformer.tree import tree_items

EXIT_INTERRUPTED = 130
SUM, MAX = "SUM", "MAX"  # the operations of Alone, by MPI's names


class InterruptedTogether(KeyboardInterrupt):
    """Ctrl-C, heard by all processes at the same place: each may end in its own time."""


def mpi():
    """The module mpi4py.MPI. Raises ImportError, with what to install, where it is missing."""
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:  # RuntimeError: mpi4py without an MPI library
        if sys.platform == "win32":
            raise ImportError(
                "several processes need MPI, and its package mpich is not made for Windows: train "
                "with one process, where accumulate=N makes the same steps, or use Linux, macOS "
                "or the Windows Subsystem for Linux") from error
        why = str(error).splitlines()[0]
        raise ImportError(f"several processes need MPI ({why}): python -m pip install mpi4py "
                          f"mpich, and start with mpiexec -n 2 python ...") from error
    return MPI


def world():
    """The communicator of all processes of the job: .rank, .size. A single one without mpiexec."""
    return mpi().COMM_WORLD


class Alone:
    """A communicator of this process and nobody else: what is split over it is whole."""

    rank, size = 0, 1

    def Allreduce(self, x, out, op):
        """The sum, or the largest, of one."""
        out[...] = x


def expect_same_parameters(params, comm):
    """Raise ValueError, by name, where an array is not that of process 0. A message to all."""
    given = dict(tree_items(comm.bcast(params)))
    for name, mine in tree_items(params):
        if not np.array_equal(mine, given[name], equal_nan=True):
            raise ValueError(f"{name!r} differs from that of process 0: give all processes the "
                             f"same weights")


@contextlib.contextmanager
def ending_together(comm):
    """An error of one process inside the block ends the whole job, and says whose it was.

    The others may be waiting for this process in a sum over all, and would wait forever. What all
    of them meet, process 0 tells: the others give it a second to be first. sys.exit is an error
    unless it says that all went well. InterruptedTogether passes through: nobody waits then.
    """
    try:
        yield
    except BaseException as error:
        went_well = isinstance(error, SystemExit) and error.code in (None, 0)
        if comm.size == 1 or went_well or isinstance(error, InterruptedTogether):
            raise
        if comm.rank:
            time.sleep(1.0)
        interrupted = isinstance(error, KeyboardInterrupt)
        what = "interrupted" if interrupted else f"{type(error).__name__}: {error}"
        sys.stderr.write(f"process {comm.rank} of {comm.size}: {what}. All processes are ended.\n")
        sys.stderr.flush()
        time.sleep(0.3)  # mpiexec passes the words on; an Abort right behind them overtakes them
        comm.Abort(EXIT_INTERRUPTED if interrupted else 1)

"""The stand-in for MPI: its methods do what MPI's do, and one thread's error ends all."""

import threading

import numpy as np
import pytest

from minitransformer.parallel.collectives import largest, total
from minitransformer.teaching import thread_processes
from minitransformer.teaching.thread_processes import MAX, together


@pytest.mark.parametrize("size", [1, 2, 5])
def test_methods(size):
    def work(comm):
        mine = np.array([comm.rank, -comm.rank, 1.0])
        after = np.empty(3)
        comm.Sendrecv(mine, (comm.rank + 1) % size, recvbuf=after, source=(comm.rank - 1) % size)
        mine_before = mine.copy()
        everyone = comm.allgather(mine)
        mine += 100                      # what others have received is theirs
        comm.Barrier()
        return (total(mine_before, comm), largest(mine_before, comm), after, everyone,
                comm.allreduce(comm.rank, MAX), comm.bcast([comm.rank], root=size - 1))

    added = sum(range(size))
    for rank, (summed, top, after, everyone, last, told) in enumerate(together(size, work)):
        assert summed.tolist() == [added, -added, size] and top.tolist() == [size - 1, 0, 1]
        assert after[0] == (rank - 1) % size and last == size - 1 and told == [size - 1]
        assert [x[0] for x in everyone] == list(range(size))


def test_an_error_of_one_is_raised_and_ends_the_others():
    def work(comm):
        if comm.rank == 1:
            raise OSError("the disk is gone")
        comm.Barrier()

    before = threading.active_count()
    with pytest.raises(OSError, match="the disk is gone"):
        together(3, work)
    assert threading.active_count() == before


def test_they_heed_the_errstate_of_who_started_them():
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        together(2, lambda comm: np.exp(np.array([1000.0])))


def test_one_that_waits_in_vain_does_not_wait_forever(monkeypatch):
    monkeypatch.setattr(thread_processes, "SECONDS", 0.1)
    with pytest.raises(threading.BrokenBarrierError):
        together(2, lambda comm: comm.Barrier() if comm.rank else None)


def test_whom_one_waits_for_must_send_here():
    def work(comm):
        comm.Sendrecv(np.ones(2), comm.rank, recvbuf=np.empty(2), source=1 - comm.rank)

    with pytest.raises(ValueError, match="which sends to"):
        together(2, work)

"""Several processes played by threads of one: a lesson's stand-in for MPI, where it is missing.

    together(2, lambda comm: comm.rank)   # [0, 1]

ThreadComm has the methods of MPI's communicator that the package uses, so its code runs on either.
A stand-in it remains: threads share one memory, nothing is sent, and nothing becomes faster.
"""

import contextvars
import copy
import functools
import threading

import numpy as np

SUM, MAX = np.add, np.maximum  # the operations, by MPI's names
SECONDS = 60                   # a thread that waits longer for the others waits in vain


class ThreadComm:
    """What thread rank of size has of the communicator.

    There is a board with a place for each thread. To send is to pin a copy to one's own place, to
    receive is to read the others': all pin, all wait, all read, all wait.
    """

    def __init__(self, rank, board, barrier):
        self.rank, self.size = rank, len(board)
        self.board, self.barrier = board, barrier

    def Barrier(self):
        """Wait until all have come so far."""
        self.barrier.wait(SECONDS)

    def allgather(self, x):
        """A list of all threads' x."""
        self.board[self.rank] = copy.deepcopy(x)
        self.Barrier()
        found = list(self.board)
        self.Barrier()
        return found

    def bcast(self, x, root=0):
        """Thread root's x, on all."""
        return copy.deepcopy(self.allgather(x)[root])

    def allreduce(self, x, op=SUM):
        """All threads' x as one, in the order of the ranks, so to the bit the same on all."""
        return functools.reduce(op, self.allgather(x))

    def Allreduce(self, x, out, op=SUM):
        """The same, written into out."""
        out[...] = self.allreduce(x, op)

    def Sendrecv(self, x, dest, *, recvbuf, source):
        """Send x to thread dest, and write what thread source has sent here into recvbuf."""
        sent_to, sent = self.allgather((dest, x))[source]
        if sent_to != self.rank:
            raise ValueError(f"process {self.rank} waits for {source}, which sends to {sent_to}")
        recvbuf[...] = sent


def together(size, work):
    """[work(comm) of each of size threads], which run at the same time.

    An error of one ends the others, which would wait for it, and is raised here.
    """
    board, barrier = [None] * size, threading.Barrier(size)
    results, errors = [None] * size, []

    def run(rank):
        try:
            results[rank] = work(ThreadComm(rank, board, barrier))
        except BaseException as error:  # raised below, in the thread that asked
            errors.append(error)
            barrier.abort()

    # Each in a copy of this thread's context, which holds NumPy's errstate.
    threads = [threading.Thread(target=contextvars.copy_context().run, args=(run, rank),
                                daemon=True) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results

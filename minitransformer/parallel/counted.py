"""A communicator that writes down what passes through it: how often, how many bytes, how long."""

import sys
import time
from typing import NamedTuple

SUM, MAX = "SUM", "MAX"  # collectives.py asks the communicator's module for the operations


class Sent(NamedTuple):
    call: str       # of the communicator: "Allreduce", "Sendrecv"
    nbytes: int     # of the array that was handed over, or of all arrays in what it was
    seconds: float  # until the call came back, waiting for the others included


class CountedComm:
    """A communicator of MPI, or a stand-in, whose every call stands in .sent, in order.

        comm = CountedComm(world())
        model = TensorParallel(whole, comm=comm)
        model.loss_and_grads(batch)
        sum(call.nbytes for call in comm.sent)
    """

    def __init__(self, comm):
        self.comm, self.rank, self.size, self.sent = comm, comm.rank, comm.size, []

    def __getattr__(self, name):
        """The communicator's method of this name, which writes each of its calls down."""
        method = getattr(self.comm, name)

        def counted(*given, op=None, **options):
            if op is not None:
                options["op"] = getattr(sys.modules[type(self.comm).__module__], op)
            start = time.perf_counter()
            result = method(*given, **options)
            seconds = time.perf_counter() - start
            self.sent.append(Sent(name, sum(map(_nbytes, given[:1])), seconds))
            return result

        return counted


def _nbytes(x):
    if isinstance(x, dict):
        return sum(map(_nbytes, x.values()))
    if isinstance(x, (tuple, list)):
        return sum(map(_nbytes, x))
    return getattr(x, "nbytes", 0)

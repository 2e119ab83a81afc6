"""A communicator that writes down what passes through it: how often, how many bytes, how long."""

import sys
import time
from typing import NamedTuple

SUM, MAX = "SUM", "MAX"  # collectives.py asks the communicator's module for the operations


class Sent(NamedTuple):
    call: str       # of the communicator: "Allreduce", "Sendrecv"
    nbytes: int     # of the array that was handed over; 0 where it was none
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
        method = getattr(self.comm, name)

        def counted(*given, op=None, **options):
            if op is not None:
                options["op"] = getattr(sys.modules[type(self.comm).__module__], op)
            start = time.perf_counter()
            result = method(*given, **options)
            nbytes = getattr(given[0], "nbytes", 0) if given else 0
            self.sent.append(Sent(name, nbytes, time.perf_counter() - start))
            return result

        return counted

"""On every process: what passes through MPI in a step is what the cost model's formulas say."""

import numpy as np

from minitransformer.data.batching import Batch
from minitransformer.models import DecoderOnly, DecoderOnlyConfig
from minitransformer.parallel import (
    DataParallelTrainer, SequenceParallel, TensorParallel, ending_together, world)
from minitransformer.parallel.cost_model import (
    data_parallel_traffic, sequence_parallel_traffic, tensor_parallel_traffic)
from minitransformer.parallel.counted import CountedComm
from minitransformer.training import AdamW

comm = CountedComm(world())
N, B, T = comm.size, 8, 12
config = DecoderOnlyConfig(12, d_model=24, n_heads=8, n_layers=3, d_ff=20, max_seq_len=13)


class Stream:
    """Batches of B / N sequences."""

    def batch(self, i):
        ids = np.random.default_rng(i).integers(3, 12, (B // N, T + 1))         # (B / N, T + 1)
        return Batch(None, ids[:, :-1], ids[:, 1:])


def equal(expected):
    """The calls since the last time are the formula's, and no others."""
    kinds = {"Allreduce": [], "Sendrecv": [], "allgather": []}
    for call in comm.sent:
        kinds[call.call].append(call.nbytes)
    found = [number for sizes in kinds.values() for number in (len(sizes), sum(sizes))]
    assert found == list(expected), (found, expected)


with ending_together(comm):
    model = DecoderOnly(config)
    trainer = DataParallelTrainer(model, AdamW(model.params), Stream(), comm=comm, print_every=0)
    comm.sent.clear()  # all begin as process 0, once in a run
    trainer.train(1)
    equal(data_parallel_traffic(config, N=N, B=B, T=T))
    batch = Batch(None, *np.random.default_rng(0).integers(3, 12, (2, B, T)))
    for way, formula in ((TensorParallel, tensor_parallel_traffic),
                         (SequenceParallel, sequence_parallel_traffic)):
        split = way(model, comm=comm)
        comm.sent.clear()
        split.loss_and_grads(batch, dropout_seed=(0, 0))
        equal(formula(config, N=N, B=B, T=T))
    comm.Barrier()  # all have come so far
    if comm.rank == 0:
        print("ok", flush=True)

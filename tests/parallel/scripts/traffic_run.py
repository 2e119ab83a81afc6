"""On every process: what passes through MPI in a step is what the cost model's formulas say."""

import numpy as np

from minitransformer.data.batching import Batch
from minitransformer.models import DecoderOnly, DecoderOnlyConfig
from minitransformer.parallel import (
    DataParallelTrainer, TensorParallel, ending_together, world)
from minitransformer.parallel.cost_model import data_parallel_traffic, tensor_parallel_traffic
from minitransformer.parallel.counted import CountedComm
from minitransformer.training import AdamW

comm = CountedComm(world())
N, B, T = comm.size, 8, 9
config = DecoderOnlyConfig(12, d_model=24, n_heads=8, n_layers=3, d_ff=20, max_seq_len=13)


class Stream:
    """Batches of B / N sequences."""

    def batch(self, i):
        ids = np.random.default_rng(i).integers(3, 12, (B // N, T + 1))         # (B / N, T + 1)
        return Batch(None, ids[:, :-1], ids[:, 1:])


def equal(expected):
    """The calls since the last time are the formula's, and no others."""
    assert {call.call for call in comm.sent} == {"Allreduce"}, comm.sent
    found = len(comm.sent), sum(call.nbytes for call in comm.sent)
    assert found == expected[:2], (found, expected)
    comm.sent.clear()


with ending_together(comm):
    model = DecoderOnly(config)
    trainer = DataParallelTrainer(model, AdamW(model.params), Stream(), comm=comm, print_every=0)
    comm.sent.clear()
    trainer.train(1)
    equal(data_parallel_traffic(config, N=N, B=B, T=T))
    batch = Batch(None, *np.random.default_rng(0).integers(3, 12, (2, B, T)))
    TensorParallel(model, comm=comm).loss_and_grads(batch, dropout_seed=(0, 0))
    equal(tensor_parallel_traffic(config, N=N, B=B, T=T))
    comm.Barrier()  # all have come so far
    if comm.rank == 0:
        print("ok", flush=True)

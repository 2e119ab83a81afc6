"""Data parallel: every process has the whole model, and a part of each step's batches.

The gradient of a sum is the sum of gradients, [data_parallel.dparams], so N processes with a batch
each make the same step as one process that takes N batches in turn (the Trainer's accumulate=N) and
adds them up. Only two things have to be known by all: how many targets count in all batches
together, before the loss is divided by it, and the sum of the gradients.
"""

import numpy as np

from minitransformer.parallel.collectives import total
from minitransformer.parallel.parallel_trainer import ParallelTrainer
from minitransformer.tree import tree_items, tree_map


class DataParallelTrainer(ParallelTrainer):
    """A ParallelTrainer whose processes share the batches of each step.

    The same run to rounding as Trainer(accumulate=accumulate): so many batches in all make one
    step, one for each process when accumulate is None; a checkpoint goes on with any number of
    processes that divides it. Parameters and moments stay equal to the bit on all, since all make
    the same update from the same sum.

    Raises ValueError when accumulate is not a multiple of the processes, and as ParallelTrainer.
    """

    def __init__(self, model, optimizer, batches, *, comm, accumulate=None, **others):
        accumulate = comm.size if accumulate is None else accumulate
        if accumulate % comm.size:
            raise ValueError(f"accumulate is {accumulate}, which {comm.size} processes cannot "
                             f"share evenly: start as many as divide it")
        super().__init__(model, optimizer, batches, comm=comm, accumulate=accumulate, **others)

    def evaluate(self):
        """As Trainer.evaluate; each process takes its part of the validation batches."""
        mine = self.validation[self.comm.rank::self.comm.size]
        counts = [self._counted(batch) for batch in mine]
        losses = [self.model.loss(batch) for batch in mine]
        loss, count = total([sum(n * x for n, x in zip(counts, losses)), float(sum(counts))],
                            self.comm)
        return float(loss / count)

    def _loss_and_grads(self):
        """As Trainer's; of the step's batches, process r takes r, r + size, and so on."""
        start = self.step * self.accumulate
        mine = range(start + self.comm.rank, start + self.accumulate, self.comm.size)
        batches = {i: self.batches.batch(i) for i in mine}
        tokens = self._agreed(sum(self._counted(batch) for batch in batches.values()))
        loss, grads = total_tree(*self._summed(batches, tokens), self.comm)
        return loss, grads, tokens


def total_tree(loss, grads, comm):
    """(the sum of all processes' losses, the tree of the sums of their gradients).

    One buffer and one message for all arrays: a message has a cost of its own, however short.
    """
    leaves = [x for _, x in tree_items(grads)]
    sent = np.concatenate([*(x.reshape(-1) for x in leaves), [loss]],
                          dtype=leaves[0].dtype)                # (all numbers + 1,)
    received = total(sent, comm)                                # (all numbers + 1,)
    ends = np.cumsum([x.size for x in leaves])
    parts = iter(np.split(received, ends))
    return float(received[-1]), tree_map(lambda x: next(parts).reshape(x.shape), grads)

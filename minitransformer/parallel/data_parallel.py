"""Data parallel: every process has the whole model, and a part of each step's batches.

The gradient of a sum is the sum of gradients, so N processes with a batch each make the same step
as one process that takes N batches in turn (the Trainer's accumulate=N) and adds them up. Only
two things have to be known by all: how many targets count in all batches together, before the
loss is divided by it, and the sum of the gradients.
"""

import contextlib
import signal
import threading

import numpy as np

from minitransformer.parallel.collectives import total
from minitransformer.parallel.processes import Together
from minitransformer.training.trainer import Trainer
from minitransformer.tree import tree_items, tree_map


class DataParallelTrainer(Trainer):
    """A Trainer on each of several processes, all of which make the same run together.

        comm = world()
        with ending_together(comm):
            DataParallelTrainer(model, optimizer, batches, comm=comm, run_dir=...).train(800)

    As Trainer, and the same run to rounding as Trainer(accumulate=accumulate): so many batches in
    all make one step, one for each process when accumulate is None; a checkpoint goes on with any
    number of processes that divides it. Parameters, moments and step begin as those of process 0
    and stay equal to the bit, since all make the same update from the same sum. Process 0 alone
    prints and writes. Ctrl-C lets all of them end after the same step (Together).

    Raises ValueError when accumulate is not a multiple of the processes; for batch norm, whose
    means would run over one process's tokens and whose running statistics would differ; for
    watch=True, since the operation is another process's as often as not; and for frozen arrays
    that differ between processes.
    """

    def __init__(self, model, optimizer, batches, *, comm, accumulate=None, run_dir=None,
                 resume=False, print_every=50, watch=False, **others):
        accumulate = comm.size if accumulate is None else accumulate
        if accumulate % comm.size:
            raise ValueError(f"accumulate is {accumulate}, which {comm.size} processes cannot "
                             f"share evenly: start as many as divide it")
        if list(tree_items(model.state)):
            raise ValueError('norm is "batch", whose means and running statistics each process '
                             "would take of its own tokens: choose another norm, or one process")
        if watch:
            raise ValueError(f"watch looks at one process: train with one and accumulate="
                             f"{accumulate}, which makes the same steps, to find the operation")
        self.comm, self.interrupted = comm, False
        first = comm.rank == 0
        super().__init__(model, optimizer, batches, accumulate=accumulate,
                         run_dir=run_dir if first else None, resume=resume and first,
                         print_every=print_every if first else 0, **others)
        self._begin_as_process_0()

    def train(self, steps):
        """As Trainer.train. Process 0 alone keeps what is learned on Ctrl-C."""
        with self._listening():
            return super().train(steps)

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
        tokens, interrupted = total([sum(self._counted(batch) for batch in batches.values()),
                                     int(self.interrupted)], self.comm)
        if interrupted:
            raise Together
        loss, grads = total_tree(*self._summed(batches, int(tokens)), self.comm)
        return loss, grads, int(tokens)

    def _begin_as_process_0(self):
        params, state, self.state, self.step = self.comm.bcast(
            (self.model.params, self.optimizer.state(), self.state, self.step))
        given = dict(tree_items(params))
        for name, mine in tree_items(self.model.params):
            if mine.flags.writeable:
                np.copyto(mine, given[name])
            elif not np.array_equal(mine, given[name]):
                raise ValueError(f"{name!r} is frozen and differs from that of process 0: give "
                                 f"all processes the same weights")
        self.optimizer.load_state(state)
        self.model.state = self.state

    @contextlib.contextmanager
    def _listening(self):
        """Ctrl-C inside the block is only noted; with the next step's counts all hear of it."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def note(*signal_and_frame):
            self.interrupted = True

        before = signal.signal(signal.SIGINT, note)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
        if self.interrupted:  # after the last step
            raise KeyboardInterrupt


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

"""What the trainers on several processes share: one beginning, one writer, one end."""

import contextlib
import signal
import threading

import numpy as np

from minitransformer.parallel.collectives import total
from minitransformer.parallel.processes import InterruptedTogether
from minitransformer.training.trainer import Trainer
from minitransformer.tree import tree_items


class ParallelTrainer(Trainer):
    """A Trainer on each of several processes, all of which make the same run together.

        comm = world()
        with ending_together(comm):
            DataParallelTrainer(model, optimizer, batches, comm=comm, run_dir=...).train(800)

    How they share the work is the children's. Parameters, moments and step begin as those of
    process 0, which alone prints and writes. Its checkpoints are those of one process: any number
    of processes goes on from them, sharing the work in any way. Ctrl-C lets all of them end after
    the same step (InterruptedTogether).

    Raises ValueError for batch norm, whose running statistics several processes do not keep; for
    watch=True, since the operation is another process's as often as not; and for frozen arrays
    that differ between processes.
    """

    def __init__(self, model, optimizer, batches, *, comm, run_dir=None, resume=False,
                 print_every=50, watch=False, accumulate=1, **others):
        if list(tree_items(model.state)):
            raise ValueError('norm is "batch", whose means run over all tokens of a batch and '
                             "whose running statistics several processes do not keep: choose "
                             "another norm, or train with one process")
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

    def _loss_and_grads(self):
        """As Trainer's, of a model whose processes all work on each batch."""
        self._agreed(0)  # all have the same count; what is asked is Ctrl-C
        return super()._loss_and_grads()

    def _agreed(self, count):
        """The sum of all processes' counts. InterruptedTogether, if one has heard Ctrl-C."""
        count, interrupted = total([count, int(self.interrupted)], self.comm)
        if interrupted:
            raise InterruptedTogether
        return int(count)

    def _begin_as_process_0(self):
        """Take its parameters, moments and step. Raises ValueError as the class says."""
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
        """Ctrl-C inside the block is only noted; with the next step's counts all hear of it.

        Behind the last step no counts follow. There process 0 ends all: it alone knows when the
        last checkpoint is written.
        """
        self.interrupted = False
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
        if self.interrupted and self.comm.rank == 0:
            raise KeyboardInterrupt

"""Trainers whose processes all work on each batch: with a part of each matrix, or of each sequence.

One process's run, to rounding, with its accumulate and its checkpoints: what is split is joined
before it is written.
"""

import copy

import numpy as np

from minitransformer.parallel.parallel_trainer import ParallelTrainer
from minitransformer.parallel.processes import InterruptedTogether
from minitransformer.parallel.sequence_parallel import SequenceParallel
from minitransformer.parallel.shards import gather, norm_of_all, shard
from minitransformer.parallel.tensor_parallel import TensorParallel
from minitransformer.training.optimizer import clip_by_global_norm
from minitransformer.tree import tree_map


class TensorParallelTrainer(ParallelTrainer):
    """A ParallelTrainer over TensorParallel: each process trains its shard, with its own moments.

    model and optimizer are given whole, and hold what was learned when train comes back, also when
    it ended by Ctrl-C; in between .model and .optimizer are this process's part. The given ones
    stay in memory meanwhile, so what a process has less of are gradients and activations: for a
    model that is too large for one, make a TensorParallel and let go of the whole. A checkpoint
    needs the whole once more, on every process, for a moment.

    Raises ValueError as TensorParallel and ParallelTrainer; and for threads, whose messages would
    meet in another order on another process.
    """

    def __init__(self, model, optimizer, batches, *, threads=1, **others):
        _expect_one_thread(threads)
        super().__init__(model, optimizer, batches, **others)
        self.given = model, optimizer
        self.model = TensorParallel(model, comm=self.comm)
        self.optimizer = copy.copy(optimizer)
        self.optimizer.params = self.model.params
        # An optimizer's state goes by the names of its attributes.
        for name, tree in shard(optimizer.state(), self.comm.rank, self.comm.size,
                                config=model.config).items():
            setattr(self.optimizer, name, tree)

    def train(self, steps):
        """As Trainer.train; the given model then holds what was learned, on every process."""
        try:
            rows = super().train(steps)
        except InterruptedTogether:
            self._give_back()
            raise
        self._give_back()
        return rows

    def _give_back(self):
        """Write what was learned, the whole of it, into the given model and optimizer."""
        model, optimizer = self.given
        tree_map(np.copyto, model.params, self._whole(self.model.params))
        optimizer.load_state(self._whole(self.optimizer.state()))

    def _whole(self, tree):
        return gather(tree, config=self.model.config, comm=self.comm)

    def _clip(self, grads, max_norm):
        """As clip_by_global_norm, which need not know more of the whole gradient than its norm."""
        norm = norm_of_all(grads, config=self.model.config, comm=self.comm)
        (clipped,), _ = clip_by_global_norm([np.array(norm)], max_norm)
        if clipped < norm:
            shrink = float(clipped) / norm
            grads = tree_map(lambda g: g * shrink, grads)
        return grads, norm

    def _save(self):
        """All join their parts, and process 0 writes them."""
        if self.comm.bcast(self.run_dir is not None):
            trees = [self._whole(tree) for tree in (self.model.params, self.optimizer.state())]
            if self.run_dir:
                self._write(*trees)


class SequenceParallelTrainer(ParallelTrainer):
    """A ParallelTrainer over SequenceParallel: each process works on its places of each sequence.

    Raises ValueError as SequenceParallel and ParallelTrainer; and for threads, as above.
    """

    def __init__(self, model, optimizer, batches, *, threads=1, **others):
        _expect_one_thread(threads)
        super().__init__(model, optimizer, batches, **others)
        self.model = SequenceParallel(model, comm=self.comm)


def _expect_one_thread(threads):
    if threads != 1:
        raise ValueError(f"threads is {threads}, but processes that all work on each batch send "
                         f"their messages in one order: leave threads out")

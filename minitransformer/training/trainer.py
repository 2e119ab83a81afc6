"""The trainer: one loop of loss, gradients, update; with a log, checkpoints and resuming."""

import dataclasses
import math
from pathlib import Path

import numpy as np

from minitransformer.training.checkpoint import (
    CheckpointError, expect_same_settings, load_arrays, save_arrays, take_tree)
from minitransformer.training.interrupt import interrupts_held
from minitransformer.training.log import LogRow, RunLog, plot_losses
from minitransformer.training.optimizer import clip_by_global_norm
from minitransformer.training.progress import Progress
from minitransformer.training.threads import thread_map
from minitransformer.training.watch import find_first_bad, non_finite_arrays
from minitransformer.tree import tree_add, tree_items


class NonFiniteError(ValueError):
    """Training met NaN or infinity. The message names the step and the first bad array."""


class Trainer:
    """Trains a model on the batches of a stream.

        trainer = Trainer(model, optimizer, BatchStream(pairs, batch_size=64, seed=0))
        trainer.train(800)

    model: anything with .params, .state, .config (a dataclass), .kind (its name in checkpoints),
    .ignore_index (the target that does not count), .loss(batch) and
    .loss_and_grads(batch, label_smoothing=, normalizer=, dropout_seed=).
    batches: anything whose .batch(i) is the i-th batch, a function of i alone.

    validation: batches whose mean loss is measured every evaluate_every steps. schedule: a
    function of the step (1 is the first) that gives the learning rate; None keeps the optimizer's.
    clip_norm: as in clip_by_global_norm. accumulate: so many batches make one step, with the
    gradient of the one large batch that they would be together; threads: so many of them are
    worked on at a time (threads.py), with the same result. seed: of the dropout.

    run_dir: where checkpoint.npz (every checkpoint_every steps, at the end and on Ctrl-C), log.csv
    and loss.png go; None writes nothing. resume=True continues from its checkpoint: with the same
    batches and schedule the rest is, bit for bit, that of a run never interrupted.
    print_every: how often a line is printed where there is no terminal; 0 is silent.
    watch=True: a step that meets NaN or infinity is made once more, to name the operation where it
    arose (watch.py).

    Raises ValueError for settings out of range, and for threads beside a norm whose running
    statistics depend on the order of the batches; CheckpointError when run_dir holds a run and
    resume is False, or its checkpoint does not belong to this model, optimizer and settings.
    """

    def __init__(self, model, optimizer, batches, *, validation=(), evaluate_every=100,
                 schedule=None, clip_norm=None, label_smoothing=0.0, accumulate=1, threads=1,
                 seed=0, run_dir=None, resume=False, checkpoint_every=100, print_every=50,
                 watch=False):
        for name, value in (("accumulate", accumulate), ("threads", threads),
                            ("evaluate_every", evaluate_every),
                            ("checkpoint_every", checkpoint_every)):
            if value < 1:
                raise ValueError(f"{name} is {value}, expected 1 or more")
        if threads > accumulate:
            raise ValueError(f"threads is {threads}, more than a step has batches: accumulate is "
                             f"{accumulate}")
        if threads > 1 and list(tree_items(model.state)):
            raise ValueError('norm is "batch", whose running statistics depend on the order of '
                             "the batches: choose another norm, or threads=1")
        if optimizer.params is not model.params:
            raise ValueError("the optimizer holds other parameters than the model: make it with "
                             "model.params, after the model is made or loaded")
        if run_dir is not None and Path(run_dir).is_file():
            raise ValueError(f"{run_dir} is a file, expected the folder of a run: give another")
        if resume and run_dir is None:
            raise ValueError("resume=True needs run_dir, the folder of the run to continue")
        self.model, self.optimizer, self.batches = model, optimizer, batches
        self.validation, self.evaluate_every = list(validation), evaluate_every
        self.schedule, self.clip_norm = schedule, clip_norm
        self.label_smoothing, self.accumulate, self.seed = label_smoothing, accumulate, seed
        self.threads, self.watch = threads, watch
        self.run_dir = None if run_dir is None else Path(run_dir)
        self.checkpoint_every, self.print_every = checkpoint_every, print_every
        self.step, self.state = 0, model.state  # updates made, and what the last one left
        if resume:
            self._resume()
        elif self.run_dir and self.checkpoint.exists():
            raise CheckpointError(f"{self.run_dir} already holds a run: resume=True (--resume) "
                                  "continues it; for a new one give another folder, or delete "
                                  "this one")
        self.log = RunLog(self.run_dir and self.run_dir / "log.csv", last_step=self.step)

    @property
    def checkpoint(self):
        """The path of the run's checkpoint."""
        return self.run_dir / "checkpoint.npz"

    def train(self, steps):
        """Train until `steps` updates are made in all; returns the log's rows.

        KeyboardInterrupt passes through, after a checkpoint of the last whole step. Raises
        NonFiniteError when a loss, gradient or parameter is NaN or infinite: the update is not
        made, and the last checkpoint stays as it was.
        """
        progress = Progress(self.step, steps, self.print_every)
        try:
            while self.step < steps:
                row = self._one_step()
                progress.show(row)
                if row.step % self.checkpoint_every == 0 or row.step == steps:
                    self._save()
        except KeyboardInterrupt:
            self.model.state = self.state  # the step that was begun is not made
            self._save()
            if self.run_dir:
                progress.say(f"Interrupted: step {self.step} is kept in {self.checkpoint}")
            raise
        finally:
            progress.end()
        if self.run_dir and self.log.rows:
            try:
                plot_losses(self.log.rows, self.run_dir / "loss.png")
            except ImportError:
                progress.say("No loss plot: matplotlib is missing (pip install matplotlib)")
        return self.log.rows

    def evaluate(self):
        """The mean loss over all target tokens of the validation batches: a float."""
        counts = [self._counted(batch) for batch in self.validation]
        losses = [self.model.loss(batch) for batch in self.validation]
        return sum(n * loss for n, loss in zip(counts, losses)) / sum(counts)

    def _one_step(self):
        """Everything long comes first and changes nothing, so Ctrl-C may stop it anywhere."""
        step = self.step + 1
        loss, grads, tokens = self._loss_and_grads()
        evaluated = self.validation and step % self.evaluate_every == 0
        val_loss = self.evaluate() if evaluated else None
        grads, norm = self._clip(grads, math.inf if self.clip_norm is None else self.clip_norm)
        for what, value in (("loss", loss), ("validation loss", val_loss), ("gradient norm", norm)):
            if value is not None and not math.isfinite(value):
                self._stop(f"step {step}: the {what} is {value}", self._watched(),
                           self._whole(self.model.params), grads=self._whole(grads))
        lr = self.optimizer.lr if self.schedule is None else self.schedule(step)
        row = LogRow(step, loss, val_loss, lr, norm, tokens)
        with interrupts_held():
            self.optimizer.step(grads, lr=lr)
            self.step, self.state = step, self.model.state
            self.log.append(row)
        return row

    def _loss_and_grads(self):
        """The loss, its gradients and the count of target tokens of the next step's batches.

        Each batch's sum is divided by the count over all of them, so the parts add up to the mean
        over the large batch however uneven they are. Each has its own dropout.
        """
        start = self.step * self.accumulate
        batches = {i: self.batches.batch(i) for i in range(start, start + self.accumulate)}
        tokens = sum(self._counted(batch) for batch in batches.values())
        return (*self._summed(batches, tokens), tokens)

    def _summed(self, batches, tokens):
        """The losses and gradients of {index: batch}, each divided by tokens, added up in order."""
        def work(item):
            i, batch = item
            return self.model.loss_and_grads(
                batch, label_smoothing=self.label_smoothing, normalizer=tokens,
                dropout_seed=(self.seed, i))

        loss, grads = 0.0, None
        with thread_map(self.threads) as run:
            for part, dparams in run(work, batches.items()):
                loss += part
                grads = dparams if grads is None else tree_add(grads, dparams)
        return loss, grads

    def _counted(self, batch):
        """How many targets of a batch count: as many as the model's loss is the mean of."""
        return int(np.count_nonzero(batch.targets != self.model.ignore_index))

    _clip = staticmethod(clip_by_global_norm)  # replaced where grads are a part of all

    def _whole(self, tree):
        """A tree as one process has it; where each has a part, they are joined here."""
        return tree

    def _save(self):
        if self.run_dir:
            self._write(self.model.params, self.optimizer.state())

    def _write(self, params, optimizer):
        if non_finite_arrays(params=params, optimizer=optimizer):
            self._stop(f"the state after step {self.step} is not finite", "", params,
                       optimizer=optimizer)
        arrays = {**dict(tree_items(params, "params")), **dict(tree_items(optimizer, "optimizer")),
                  **dict(tree_items(self.state, "state"))}
        save_arrays(self.checkpoint, arrays, {**self._identity(), "step": self.step})

    def _watched(self):
        """What watching the step once more says, in a sentence."""
        if not self.watch:
            return "With watch=True (--watch) the operation is named. "
        self.threads = 1  # one operation after another
        found = find_first_bad(lambda: (self._loss_and_grads(), self.validation and
                                        self.evaluate()), self.model.params)
        return (found or "Made once more, every operation of the step gave finite numbers, so it "
                         "is not one of them") + ". "

    def _stop(self, what, watched, params, **trees):
        """Raise NonFiniteError. The parameters are searched first: a bad one explains the rest."""
        bad = non_finite_arrays(params=params) or non_finite_arrays(**trees)
        first = (f"the first array that holds NaN or infinity is {bad[0]!r} ({len(bad)} do)"
                 if bad else "every array is finite, so the forward pass overflowed")
        kept = (f"The last good checkpoint is kept: {self.checkpoint}"
                if self.run_dir and self.checkpoint.exists() else "No checkpoint was made before")
        raise NonFiniteError(f"{what}; {first}. {watched}Try a lower learning rate, a longer "
                             f"warm-up or clip_norm. {kept}")

    def _identity(self):
        """What must be the same for a checkpoint to be continued."""
        return {"model": self.model.kind, "config": dataclasses.asdict(self.model.config),
                "training": {"optimizer": repr(self.optimizer), "clip_norm": self.clip_norm,
                             "label_smoothing": self.label_smoothing,
                             "accumulate": self.accumulate, "seed": self.seed}}

    def _resume(self):
        """Everything is compared before the first array changes."""
        path, here = self.checkpoint, self._identity()
        arrays, there = load_arrays(path)
        if "training" not in there:
            raise CheckpointError(f"{path} holds a model without the state of its training: load "
                                  f"it with the model's load, and start a new run from it")
        for key in ("model", "config", "training"):
            expect_same_settings(path, key, there.get(key), here[key])
        if type(there.get("step")) is not int or there["step"] < 0:
            raise CheckpointError(f"{path} says that {there.get('step')!r} steps were made, "
                                  f"expected a whole number: it is damaged, take an earlier copy")
        params = take_tree(path, arrays, "params", self.model.params)
        state = take_tree(path, arrays, "optimizer", self.optimizer.state())
        model_state = take_tree(path, arrays, "state", self.model.state)
        saved = dict(tree_items(params))
        for name, mine in tree_items(self.model.params):
            if not (mine.flags.writeable or np.array_equal(mine, saved[name])):
                raise CheckpointError(f"{path} was trained beside another {name!r}, which is "
                                      f"frozen here: begin with the weights that it began with")
        for name, mine in tree_items(self.model.params):
            if mine.flags.writeable:
                np.copyto(mine, saved[name])
        self.optimizer.load_state(state)
        self.model.state = self.state = model_state
        self.step = there["step"]

"""A run in a folder: training_run.py WAY FOLDER ACCUMULATE STEPS [--resume] [--die-at STEP] ...

WAY: as --parallel has it, or alone, for one process without any of that.
"""

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
from small_runs import make

from minitransformer.parallel import ending_together, world
from minitransformer.parallel.command import WAYS
from minitransformer.training import Trainer
from minitransformer.training.checkpoint import load_arrays
from minitransformer.tree import tree_items


def alone(*given, comm, **settings):
    return Trainer(*given, **settings)


trainer, folder = {**WAYS, "alone": alone}[sys.argv[1]], Path(sys.argv[2])
accumulate, steps = int(sys.argv[3]), int(sys.argv[4])
comm = world()
model, optimizer, batches = make("decoder_only", seed=0)
whole_batch = batches.batch


def slow_batch(i):
    time.sleep(0.05)
    return whole_batch(i)


def deadly_batch(i):
    if i == accumulate * int(sys.argv[-1]) + comm.rank and comm.rank == comm.size - 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return whole_batch(i)


def broken_batch(i):
    if i == accumulate * int(sys.argv[-1]) + comm.rank and comm.rank == comm.size - 1:
        raise OSError("the disk is gone")
    return whole_batch(i)


for word, batch in (("--slow", slow_batch), ("--die-at", deadly_batch),
                    ("--break-at", broken_batch)):
    if word in sys.argv:
        batches.batch = batch
if "--nan" in sys.argv and comm.rank == 0:
    model.params["blocks"][0]["attention"]["q"]["w"][0, -1] = np.nan
with ending_together(comm):
    try:
        trainer(model, optimizer, batches, comm=comm, accumulate=accumulate, run_dir=folder,
                resume="--resume" in sys.argv, checkpoint_every=2, print_every=1).train(steps)
    except KeyboardInterrupt:
        if comm.rank == 0:
            kept = load_arrays(folder / "checkpoint.npz")[0]
            assert all(np.array_equal(x, kept[name])
                       for name, x in tree_items(model.params, "params"))
            print("the model is that of the checkpoint", flush=True)
        raise
    comm.Barrier()  # all have come so far
    if comm.rank == 0:
        print("ok", flush=True)

"""A run in a folder: training_run.py FOLDER ACCUMULATE STEPS [--resume] [--die-at STEP] ..."""

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
from small_runs import make

from minitransformer.parallel import DataParallelTrainer, ending_together, world

folder, accumulate, steps = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
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
    model.params["blocks"][0]["attention"]["q"]["w"][0, 0] = np.nan
with ending_together(comm):
    trainer = DataParallelTrainer(model, optimizer, batches, comm=comm, accumulate=accumulate,
                                  run_dir=folder, resume="--resume" in sys.argv, checkpoint_every=2,
                                  print_every=1)
    trainer.train(steps)
    comm.Barrier()  # all have come so far
    if comm.rank == 0:
        print("ok", flush=True)

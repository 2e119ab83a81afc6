"""On every process: Ctrl-C in step 2, going on, and Ctrl-C in the last step: WAY FOLDER."""

import os
import signal
import sys
import time
from pathlib import Path

from small_runs import make

from minitransformer.parallel import ending_together, world
from minitransformer.parallel.command import WAYS

STEPS = 4
comm, folder = world(), Path(sys.argv[2])
to_disk = os.fsync


def slow_disk(file):
    to_disk(file)
    if trainer.step == STEPS:
        time.sleep(1.5)  # longer than the others wait before they end a job


os.fsync = slow_disk
with ending_together(comm):
    trainer = WAYS[sys.argv[1]](*make("decoder_only"), comm=comm, accumulate=2, print_every=0,
                                run_dir=folder)
    update = trainer.optimizer.step

    def interrupted_update(grads, lr):
        update(grads, lr=lr)
        if trainer.step == STEPS - 1 or trainer.step == 1 and comm.rank:
            signal.raise_signal(signal.SIGINT)

    trainer.optimizer.step = interrupted_update
    try:
        trainer.train(STEPS)
    except KeyboardInterrupt:
        assert trainer.step == 2
    else:
        raise AssertionError("nobody heard Ctrl-C")
    trainer.train(STEPS)  # ends all processes

"""The commands `train TASK --parallel WAY`: the same command on every process of a job."""

import contextlib
import functools
import io
import sys
import tempfile
from pathlib import Path

from minitransformer.parallel.data_parallel import DataParallelTrainer
from minitransformer.parallel.processes import (
    EXIT_INTERRUPTED, InterruptedTogether, ending_together, world)
from minitransformer.parallel.split_training import (
    SequenceParallelTrainer, TensorParallelTrainer)

WAYS = {"data": DataParallelTrainer, "tensor": TensorParallelTrainer,
        "sequence": SequenceParallelTrainer}


def train_in_parallel(train, folder, way, **settings):
    """train(folder, trainer=..., **settings) by all processes; the first alone prints and keeps.

    train: such as train_translator, which makes everything from its settings, so that all make the
    same. way: what the processes share, a key of WAYS. The others than the first work in a folder
    that is thrown away. Ctrl-C is told by process 0 alone.
    """
    comm = world()
    try:
        with ending_together(comm), _work_place(Path(folder), comm) as own:
            train(own, trainer=functools.partial(WAYS[way], comm=comm), **settings)
    except InterruptedTogether:
        if comm.rank:
            sys.exit(EXIT_INTERRUPTED)
        raise


@contextlib.contextmanager
def _work_place(folder, comm):
    """The folder of process 0; silence and a temporary one, with the run's settings, of another."""
    if comm.rank == 0:
        comm.bcast({path.name: path.read_bytes() for path in folder.glob("*.json")})
        yield folder
        return
    settings = comm.bcast(None)
    with (tempfile.TemporaryDirectory() as own, contextlib.redirect_stdout(io.StringIO())):
        for name, content in settings.items():
            (Path(own) / name).write_bytes(content)
        yield Path(own)

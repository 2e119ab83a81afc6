"""On several processes: what they compute together beside what one computes alone.

    mpiexec -n 2 python -m minitransformer.teaching.process_proof

prints, for each way of sharing the work, the largest relative error of a gradient. proofs runs on
any communicator, so a lesson can also play the processes; start has them started by MPI.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

from minitransformer.data.batching import Batch
from minitransformer.data.labelled import LabelledBatch
from minitransformer.models import (
    DecoderOnly, DecoderOnlyConfig, EncoderDecoder, EncoderDecoderConfig, EncoderOnly,
    EncoderOnlyConfig)
from minitransformer.parallel import SequenceParallel, TensorParallel, ending_together, world
from minitransformer.parallel.collectives import total
from minitransformer.parallel.data_parallel import total_tree
from minitransformer.parallel.shards import gather
from minitransformer.teaching.run_command import run_command
from minitransformer.tree import tree_add, tree_items, tree_norm

SIZES = {"d_model": 16, "n_heads": 4, "n_layers": 2, "d_ff": 24, "max_seq_len": 12, "dropout": 0.2}
CONFIG = DecoderOnlyConfig(11, **SIZES)
MPI_MISSING = ("Several processes need MPI. On Linux and macOS: python -m pip install mpi4py "
               "mpich, and run this cell again. On Windows the package mpich is empty: go on "
               "without.")


def small_models():
    """{kind: (a small model in float64, i -> its batch number i)}, of uneven lengths."""
    return {
        "decoder-only": (DecoderOnly(CONFIG, seed=0, dtype=np.float64), uneven_batch),
        "encoder-decoder": (EncoderDecoder(EncoderDecoderConfig(11, 11, **SIZES), seed=0,
                                           dtype=np.float64), uneven_pairs),
        "encoder-only": (EncoderOnly(EncoderOnlyConfig(vocab_size=11, n_classes=5, **SIZES), seed=0,
                                     dtype=np.float64), uneven_labelled),
    }


def uneven_batch(i):
    """Batch number i: three texts of other lengths each time, padded with 0 to twelve tokens."""
    rng = np.random.default_rng([23, i])
    ids = rng.integers(3, 11, (3, 13))                                    # (B, T + 1)
    ids[np.arange(13) >= rng.integers(3, 14, (3, 1))] = 0
    return Batch(None, ids[:, :-1], ids[:, 1:])


def uneven_pairs(i):
    """The same for a model that reads one text and writes another."""
    return uneven_batch(i)._replace(src=uneven_batch(i + 1000).tgt)


def uneven_labelled(i):
    """The same with a class for each text; the first text of batch 0 does not count."""
    ids = uneven_batch(i).tgt
    targets = (np.arange(3) + i) % 5
    targets[0] = -1 if i == 0 else targets[0]
    return LabelledBatch(features=None, ids=ids, mask=ids > 0, targets=targets)


def counted(model, batch):
    """How many targets of a batch count."""
    return int(np.count_nonzero(batch.targets != model.ignore_index))


def data_parallel(model, batches, comm):
    """(loss, grads) of comm.size batches, a process a batch."""
    batch = batches(comm.rank)
    n = int(total(counted(model, batch), comm))
    loss, grads = model.loss_and_grads(batch, normalizer=n, dropout_seed=(0, comm.rank))
    return total_tree(loss, grads, comm)


def data_alone(model, batches, size):
    """The same, by one process that takes the batches in turn."""
    n = sum(counted(model, batches(i)) for i in range(size))
    loss, grads = 0.0, None
    for i in range(size):
        part, dparams = model.loss_and_grads(batches(i), normalizer=n, dropout_seed=(0, i))
        loss, grads = loss + part, dparams if grads is None else tree_add(grads, dparams)
    return loss, grads


def tensor_parallel(model, batches, comm):
    """(loss, the whole grads) of one batch, of a model in parts."""
    loss, grads = TensorParallel(model, comm=comm).loss_and_grads(batches(1), dropout_seed=(0, 1))
    return loss, gather(grads, config=model.config, comm=comm)


def sequence_parallel(model, batches, comm):
    """(loss, grads) of one batch, of texts in pieces."""
    return SequenceParallel(model, comm=comm).loss_and_grads(batches(1), dropout_seed=(0, 1))


def one_alone(model, batches, size):
    """The same, by one process."""
    return model.loss_and_grads(batches(1), dropout_seed=(0, 1))


WAYS = {"data": (data_parallel, data_alone), "tensor": (tensor_parallel, one_alone),
        "sequence": (sequence_parallel, one_alone)}


def proofs(comm):
    """{(way, kind of model): the largest relative error of loss or a gradient}, in float64."""
    found = {}
    for way, (several, alone) in WAYS.items():
        for kind, (model, batches) in small_models().items():
            loss, grads = several(model, batches, comm)
            own_loss, own_grads = alone(model, batches, comm.size)
            found[way, kind] = max(abs(loss - own_loss) / own_loss, worst_error(grads, own_grads))
    return found


def worst_error(grads, expected):
    """The largest relative error of an array. Where a gradient is 0 in theory (a key's bias), its
    distance is measured by the norm of them all.
    """
    scale = tree_norm(expected)
    pairs = zip(tree_items(grads), tree_items(expected), strict=True)
    return max(np.linalg.norm(ours - theirs)
               / (scale if name.endswith("k.b") else np.linalg.norm(theirs))
               for (name, ours), (_, theirs) in pairs)


def mpiexec():
    """The path of mpiexec where MPI and mpi4py are installed, else None."""
    if importlib.util.find_spec("mpi4py") is None:
        return None
    beside = str(Path(sys.executable).parent)  # pip puts it there, which need not be on the path
    return shutil.which("mpiexec", path=os.pathsep.join([beside, os.environ.get("PATH", "")]))


def start(size, *, seconds=300):
    """What the module prints on size real processes, each on one thread; None without MPI."""
    program = mpiexec()
    if program is None:
        return None
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    job = subprocess.run([program, "-n", str(size), sys.executable, "-m", __spec__.name],
                         capture_output=True, text=True, timeout=seconds, env=one_thread)
    if job.returncode:
        raise RuntimeError(f"{size} processes ended with {job.returncode}: {job.stderr}")
    return job.stdout


def main():
    """On every process: prove, and let process 0 print."""
    comm = world()
    with ending_together(comm):
        found = proofs(comm)
        if comm.rank == 0:
            for (way, kind), error in found.items():
                print(f"{way:<9} {kind:<16} {error:.1e}", flush=True)


if __name__ == "__main__":
    run_command(__doc__, main)

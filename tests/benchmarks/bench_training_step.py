"""The training step of the encoder-decoder, against PyTorch eager.

    python tests/benchmarks/bench_training_step.py                 one and two threads, a table
    python tests/benchmarks/bench_training_step.py --threads 1 --rounds 20 --json

A step is forward, loss, backward and AdamW, with dropout 0.1, in float32. Both sides start from
the same weights and see the same batch. Before anything is timed, loss and gradients must agree;
without dropout, and in float64: in float32 a rounding error that carries a value across ReLU's
corner is enough for 1e-4.

The steps alternate, NumPy, PyTorch, NumPy, PyTorch, so that a busy machine disturbs both alike,
and each pair of neighbours gives one ratio: time(NumPy) / time(PyTorch), below 1 where NumPy is
faster. The median of the ratios is the result, the quartiles are its spread. The CPU ratio
compares processor time, which waiting for a busy machine does not lengthen.
Without PyTorch, NumPy is timed alone.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import time

THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS",
                    "VECLIB_MAXIMUM_THREADS")
SIZES = {
    "translator": {
        "batch": {"B": 64, "S": 10, "T": 48},
        "config": {"src_vocab_size": 36, "tgt_vocab_size": 30, "d_model": 128, "n_heads": 4,
                   "n_layers": 2, "d_ff": 512, "max_seq_len": 64}},
    "medium": {
        "batch": {"B": 32, "S": 64, "T": 64},
        "config": {"src_vocab_size": 8000, "tgt_vocab_size": 8000, "d_model": 256, "n_heads": 8,
                   "n_layers": 3, "d_ff": 1024, "max_seq_len": 64}},
}
TOLERANCE = 1e-11  # of loss and gradients, in float64


def main(argv=None):
    """Measure and print. Returns 0; raises SystemExit when the two sides disagree."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], metavar="N")
    parser.add_argument("--rounds", type=int, default=15, help="steps of each side (default 15)")
    parser.add_argument("--sizes", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    parser.add_argument("--measure", help=argparse.SUPPRESS)  # in a child: a size
    arguments = parser.parse_args(argv)
    if arguments.measure:
        print(json.dumps(measure(arguments.measure, arguments.threads[0], arguments.rounds)))
        return 0
    rows = []
    if not arguments.json:
        print(HEADER, flush=True)
    for size in arguments.sizes:
        for threads in arguments.threads:
            rows.append(measure_in_child(size, threads, arguments.rounds))
            if not arguments.json:
                print(as_text(rows[-1]), flush=True)
    if arguments.json:
        print(json.dumps(rows, indent=1))
    elif "ratio" not in rows[0]:
        print("PyTorch is missing, so NumPy was timed alone (pip install torch)")
    return 0


def measure_in_child(size, threads, rounds):
    """BLAS libraries read their number of threads when they are loaded: a process for each."""
    environment = {**os.environ, **{name: str(threads) for name in THREAD_VARIABLES}}
    child = subprocess.run(
        [sys.executable, __file__, "--measure", size, "--threads", str(threads),
         "--rounds", str(rounds)], env=environment, stdout=subprocess.PIPE, text=True)
    if child.returncode:
        raise SystemExit(child.returncode)
    return json.loads(child.stdout)


def measure(size, threads, rounds):
    """One row of the table, as a dict."""
    import numpy as np

    from minitransformer.models import EncoderDecoder, EncoderDecoderConfig
    from minitransformer.training import AdamW

    config = EncoderDecoderConfig(**SIZES[size]["config"])
    model, batch = EncoderDecoder(config, seed=0), random_batch(config, **SIZES[size]["batch"])
    row = {"size": size, "threads": threads, "rounds": rounds, "numpy": np.__version__}
    sides = {"numpy": numpy_step(model, AdamW(model.params), batch)}
    if importlib.util.find_spec("torch"):
        import torch
        from torch_twin import TorchTwin

        torch.set_num_threads(threads)
        twin = TorchTwin(model)
        row["torch"] = torch.__version__
        row["error"] = disagreement(config, batch)
        if not row["error"] <= TOLERANCE:
            raise SystemExit(f"{size}: loss or gradients differ from PyTorch's by "
                             f"{row['error']:.1e}, more than {TOLERANCE}: nothing was timed")
        sides["torch"] = torch_step(twin, torch.optim.AdamW(
            twin.parameters(), lr=1e-3, weight_decay=0.0, fused=True), batch)
    wall, cpu = time_interleaved(sides, rounds)
    for name in sides:
        row[f"{name}_ms"] = quartiles(1000 * t for t in wall[name])
    if "torch" in sides:
        row["ratio"] = quartiles(a / b for a, b in zip(wall["numpy"], wall["torch"]))
        row["cpu_ratio"] = quartiles(a / b for a, b in zip(cpu["numpy"], cpu["torch"]))
    return row


def random_batch(config, *, B, S, T):
    """A Batch of full length: nothing is padding, but both sides make their masks from it."""
    import numpy as np

    from minitransformer.data.batching import make_batch

    rng = np.random.default_rng(0)
    src = rng.integers(3, config.src_vocab_size, (B, S)).tolist()
    tgt = rng.integers(3, config.tgt_vocab_size, (B, T - 1)).tolist()
    return make_batch(list(zip(src, tgt)))


def numpy_step(model, optimizer, batch):
    """A function of the step's number that trains the model once."""
    def step(i):
        _, grads = model.loss_and_grads(batch, dropout_seed=(0, i))
        optimizer.step(grads)
    return step


def torch_step(twin, optimizer, batch):
    """The same for PyTorch."""
    import torch

    tensors = [torch.tensor(ids) for ids in batch]

    def step(i):
        optimizer.zero_grad()
        twin.loss(*tensors).backward()
        optimizer.step()
    return step


def disagreement(config, batch):
    """In float64 without dropout, the greater of the relative errors of loss and gradients.

    |loss - loss'| / |loss'| and, over all parameters as one vector, ||g - g'|| / ||g'||.
    """
    import numpy as np
    import torch
    from torch_twin import TorchTwin

    from minitransformer.models import EncoderDecoder
    from minitransformer.tree import tree_items

    model = EncoderDecoder(config, seed=0, dtype=np.float64)
    twin = TorchTwin(model).eval()
    their_loss = twin.loss(*(torch.tensor(ids) for ids in batch))
    their_loss.backward()
    loss, grads = model.loss_and_grads(batch)
    theirs = {name: twin.gradient(name) for name, _ in tree_items(grads)}
    distance = sum(np.sum((g - theirs[name]) ** 2) for name, g in tree_items(grads))
    length = sum(np.sum(g ** 2) for g in theirs.values())
    loss_error = abs(loss - their_loss.item()) / abs(their_loss.item())
    return float(max(loss_error, np.sqrt(distance / length)))


def time_interleaved(sides, rounds):
    """({side: seconds}, {side: processor seconds}) of `rounds` steps each, after two unmeasured."""
    wall, cpu = {name: [] for name in sides}, {name: [] for name in sides}
    for i in range(-2, rounds):
        for name, step in sides.items():
            start, cpu_start = time.perf_counter(), time.process_time()
            step(i + 2)
            if i >= 0:
                wall[name].append(time.perf_counter() - start)
                cpu[name].append(time.process_time() - cpu_start)
    return wall, cpu


def quartiles(values):
    """[lower quartile, median, upper quartile]."""
    import numpy as np

    return [round(float(x), 4) for x in np.quantile(list(values), [0.25, 0.5, 0.75])]


HEADER = (f"{'size':<12}{'threads':>7}{'NumPy':>11}{'PyTorch':>11}   {'ratio (quartiles)':<22}"
          f"{'CPU ratio (quartiles)':<24}they differ by")


def as_text(row):
    """A line of the table."""
    def spread(q):
        return f"{q[1]:.2f} ({q[0]:.2f} to {q[2]:.2f})"

    text = f"{row['size']:<12}{row['threads']:>7}{row['numpy_ms'][1]:>8.0f} ms"
    if "ratio" in row:
        text += (f"{row['torch_ms'][1]:>8.0f} ms   {spread(row['ratio']):<22}"
                 f"{spread(row['cpu_ratio']):<24}{row['error']:.0e}")
    return text


if __name__ == "__main__":
    sys.exit(main())

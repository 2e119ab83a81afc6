"""One training step on 2 and 4 processes, beside the cost model's prediction.

    python -m pip install mpi4py mpich
    python tests/benchmarks/bench_parallel.py               a table, in about two minutes
    python tests/benchmarks/bench_parallel.py --out lessons/results/parallel.json

It starts mpiexec itself. A job of N processes takes in turn, so that a busy machine disturbs all
alike: the step of process 0 alone, while the others sleep, from which the rate follows; the same by
every process for itself, sending nothing ("beside"); and the step shared by all, in each way, which
the model has not seen. Before, sums of a few bytes to a few megabytes give latency and seconds per
byte. A step is over the same number of tokens in every case, so that N processes would take 1 / N
of the time; where they outnumber the cores, they share them. Each computes on one thread. A round
takes as long as its slowest process; "in calls" is what the process that waited least spent in the
communicator.
"""

import argparse
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

from rounds import THREAD_VARIABLES, count, quartiles

PROCESSES = (2, 4)
CONFIG = {"vocab_size": 1024, "d_model": 128, "n_heads": 4, "n_layers": 4, "d_ff": 512,
          "max_seq_len": 512}
TOKENS = {"B": 4, "T": 512}
SUMS = [4 * 4 ** i for i in range(12)]  # bytes
SEED = 0


class Stream:
    """Random batches of n sequences."""

    def __init__(self, n):
        self.n = n

    def batch(self, i):
        import numpy as np

        from minitransformer.data.batching import Batch

        ids = np.random.default_rng([SEED, i]).integers(
            3, CONFIG["vocab_size"], (self.n, TOKENS["T"] + 1))                 # (n, T + 1)
        return Batch(None, ids[:, :-1], ids[:, 1:])


def new_model():
    """The same on every process."""
    from minitransformer.models import DecoderOnly, DecoderOnlyConfig

    return DecoderOnly(DecoderOnlyConfig(**CONFIG), seed=SEED)


def one_process():
    """A function that makes one more step, whatever its number: one process, all sequences."""
    from minitransformer.training import AdamW, Trainer

    model = new_model()
    trainer = Trainer(model, AdamW(model.params), Stream(TOKENS["B"]), print_every=0)
    return lambda i: trainer.train(trainer.step + 1)


def data_parallel(comm):
    """The same step, each process with its share of the sequences."""
    from minitransformer.parallel import DataParallelTrainer
    from minitransformer.training import AdamW

    model = new_model()
    trainer = DataParallelTrainer(model, AdamW(model.params), Stream(TOKENS["B"] // comm.size),
                                  comm=comm, print_every=0)
    return lambda i: trainer.train(i + 1)


def tensor_parallel(comm):
    """The same step, each process with its share of every matrix."""
    from minitransformer.parallel import TensorParallel

    return step_of(TensorParallel(new_model(), comm=comm))


def sequence_parallel(comm):
    """The same step, each process with its piece of every sequence."""
    from minitransformer.parallel import SequenceParallel

    return step_of(SequenceParallel(new_model(), comm=comm))


def step_of(model):
    """A function of the step's number: all processes work on all sequences."""
    from minitransformer.training import AdamW

    optimizer, batches = AdamW(model.params), Stream(TOKENS["B"])

    def step(i):
        _, grads = model.loss_and_grads(batches.batch(i), dropout_seed=(SEED, i))
        optimizer.step(grads)

    return step


WAYS = {"data": data_parallel, "tensor": tensor_parallel, "sequence": sequence_parallel}


def measure(comm, rounds):
    """On every process, of a CountedComm: what a job of so many processes takes, as a dict."""
    import numpy as np

    from minitransformer.malloc import keep_freed_memory
    from minitransformer.parallel.collectives import total

    keep_freed_memory()  # as the command line does
    sums = []
    for nbytes in SUMS:
        x = np.ones(nbytes // 4, np.float32)                                    # (n,)
        took = [seconds for seconds, _ in (one_round(lambda: total(x, comm), comm)  # noqa: B023
                                           for _ in range(2 * rounds))]
        sums.append([nbytes, quartiles_of_seconds(took)[1]])
    own, shared = one_process(), {way: make(comm) for way, make in WAYS.items()}
    seconds = {name: [] for name in ("alone", "beside", *shared)}
    in_calls = {name: [] for name in seconds}
    for i in range(-1, rounds):
        for name in seconds:
            at_work = comm.rank == 0 or name != "alone"
            step = shared.get(name, own)
            took, called = one_round(lambda: at_work and step(i + 1), comm)     # noqa: B023
            if i >= 0:
                seconds[name].append(took)
                in_calls[name].append(called)
    found = {name: quartiles_of_seconds(took) for name, took in seconds.items()}
    return {"processes": comm.size, "sums": sums, "alone": found["alone"],
            "beside": found["beside"],
            "steps": {way: {"seconds": found[way], "in_calls": quartiles_of_seconds(in_calls[way])}
                      for way in shared}}


def one_round(work, comm):
    """Seconds of the slowest process, and the fewest that a process spent in comm's calls."""
    comm.comm.Barrier()
    comm.sent.clear()
    start = time.perf_counter()
    work()
    took, called = time.perf_counter() - start, sum(call.seconds for call in comm.sent)
    end = comm.comm.Ibarrier()
    while not end.Test():  # MPI would wait at full speed, and take a core from who is still at work
        time.sleep(0.001)
    every = comm.comm.allgather((took, called))
    return max(took for took, _ in every), min(called for _, called in every)


def quartiles_of_seconds(seconds):
    """[lower quartile, median, upper quartile], to a ten-millionth of a second."""
    return [round(q / 1000, 7) for q in quartiles(1000 * s for s in seconds)]


def measure_here(n, rounds):
    """What measure gives on n processes, started by mpiexec; SystemExit where they fail."""
    environment = {**os.environ, **{name: "1" for name in THREAD_VARIABLES}}
    job = subprocess.run(
        [mpiexec(), "-n", str(n), sys.executable, __file__, "--worker", "--rounds", str(rounds)],
        env=environment, stdout=subprocess.PIPE, text=True)
    if job.returncode:
        raise SystemExit(job.returncode)
    return json.loads(job.stdout)


def mpiexec():
    """The path of mpiexec, which pip puts beside the environment's python; None without MPI."""
    return importlib.util.find_spec("mpi4py") and shutil.which("mpiexec", path=os.pathsep.join(
        [str(Path(sys.executable).parent), os.environ.get("PATH", "")]))


def measure_all(rounds):
    """The content of the results file."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "command": "python tests/benchmarks/bench_parallel.py --out lessons/results/parallel.json",
        "versions": {"python": platform.python_version(),
                     **{name: version(name) for name in ("numpy", "mpi4py", "mpich")}},
        "seed": SEED, "cores": cores, "rounds": rounds, "config": CONFIG, "tokens": TOKENS,
        "jobs": [measure_here(n, rounds) for n in PROCESSES]}


def report(results):
    """Lines of a table, and what has to be known with it."""
    from minitransformer.teaching.parallel_costs import fitted_machine, predictions

    def ms(seconds):
        return f"{1000 * seconds[1]:.0f} ({1000 * seconds[0]:.0f} to {1000 * seconds[2]:.0f})"

    cores, notes = results["cores"], []
    lines = [f"{'processes':<11}{'way':<10}{'measured ms (quartiles)':<27}{'predicted':<11}"
             f"{'= computing':<13}{'+ sending':<11}in calls"]
    for job in results["jobs"]:
        N, machine = job["processes"], fitted_machine(results, job)
        lines += [f"{N:<11}{name:<10}{ms(job[name])}" for name in ("alone", "beside")]
        for way, cost in predictions(results, job).items():
            step = job["steps"][way]
            lines.append(f"{N:<11}{way:<10}{ms(step['seconds']):<27}{1000 * cost.total:<11.0f}"
                         f"{1000 * cost.computing:<13.0f}{1000 * cost.sending:<11.1f}"
                         f"{1000 * step['in_calls'][1]:.1f}")
        shared = f", and share {cores} cores" if N > cores else ""
        notes.append(f"{N} processes: {machine.rate / 1e9:.1f} billion operations a second alone, "
                     f"latency {1e6 * machine.latency:.1f} us, {1e-6 / machine.per_byte:.0f} MB/s; "
                     f"side by side, sending nothing, a step takes "
                     f"{job['beside'][1] / job['alone'][1]:.2f} of the time alone{shared}")
    return lines + notes


def main(argv=None):
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=count, default=15, help="of each (default 15)")
    parser.add_argument("--threads", nargs="+", help="of no effect: a process computes on one")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    parser.add_argument("--out", type=Path, metavar="PATH", help="write the results there as well")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.worker:
        return worker(arguments.rounds)
    if mpiexec() is None:
        print("Several processes need MPI: python -m pip install mpi4py mpich")
        return 0
    results = measure_all(arguments.rounds)
    text = json.dumps(results)
    for name in ('{"processes"', '"sums"', '"alone"', '"steps"'):
        text = text.replace(name, f"\n{name}")
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8", newline="\n")
    print(text if arguments.json else "\n".join(report(results)))
    return 0


def worker(rounds):
    """One of the processes; the first prints what was found."""
    from minitransformer.parallel import ending_together, world
    from minitransformer.parallel.counted import CountedComm

    comm = CountedComm(world())
    with ending_together(comm):
        found = measure(comm, rounds)
    if comm.rank == 0:
        print(json.dumps(found), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

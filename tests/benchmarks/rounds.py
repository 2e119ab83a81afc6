"""What the benchmarks share: rounds in turn, a process for each number of threads, the table.

Both sides do the same work in turn, NumPy, PyTorch, NumPy, PyTorch, so that a busy machine disturbs
both alike, and each pair of neighbours gives one ratio: time(NumPy) / time(PyTorch), below 1 where
NumPy is faster. The median of the ratios is the result, the quartiles are its spread. The CPU ratio
compares processor time, which waiting for a busy machine does not lengthen.
"""

import argparse
import json
import os
import subprocess
import sys
import time

THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS",
                    "VECLIB_MAXIMUM_THREADS")


def run(script, description, names, measure, rounds=15, argv=None, other="PyTorch",
        install="pip install torch"):
    """The command line of a benchmark. Returns 0; raises SystemExit when a measurement fails.

    measure(name, threads, rounds) gives one row as a dict: "size", "threads", "numpy_ms" and, where
    PyTorch is installed, "torch_ms", "ratio", "cpu_ratio" and "error", how much the sides differ;
    "note" is a sentence for under the table. other: whom NumPy is compared with in PyTorch's place;
    its times are the other key in _ms. install: the command that installs it.
    """
    parser = argparse.ArgumentParser(description=description.split("\n")[0])
    parser.add_argument("--threads", type=count, nargs="+", default=[1, 2], metavar="N")
    parser.add_argument("--rounds", type=count, default=rounds, metavar="N",
                        help=f"of each side (default {rounds})")
    parser.add_argument("--sizes", nargs="+", choices=list(names), default=list(names))
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    parser.add_argument("--measure", help=argparse.SUPPRESS)  # in a child: a size
    arguments = parser.parse_args(argv)
    if arguments.measure:
        print(json.dumps(measure(arguments.measure, arguments.threads[0], arguments.rounds)))
        return 0
    rows = []
    if not arguments.json:
        print(header(other), flush=True)
    for size in arguments.sizes:
        for threads in arguments.threads:
            rows.append(measure_in_child(script, size, threads, arguments.rounds))
            if not arguments.json:
                print(as_text(rows[-1]), flush=True)
    if arguments.json:
        print(json.dumps(rows, indent=1))
        return 0
    for note in dict.fromkeys(row["note"] for row in rows if "note" in row):
        print(note)
    if not all("ratio" in row for row in rows):
        print(f"Where no ratio stands, {other} is missing, so NumPy was timed alone ({install})")
    return 0


def count(word):
    """What --rounds and --threads take. What it raises, argparse makes wrong usage of."""
    if not (word.isdecimal() and int(word)):
        raise argparse.ArgumentTypeError(f"{word!r} is not a whole number from 1 on")
    return int(word)


def measure_in_child(script, size, threads, rounds):
    """BLAS libraries read their number of threads when they are loaded: a process for each."""
    environment = {**os.environ, **{name: str(threads) for name in THREAD_VARIABLES}}
    child = subprocess.run(
        [sys.executable, script, "--measure", size, "--threads", str(threads),
         "--rounds", str(rounds)], env=environment, stdout=subprocess.PIPE, text=True)
    if child.returncode:
        raise SystemExit(child.returncode)
    return json.loads(child.stdout)


def row_of(size, threads, sides, rounds, **others):
    """A row: sides {"numpy": step, another: step} timed in turn; a step takes its number."""
    import numpy as np

    from minitransformer.malloc import keep_freed_memory

    keep_freed_memory()  # as the command line does
    wall, cpu = time_interleaved(sides, rounds)
    row = {"size": size, "threads": threads, "rounds": rounds, "numpy": np.__version__, **others}
    for name in sides:
        row[f"{name}_ms"] = quartiles(1000 * t for t in wall[name])
    for name in sides.keys() - {"numpy"}:
        row["ratio"] = quartiles(a / b for a, b in zip(wall["numpy"], wall[name]))
        row["cpu_ratio"] = quartiles(a / b for a, b in zip(cpu["numpy"], cpu[name]))
    return row


def expect_agreement(size, error, tolerance, other="PyTorch"):
    """Raise SystemExit unless both sides compute the same: nothing else is worth timing."""
    if not error <= tolerance:
        raise SystemExit(f"{size}: the result differs from {other}'s by {error:.1e}, more than "
                         f"{tolerance}: nothing was timed")


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


def header(other):
    """The table's first line."""
    return (f"{'size':<12}{'threads':>7}{'NumPy':>11}{other:>14}   {'ratio (quartiles)':<22}"
            f"{'CPU ratio (quartiles)':<24}they differ by")


def as_text(row):
    """A line of the table."""
    def spread(q):
        return f"{q[1]:.2f} ({q[0]:.2f} to {q[2]:.2f})"

    text = f"{row['size']:<12}{row['threads']:>7}{row['numpy_ms'][1]:>8.0f} ms"
    if "ratio" in row:
        theirs = next(key for key in row if key.endswith("_ms") and key != "numpy_ms")
        text += (f"{row[theirs][1]:>11.0f} ms   {spread(row['ratio']):<22}"
                 f"{spread(row['cpu_ratio']):<24}{row['error']:.0e}")
    return text

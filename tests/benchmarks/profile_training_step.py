"""Where the time of a training step goes: matrix products, elementwise work, Python.

    python tests/benchmarks/profile_training_step.py            sizes S and M
    python tests/benchmarks/profile_training_step.py L --steps 3

The parameters become arrays that time every NumPy function called on them or on what came of them:
a subclass sees each by __array_ufunc__. So the table says which function of the package spends how
much in what. The rest is Python, copies, indexing and random numbers. Timing costs a few
microseconds a call: the step is a little slower than without, which is said as well.
"""

import argparse
import sys
import time
from collections import Counter

import bench_training_step
import numpy as np

from minitransformer.malloc import keep_freed_memory
from minitransformer.training import AdamW
from minitransformer.tree import tree_map

SECONDS = Counter()  # {(ufunc, function of the package): processor seconds}


class Timed(np.ndarray):
    """An array whose every ufunc is timed."""

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        if out is not None:
            options["out"] = tuple(map(_plain, out))
        options = {name: _plain(value) for name, value in options.items()}
        inputs = list(map(_plain, inputs))
        start = time.process_time()
        result = getattr(ufunc, method)(*inputs, **options)
        seconds = time.process_time() - start
        name = ufunc.__name__ + ("" if method == "__call__" else f".{method}")
        SECONDS[name, _caller()] += seconds
        if out is not None:
            return out[0]
        return result.view(Timed) if isinstance(result, np.ndarray) else result


def _plain(x):
    return x.view(np.ndarray) if isinstance(x, Timed) else x


def _caller():
    """The function of the package that is at work."""
    frame = sys._getframe(2)
    while "minitransformer" not in frame.f_globals.get("__name__", ""):
        frame = frame.f_back
    return frame.f_code.co_name


def profile(size, steps):
    """Print the table of one size."""
    config = bench_training_step.make_config(bench_training_step.SIZES[size]["config"])
    model = bench_training_step.make_model(config)
    batch = bench_training_step.random_batch(config, **bench_training_step.SIZES[size]["batch"])
    step = bench_training_step.numpy_step(model, AdamW(model.params), batch)
    plain = mean_seconds(step, steps)
    model.params = tree_map(lambda x: x.view(Timed), model.params)
    step = bench_training_step.numpy_step(model, AdamW(model.params), batch)
    SECONDS.clear()
    total = mean_seconds(step, steps, warm=0)
    products = sum(s for (ufunc, _), s in SECONDS.items() if ufunc == "matmul") / steps
    others = sum(SECONDS.values()) / steps - products
    print(f"{size}: {1000 * plain:.0f} ms of processor time a step, {1000 * total:.0f} ms timed; "
          f"matrix products {products / total:.0%}, elementwise and sums {others / total:.0%}, "
          f"rest {1 - (products + others) / total:.0%}; "
          f"sgemm of 1024 x 1024: {sgemm_rate() / 1e9:.0f} GFLOP/s")
    functions = Counter()
    for (_, function), seconds in SECONDS.items():
        functions[function] += seconds / steps
    for function, seconds in functions.most_common(12):
        parts = sorted(((s / steps, ufunc) for (ufunc, f), s in SECONDS.items() if f == function),
                       reverse=True)
        print(f"  {function:<32}{1000 * seconds:>8.1f} ms   "
              + ", ".join(f"{ufunc} {1000 * s:.1f}" for s, ufunc in parts[:4]))


def mean_seconds(step, steps, warm=2):
    """Processor seconds of a step, after some that do not count."""
    for i in range(warm):
        step(i)
    start = time.process_time()
    for i in range(steps):
        step(warm + i)
    return (time.process_time() - start) / steps


def sgemm_rate(n=1024, rounds=10):
    """Operations a second of one large matrix product in float32."""
    x = np.ones((n, n), np.float32)
    return 2 * n ** 3 / mean_seconds(lambda i: x @ x, rounds)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sizes", nargs="*", default=["S", "M"],
                        help="of bench_training_step.SIZES (default S M)")
    parser.add_argument("--steps", type=int, default=6, help="that are timed (default 6)")
    arguments = parser.parse_args(argv)
    keep_freed_memory()
    for size in arguments.sizes:
        profile(size, arguments.steps)


if __name__ == "__main__":
    main()

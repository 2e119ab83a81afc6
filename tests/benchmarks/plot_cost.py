"""What a training step costs in time and memory as a decoder grows: figures/cost.png.

    python tests/benchmarks/plot_cost.py                        a few minutes on one thread
    python tests/benchmarks/plot_cost.py --out other.png --steps 5

From one small decoder, the length T, the width d, the layers L and the vocabulary V grow in turn.
Time is processor time, the least of a few steps; memory is tracemalloc's peak during a step, beyond
the model. Length is measured with plain and with blockwise attention; where plain attention would
need more than a gigabyte, it is left out.
"""

import argparse
import time
import tracemalloc
from pathlib import Path

import bench_training_step
import numpy as np

from minitransformer.malloc import keep_freed_memory
from minitransformer.models import DecoderOnlyConfig
from minitransformer.training import AdamW

FIGURE = Path(__file__).resolve().parent.parent.parent / "figures" / "cost.png"
BASE = {"T": 128, "d": 128, "L": 2, "V": 64}
GROWING = {
    "T": [64, 128, 256, 512, 1024, 2048, 4096],
    "d": [64, 128, 256, 512, 1024],
    "L": [1, 2, 4, 8],
    "V": [64, 1024, 4096, 16384],
}
PLAIN_UP_TO = 2048  # tokens; above, its arrays of scores would take gigabytes
WORDS = {"T": "length T (tokens)", "d": "width d", "L": "layers L", "V": "vocabulary V"}


def measure(sizes, attention, steps):
    """(processor seconds of the quickest step, peak bytes beyond the model) of a decoder."""
    config = DecoderOnlyConfig(
        sizes["V"], d_model=sizes["d"], n_heads=4, n_layers=sizes["L"], d_ff=4 * sizes["d"],
        max_seq_len=sizes["T"], attention=attention, **bench_training_step.DECODER)
    model = bench_training_step.make_model(config)
    batch = bench_training_step.random_batch(config, B=1, T=sizes["T"])
    step = bench_training_step.numpy_step(model, AdamW(model.params), batch)
    seconds = []
    for i in range(steps + 1):
        start = time.process_time()
        step(i)
        seconds.append(time.process_time() - start)
    tracemalloc.start()
    step(steps + 1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return min(seconds[1:]), peak


def measure_all(steps, growing=None):
    """{name: [(size, attention, seconds, bytes), ...]} as one of T, d, L, V grows."""
    found = {}
    for name, values in (growing or GROWING).items():
        ways = ("plain", "blockwise") if name == "T" else ("auto",)
        found[name] = []
        for value in values:
            for attention in ways:
                if attention == "plain" and name == "T" and value > PLAIN_UP_TO:
                    continue
                row = measure({**BASE, name: value}, attention, steps)
                found[name].append((value, attention, *row))
                print(f"{name} = {value:<6}{attention:<10}{1000 * row[0]:>9.1f} ms"
                      f"{row[1] / 2 ** 20:>9.1f} MiB", flush=True)
    return found


def slope(sizes, values):
    """The exponent p of values ~ sizes^p between the two largest sizes."""
    return float(np.log(values[-1] / values[-2]) / np.log(sizes[-1] / sizes[-2]))


def draw(found, path):
    """Draw times for T, d, L, V and the memory for T, on logarithmic axes."""
    import matplotlib.pyplot as plt

    from minitransformer.teaching.style import BLUE, GREY, VERMILLION, use_style

    use_style()
    fig, axes = plt.subplots(1, 5, figsize=(15, 3.4), layout="constrained")
    colours = {"plain": VERMILLION, "blockwise": BLUE, "auto": BLUE}
    panels = [("T", 3), ("T", 2), ("d", 2), ("L", 2), ("V", 2)]
    for ax, (name, column) in zip(axes, panels):
        for attention in dict.fromkeys(row[1] for row in found[name]):
            rows = [row for row in found[name] if row[1] == attention]
            sizes = [row[0] for row in rows]
            values = [row[column] / 2 ** 20 if column == 3 else 1000 * row[2] for row in rows]
            ax.loglog(sizes, values, "o-", color=colours[attention], markersize=4)
            power = f"$\\sim {name}^{{{slope(sizes, values):.1f}}}$"
            label = f"{attention} {power}" if name == "T" else power
            x, y = (0.98, 0.06) if attention == "blockwise" else (0.05, 0.9)
            ax.text(x, y, label, transform=ax.transAxes, ha="right" if x > 0.5 else "left",
                    color=colours[attention])
        ax.set_xlabel(WORDS[name])
        ax.set_ylabel("peak memory (MiB)" if column == 3 else "time of a step (ms)")
        ax.margins(0.08, 0.16)
        ax.minorticks_off()
        low, high = ax.get_ylim()
        ticks = [m * 10 ** k for k in range(-1, 5) for m in (1, 2, 5) if low < m * 10 ** k < high]
        ticks = [t for t in ticks if str(t)[0] == "1"] if len(ticks) > 5 else ticks
        ax.set_yticks(ticks, [f"{t:,g}" for t in ticks])
        ticks = [row[0] for row in found[name] if row[1] != "plain"]
        ax.set_xticks(ticks[::2] if len(ticks) > 4 else ticks,
                      [f"{t:,}" for t in (ticks[::2] if len(ticks) > 4 else ticks)])
    titles = ["Memory: T or T²", "Time: T² bites", "Width", "Layers", "Vocabulary"]
    for ax, title in zip(axes, titles):
        ax.set_title(title)
    fig.supxlabel(f"otherwise T = {BASE['T']}, d = {BASE['d']}, L = {BASE['L']}, V = {BASE['V']}, "
                  "4 heads, batch 1, one thread; the exponent is that of the last step",
                  color=GREY, fontsize=9)
    fig.savefig(path)
    plt.close(fig)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=3, help="timed for each point (default 3)")
    parser.add_argument("--out", type=Path, default=FIGURE, help="the figure (default: its place)")
    arguments = parser.parse_args(argv)
    keep_freed_memory()
    draw(measure_all(arguments.steps), arguments.out)


if __name__ == "__main__":
    main()

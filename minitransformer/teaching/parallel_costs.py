"""The cost model beside what was measured, and what it says of larger machines: lesson 23's plots.

The measurements stand in lessons/results/parallel.json, made by

    python tests/benchmarks/bench_parallel.py --out lessons/results/parallel.json
"""

import json

import numpy as np

from minitransformer.models import DecoderOnlyConfig
from minitransformer.parallel.cost_model import (
    WAYS, Machine, fit_network, step_cost, step_operations)
from minitransformer.teaching.ladder import LADDER

PARALLEL_FILE = LADDER.with_name("parallel.json")
COMMAND = "python tests/benchmarks/bench_parallel.py --out lessons/results/parallel.json"
# Assumed, not measured; each process has a machine of its own, and sends at its full bandwidth
# whatever the others do.
ETHERNET = Machine(rate=1e12, latency=30e-6, per_byte=1 / 1.25e9)   # 16 cores, 10 Gbit/s
INFINIBAND = Machine(rate=1e14, latency=3e-6, per_byte=1 / 50e9)    # accelerators, 400 Gbit/s
# As GPT-2 medium, 355 million numbers, and a step of about a million tokens.
LARGER = DecoderOnlyConfig(50_257, d_model=1024, n_heads=16, n_layers=24, d_ff=4096,
                           max_seq_len=1024, positions="learned", activation="gelu_tanh")
TOKENS = {"B": 1024, "T": 1024}


def read_parallel(path=PARALLEL_FILE):
    """What the file holds. Raises FileNotFoundError with the command that makes it."""
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: make it with {COMMAND}")
    return json.loads(path.read_text(encoding="utf-8"))


def fitted_machine(results, job):
    """The Machine of one of results["jobs"]: the rate of its process 0 alone, and its sums' fit.

    Each job has a network of its own: where processes outnumber the cores, a message also waits
    until the other's turn to compute has come.
    """
    config, N = DecoderOnlyConfig(**results["config"]), job["processes"]
    rate = step_operations(config, **results["tokens"]) / median(job["alone"])
    return Machine(rate, *fit_network(*zip(*job["sums"]), N=N), results["cores"])


def predictions(results, job):
    """{way: the Cost of a step}, of one of results["jobs"]."""
    config, machine = DecoderOnlyConfig(**results["config"]), fitted_machine(results, job)
    return {way: step_cost(way, config, machine, N=job["processes"], **results["tokens"])
            for way in job["steps"]}


def median(quartiles):
    """The second of [lower quartile, median, upper quartile]."""
    return quartiles[1]


def plot_measured(results):
    """A panel for each way, in it a pair of bars for each job: one process alone, and the job's.

    The bars are predicted, of computing and sending; the dots are measured. A figure.
    """
    import matplotlib.pyplot as plt

    from minitransformer.teaching.style import BLUE, GREY, ORANGE

    jobs = results["jobs"]
    costs = [predictions(results, job) for job in jobs]
    places = np.concatenate([[2.5 * i, 2.5 * i + 1] for i in range(len(jobs))])  # (2 jobs,)
    names = [name for job in jobs for name in ("1", str(job["processes"]))]
    fig, axes = plt.subplots(1, len(jobs[0]["steps"]), figsize=(9, 3.6), sharey=True,
                             layout="constrained")
    for ax, way in zip(axes, jobs[0]["steps"]):
        measured = [seconds for job in jobs
                    for seconds in (job["alone"], job["steps"][way]["seconds"])]
        low, middle, high = 1000 * np.array(measured).T                          # (2 jobs,) each
        computing = [1000 * seconds for job, cost in zip(jobs, costs)
                     for seconds in (median(job["alone"]), cost[way].computing)]
        sending = [1000 * seconds for cost in costs for seconds in (0.0, cost[way].sending)]
        ax.bar(places, computing, color=BLUE, width=0.7, label="predicted: computing")
        ax.bar(places, sending, bottom=computing, color=ORANGE, width=0.7,
               label="predicted: sending")
        ax.errorbar(places, middle, [middle - low, high - middle], fmt="o", color="black",
                    capsize=4, label="measured, with quartiles")
        ax.set_xticks(places, names)
        ax.set_title(f"{way} parallel")
        ax.set_xlabel("processes")
    axes[0].set_ylabel("a step (ms)")
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    fig.suptitle(f"the same tokens in every case, on {results['cores']} cores; left of each pair: "
                 f"process 0 of the same job, while the others slept", color=GREY, fontsize=10)
    return fig


def larger_costs(machine, *, config=LARGER, B, T, processes):
    """{way: [(N, Cost), ...]}, of the numbers of processes that can share the work this way."""
    found = {}
    for way in WAYS:
        found[way] = []
        for N in processes:
            try:
                found[way].append((N, step_cost(way, config, machine, N=N, B=B, T=T)))
            except ValueError:  # too many to share the sequences, or the heads, evenly
                continue
    return found


def plot_larger(machine, title, *, config=LARGER, B=TOKENS["B"], T=TOKENS["T"],
                processes=tuple(2 ** i for i in range(1, 11))):
    """Seconds of a step, and the share of them that is sending, as processes grow. A figure."""
    import matplotlib.pyplot as plt

    from minitransformer.teaching.style import BLUE, GREEN, GREY, VERMILLION, label_line

    colours = {"data": BLUE, "tensor": VERMILLION, "sequence": GREEN}
    fig, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
    found = larger_costs(machine, config=config, B=B, T=T, processes=processes)
    ideal = [step_operations(config, B=B, T=T) / N / machine.rate for N in processes]
    line, = left.loglog(processes, ideal, "--", color=GREY, base=2)
    label_line(line, "computing alone")
    for way, costs in found.items():
        numbers = [N for N, _ in costs]
        line, = left.loglog(numbers, [cost.total for _, cost in costs], "o-", color=colours[way])
        label_line(line, f"{way} parallel")
        line, = right.semilogx(numbers, [cost.sending / cost.total for _, cost in costs], "o-",
                               color=colours[way], base=2)
        label_line(line, way, offset=(-46, 6) if way == "tensor" else (6, 0))
    left.set_ylabel("a step (s)")
    right.set_ylabel("share of the step that is sending")
    right.set_ylim(0, 1.05)
    for ax in (left, right):
        ax.set_xlabel("processes, each on its own machine")
        ax.set_xticks(processes[::-2], [f"{N:,}" for N in processes[::-2]])
        ax.minorticks_off()
        ax.margins(x=0.2, y=0.1)
    fig.suptitle(title, x=0.01, ha="left", fontweight="bold")
    fig.supxlabel("a line ends where the heads or the sequences cannot be shared further",
                  color=GREY, fontsize=9)
    return fig

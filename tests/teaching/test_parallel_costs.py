"""Lesson 23's plots: measurements that a known machine would give bring its constants back."""

import dataclasses

import matplotlib
import numpy as np
import pytest

from minitransformer.models import DecoderOnlyConfig
from minitransformer.parallel.cost_model import (
    WAYS, Machine, Traffic, sending_seconds, step_cost, step_operations)
from minitransformer.teaching.parallel_costs import (
    ETHERNET, INFINIBAND, LARGER, fitted_machine, larger_costs, plot_larger, plot_measured,
    predictions, read_parallel)

CONFIG = DecoderOnlyConfig(12, d_model=24, n_heads=8, n_layers=3, d_ff=20, max_seq_len=13)
TOKENS = {"B": 8, "T": 12}
MACHINE = Machine(rate=1e9, latency=1e-4, per_byte=1e-8, cores=2)


def job_of(N, machine=MACHINE):
    """What a benchmark would measure where the model is exactly right."""
    def quartiles(seconds):
        return [0.9 * seconds, seconds, 1.3 * seconds]

    alone = quartiles(step_operations(CONFIG, **TOKENS) / machine.rate)
    sums = [[n, sending_seconds(Traffic(1, n), machine, N=N)] for n in (4, 4000, 4_000_000)]
    steps = {way: {"seconds": quartiles(step_cost(way, CONFIG, machine, N=N, **TOKENS).total)}
             for way in WAYS}
    return {"processes": N, "sums": sums, "alone": alone, "beside": alone, "steps": steps}


@pytest.fixture
def results():
    return {"config": dataclasses.asdict(CONFIG), "tokens": TOKENS, "cores": 2,
            "jobs": [job_of(2), job_of(4, MACHINE._replace(latency=3e-3))]}


def test_the_machine_comes_back(results):
    for job, latency in zip(results["jobs"], (1e-4, 3e-3)):
        expected = MACHINE._replace(latency=latency)
        assert fitted_machine(results, job) == pytest.approx(expected, rel=1e-9)


def test_predictions_are_what_the_model_measured(results):
    for job in results["jobs"]:
        found = predictions(results, job)
        assert found.keys() == WAYS.keys()
        for way, cost in found.items():
            assert cost.total == pytest.approx(job["steps"][way]["seconds"][1], rel=1e-9)


def test_the_plot_of_what_was_measured(results):
    with matplotlib.rc_context():
        fig = plot_measured(results)
    assert [ax.get_title() for ax in fig.axes] == [f"{way} parallel" for way in WAYS]
    first, second = results["jobs"]
    for ax, way in zip(fig.axes, WAYS):
        assert [label.get_text() for label in ax.get_xticklabels()] == ["1", "2", "1", "4"]
        below, above = np.split(np.array([bar.get_height() for bar in ax.patches]), 2)  # (4,) each
        dots = 1000 * np.array([first["alone"][1], first["steps"][way]["seconds"][1],
                                second["alone"][1], second["steps"][way]["seconds"][1]])
        assert np.allclose(below + above, dots, rtol=1e-9)  # the model is right here
        assert above[0] == above[2] == 0 < above[1] < above[3]
        assert [bar.get_y() for bar in ax.patches[4:]] == below.tolist()
        assert np.allclose(ax.lines[0].get_ydata(), dots)
        ends = np.array([line[:, 1] for line in ax.collections[0].get_segments()])  # (4, 2)
        assert np.allclose(ends, dots[:, None] * [0.9, 1.3])
    matplotlib.pyplot.close(fig)


@pytest.mark.parametrize("machine", [ETHERNET, INFINIBAND])
def test_larger_machines(machine):
    processes = (2, 4, 8, 16, 32, 1024, 2048)
    found = larger_costs(machine, B=1024, T=1024, processes=processes)
    assert [N for N, _ in found["data"]] == [2, 4, 8, 16, 32, 1024]      # sequences
    assert [N for N, _ in found["tensor"]] == [2, 4, 8, 16]              # heads
    assert [N for N, _ in found["sequence"]] == [2, 4, 8, 16, 32, 1024]  # tokens of each
    for way, costs in found.items():
        alone = step_operations(LARGER, B=1024, T=1024,
                                scores_again=way == "sequence") / machine.rate
        shares = [cost.sending / cost.total for _, cost in costs]
        assert shares == sorted(shares) and 0 < shares[0] and shares[-1] < 1
        assert [N * cost.computing for N, cost in costs] == pytest.approx([alone] * len(costs))


def test_the_plot_of_larger_machines():
    with matplotlib.rc_context():
        fig = plot_larger(ETHERNET, "a title", B=8, T=16, processes=(2, 8, 32))
    left, right = fig.axes
    assert len(left.lines) == 1 + len(WAYS) and len(right.lines) == len(WAYS)
    cost = step_cost("data", LARGER, ETHERNET, N=8, B=8, T=16)
    assert left.lines[1].get_xdata().tolist() == [2, 8]
    assert left.lines[1].get_ydata()[1] == pytest.approx(cost.total)
    assert right.lines[0].get_ydata()[1] == pytest.approx(cost.sending / cost.total)
    matplotlib.pyplot.close(fig)


def test_a_missing_file_says_how_it_is_made(tmp_path):
    with pytest.raises(FileNotFoundError, match="bench_parallel.py --out"):
        read_parallel(tmp_path / "parallel.json")

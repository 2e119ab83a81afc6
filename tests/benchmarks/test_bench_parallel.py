"""The benchmark of several processes: its measurements, by threads on a small model; its table."""

import importlib.util
import json

import bench_parallel
import pytest

from minitransformer.parallel.counted import CountedComm
from minitransformer.teaching.parallel_costs import predictions, read_parallel
from minitransformer.teaching.thread_processes import ThreadComm, together

needs_mpi = pytest.mark.skipif(
    bench_parallel.mpiexec() is None or importlib.util.find_spec("mpi4py") is None,
    reason="several processes need MPI: python -m pip install mpi4py mpich")


class AllHaveCome:
    """What Ibarrier gives, for threads: the first question waits for the answer."""

    def __init__(self, comm):
        self.comm = comm

    def Test(self):
        self.comm.Barrier()
        return True


@pytest.fixture
def results(monkeypatch):
    """Of two and of four threads in the place of processes, and a tiny model."""
    monkeypatch.setattr(bench_parallel, "CONFIG", {
        "vocab_size": 13, "d_model": 12, "n_heads": 4, "n_layers": 2, "d_ff": 8, "max_seq_len": 8})
    monkeypatch.setattr(bench_parallel, "TOKENS", {"B": 4, "T": 8})
    monkeypatch.setattr(bench_parallel, "SUMS", [4, 400, 40_000])
    monkeypatch.setattr(ThreadComm, "Ibarrier", lambda comm: AllHaveCome(comm), raising=False)

    def measure_here(n, rounds):
        jobs = together(n, lambda comm: bench_parallel.measure(CountedComm(comm), rounds))
        return json.loads(json.dumps(jobs[0]))

    monkeypatch.setattr(bench_parallel, "measure_here", measure_here)
    monkeypatch.setattr(bench_parallel, "mpiexec", lambda: "mpiexec")
    monkeypatch.setattr(bench_parallel, "version", lambda name: "0")
    return bench_parallel.measure_all(2)


def test_a_job_holds_all_times(results):
    assert [job["processes"] for job in results["jobs"]] == [2, 4]
    for job in results["jobs"]:
        assert [nbytes for nbytes, _ in job["sums"]] == [4, 400, 40_000]
        assert all(seconds > 0 for _, seconds in job["sums"])
        assert job["steps"].keys() == bench_parallel.WAYS.keys()
        for step in ({"seconds": job["alone"]}, {"seconds": job["beside"]}, *job["steps"].values()):
            assert 0 < step["seconds"][0] <= step["seconds"][1] <= step["seconds"][2]
        assert all(step["in_calls"][1] > 0 for step in job["steps"].values())


def test_the_table(results):
    lines = bench_parallel.report(results)
    rows = [line.split() for line in lines]
    assert [row[:2] for row in rows[1:-2]] == [
        [n, name] for n in "24" for name in ("alone", "beside", *bench_parallel.WAYS)]
    cost = predictions(results, results["jobs"][0])["data"]
    assert f"{1000 * cost.total:.0f}" in rows[3]
    assert lines[-1].startswith("4 processes: ")
    assert ("share" in lines[-1]) == (results["cores"] < 4)


def test_the_file_is_what_lessons_read(results, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(bench_parallel, "mpiexec", lambda: "mpiexec")
    monkeypatch.setattr(bench_parallel, "measure_all", lambda rounds: results)
    assert bench_parallel.main(["--out", str(tmp_path / "r.json"), "--threads", "1", "2"]) == 0
    assert read_parallel(tmp_path / "r.json") == results
    assert capsys.readouterr().out.splitlines() == bench_parallel.report(results)
    assert bench_parallel.main(["--json"]) == 0
    assert json.loads(capsys.readouterr().out) == results


def test_without_mpi_it_says_so(monkeypatch, capsys):
    monkeypatch.setattr(bench_parallel, "mpiexec", lambda: None)
    assert bench_parallel.main([]) == 0
    assert "pip install mpi4py mpich" in capsys.readouterr().out


@needs_mpi
@pytest.mark.slow
def test_two_processes():
    job = bench_parallel.measure_here(2, 1)
    assert job["processes"] == 2 and job["steps"].keys() == bench_parallel.WAYS.keys()

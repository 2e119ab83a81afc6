"""What the benchmarks share."""

import json
import sys

import numpy as np
import pytest
import rounds


def test_the_steps_alternate_and_the_first_two_rounds_do_not_count():
    calls = []
    sides = {name: lambda i, name=name: calls.append((name, i)) for name in "ab"}
    wall, cpu = rounds.time_interleaved(sides, 3)
    assert calls == [(name, i) for i in range(5) for name in "ab"]
    assert all(len(times[name]) == 3 for times in (wall, cpu) for name in "ab")


def measured(script, size, threads, count):
    return {"size": size, "threads": threads, "numpy_ms": [1, 2, 3], "torch_ms": [1, 2, 3],
            "ratio": [0.5, 1, 2], "cpu_ratio": [0.5, 1, 2], "error": 1e-15}


def test_a_whole_run_prints_json(monkeypatch, capsys):
    monkeypatch.setattr(rounds, "measure_in_child", measured)
    rounds.run("bench.py", "A bench.", ("S", "M"), None, argv=["--json", "--threads", "1", "2"])
    rows = json.loads(capsys.readouterr().out)
    assert [(r["size"], r["threads"]) for r in rows] == [
        ("S", 1), ("S", 2), ("M", 1), ("M", 2)]


def test_a_whole_run_prints_a_table(monkeypatch, capsys):
    monkeypatch.setattr(rounds, "measure_in_child", measured)
    rounds.run("bench.py", "A bench.", ("S", "M"), None, argv=["--threads", "1"])
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split()[0] == "size" and [line.split()[0] for line in lines] == ["S", "M"]
    assert "1.00 (0.50 to 2.00)" in lines[0] and lines[0].endswith("1e-15")


@pytest.mark.parametrize("option", ["--rounds", "--threads"])
@pytest.mark.parametrize("word", ["0", "-1", "1.5", "", "many"])
def test_no_rounds_and_no_threads_are_wrong_usage(option, word, capsys):
    with pytest.raises(SystemExit) as stop:
        rounds.run("bench.py", "A bench.", ("S",), None, argv=[f"{option}={word}"])
    assert stop.value.code == 2
    assert f"{word!r} is not a whole number from 1 on" in capsys.readouterr().err


def test_a_table_of_others_has_their_name_their_notes_once_and_says_what_is_missing(
        monkeypatch, capsys):
    def other(script, size, threads, count):
        row = measured(script, size, threads, count)
        row["them_ms"] = row.pop("torch_ms")
        return {**row, "note": "A note."} if size == "here" else {
            key: row[key] for key in ("size", "threads", "numpy_ms")}

    monkeypatch.setattr(rounds, "measure_in_child", other)
    rounds.run("bench.py", "A bench.", ("here", "gone"), None, argv=["--threads", "1", "2"],
               other="them", install="get them")
    header, *lines, note, missing = capsys.readouterr().out.splitlines()
    assert "them" in header.split() and len(lines) == 4 and note == "A note."
    assert "1.00 (0.50 to 2.00)" in lines[1] and "1.00" not in lines[2]
    assert "them is missing" in missing and missing.endswith("(get them)")


def test_a_child_measures_and_a_failing_one_ends_the_run(tmp_path, monkeypatch):
    script = tmp_path / "bench.py"
    script.write_text("import os, sys, json\n"
                      "if 'bad' in sys.argv: sys.exit(3)\n"
                      "print(json.dumps([os.environ['OPENBLAS_NUM_THREADS'], *sys.argv[1:]]))\n")
    assert rounds.measure_in_child(str(script), "S", 2, 5) == [
        "2", "--measure", "S", "--threads", "2", "--rounds", "5"]
    with pytest.raises(SystemExit) as stopped:
        rounds.measure_in_child(str(script), "bad", 2, 5)
    assert stopped.value.code == 3 and sys.executable


def test_sides_that_differ_are_not_timed():
    rounds.expect_agreement("S", 1e-12, 1e-11)
    for error in (1e-10, float("nan")):
        with pytest.raises(SystemExit, match="S: the result differs from PyTorch's"):
            rounds.expect_agreement("S", error, 1e-11)


def test_quartiles():
    assert rounds.quartiles(iter([1.0, 2.0, 3.0, 4.0, 5.0])) == [2.0, 3.0, 4.0]
    assert np.isfinite(rounds.quartiles([1.0])).all()

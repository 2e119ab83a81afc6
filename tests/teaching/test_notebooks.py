"""Lessons are built, checked and copied. Each test runs a small notebook in a real kernel."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from minitransformer import cli
from minitransformer.teaching import notebooks

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
pytest.importorskip("matplotlib")

kernel = pytest.mark.slow  # a kernel takes seconds to start


def write(folder, *cells, name="04_small.ipynb"):
    """A notebook of (source, *tags) cells."""
    nb = nbformat.v4.new_notebook(cells=[
        nbformat.v4.new_code_cell(source, metadata={"tags": tags}) for source, *tags in cells])
    path = folder / name
    path.write_text(nbformat.writes(nb), encoding="utf-8")
    return path


def read(path):
    return nbformat.read(path, as_version=4)


def printed(path, index):
    return "".join(output.get("text", "") for output in read(path).cells[index].outputs)


def replace(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


CLOCK = ("import time\nt = time.perf_counter_ns()\nprint(t)\nassert t > 0", "varies")


@kernel
def test_a_second_build_changes_nothing_and_a_check_passes(tmp_path):
    path = write(tmp_path, ("import numpy as np\nprint(np.arange(3))",),
                 ("import matplotlib.pyplot as plt\nplt.plot([1, 2]);",), CLOCK)
    assert notebooks.build(folder=tmp_path) == []
    first = path.read_bytes()
    assert b"[0 1 2]" in first and b"image/png" in first
    assert notebooks.build(["4"], folder=tmp_path) == []
    assert path.read_bytes() == first
    assert notebooks.check(["04"], folder=tmp_path) == []
    assert path.read_bytes() == first


@kernel
def test_what_varies_is_kept_until_the_code_before_it_changes(tmp_path):
    path = write(tmp_path, ("a = 1",), CLOCK, ("b = 2",))
    notebooks.build(folder=tmp_path)
    measured = printed(path, 1)
    replace(path, "b = 2", "b = 3")
    notebooks.build(folder=tmp_path)
    assert printed(path, 1) == measured
    replace(path, "a = 1", "a = 2")
    assert "was measured with other code" in notebooks.check(folder=tmp_path)[0]
    notebooks.build(folder=tmp_path)
    assert printed(path, 1) != measured


@kernel
def test_remeasuring_renews_what_varies(tmp_path):
    path = write(tmp_path, CLOCK)
    notebooks.build(folder=tmp_path)
    measured = printed(path, 0)
    notebooks.build(folder=tmp_path, remeasure=True)
    assert printed(path, 0) != measured


@kernel
def test_what_varies_is_found_in_the_last_commit(tmp_path):
    def git(*words):
        subprocess.run(["git", "-c", "user.name=n", "-c", "user.email=e", *words], cwd=tmp_path,
                       check=True, capture_output=True)

    path = write(tmp_path, CLOCK)
    notebooks.build(folder=tmp_path)
    measured = printed(path, 0)
    try:
        git("init")
        git("add", path.name)
        git("commit", "-m", "Build")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("git is not here")
    write(tmp_path, CLOCK, ("c = 3",))  # converted anew from text: without outputs
    notebooks.build(folder=tmp_path)
    assert printed(path, 0) == measured


@kernel
def test_a_check_names_lesson_and_cell_of_every_difference(tmp_path):
    path = write(tmp_path, ("print('loss', 0.125)",), ("print(2)",), ("print(3)",))
    notebooks.build(folder=tmp_path)
    replace(path, "loss 0.125", "loss 0.225")
    replace(path, '"2\\n"', '"5\\n"')
    assert notebooks.check(folder=tmp_path) == [
        "04_small, cell 1 (`print('loss', 0.125)`): prints 'loss 0.125', "
        "committed is 'loss 0.225'",
        "04_small, cell 2 (`print(2)`): prints '2', committed is '5'"]


@kernel
def test_in_another_environment_lessons_only_run(tmp_path, capsys):
    path = write(tmp_path, ("print(2)",))
    notebooks.build(folder=tmp_path)
    replace(path, '"2\\n"', '"5\\n"')
    replace(path, '"system": "', '"system": "other ')
    assert notebooks.check(folder=tmp_path) == []
    assert "run, but not compared" in capsys.readouterr().out


@kernel
def test_an_error_names_its_cell_and_leaves_the_file_alone(tmp_path):
    path = write(tmp_path, ("a = 1",), ("a / 0",))
    before = path.read_bytes()
    problems = notebooks.build(folder=tmp_path)
    assert problems == ["04_small, cell 2 (`a / 0`): ZeroDivisionError: division by zero"]
    assert path.read_bytes() == before
    assert problems[0] in notebooks.check(folder=tmp_path)


@kernel
def test_an_expected_error_is_no_problem(tmp_path):
    write(tmp_path, ("1 / 0", "raises-exception"), ("print(1)",))
    assert notebooks.build(folder=tmp_path) == []
    assert notebooks.check(folder=tmp_path) == []


@kernel
def test_a_lesson_that_takes_too_long_is_reported(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(notebooks, "SECONDS", 0)
    write(tmp_path, ("a = 1",), name="04_slow.ipynb")
    write(tmp_path, ("a = 1", "training"), name="05_training.ipynb")
    problems = notebooks.build(folder=tmp_path)
    assert len(problems) == 1 and "04_slow: took" in problems[0]
    assert "(limit 180 s)" in capsys.readouterr().out
    assert "04_slow: took" in notebooks.check(["04"], folder=tmp_path)[0]
    replace(tmp_path / "04_slow.ipynb", '"system": "', '"system": "other ')
    assert notebooks.check(["04"], folder=tmp_path) == []


@kernel
def test_a_varying_cell_without_an_assert_fails_build_and_check(tmp_path):
    write(tmp_path, ("t = 1\nprint(t)", "varies"))
    for work in (notebooks.build, notebooks.check):
        assert "has no assert on what it shows" in work(folder=tmp_path)[0]


def test_a_lesson_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no lesson '77'"):
        notebooks.check(["77"], folder=tmp_path)


def test_a_notebook_that_was_never_built_is_a_problem(tmp_path, monkeypatch):
    write(tmp_path, ("a = 1",))
    monkeypatch.setattr(notebooks, "_execute", lambda notebook, path: ([], []))
    assert notebooks.check(folder=tmp_path) == ["04_small: has never been built"]


def test_a_copy_holds_no_outputs_and_overwrites_nothing(tmp_path):
    path = write(tmp_path, ("print(1)",))
    nb = read(path)
    nb.cells[0].outputs = [nbformat.v4.new_output("stream", text="1\n")]
    path.write_text(nbformat.writes(nb), encoding="utf-8")
    assert notebooks.copy_lessons(tmp_path / "mine", lessons=tmp_path) == "1 lessons"
    copied = tmp_path / "mine" / "04_small.ipynb"
    assert read(copied).cells[0].outputs == [] and read(path).cells[0].outputs != []
    copied.write_text("my work", encoding="utf-8")
    with pytest.raises(FileExistsError, match="never overwritten"):
        notebooks.copy_lessons(tmp_path / "mine", lessons=tmp_path)
    assert copied.read_text(encoding="utf-8") == "my work"
    with pytest.raises(FileExistsError, match="04_small.ipynb is a file: .* a new folder"):
        notebooks.copy_lessons(copied, lessons=tmp_path)


@pytest.mark.parametrize("lesson", ["", "*", "../04", "4.5", "?4"])
def test_what_is_no_number_names_no_lesson(lesson, tmp_path, capsys):
    """An empty name is not lesson 00, and a star is not all of them."""
    write(tmp_path, ("a = 1",), name="00_small.ipynb")
    with pytest.raises(FileNotFoundError, match="there is no lesson '"):
        notebooks.build([lesson], folder=tmp_path)
    assert cli.main(["lessons", f"--check={lesson}"]) == 1
    assert "there is no lesson '" in capsys.readouterr().err


def test_a_translation_is_no_other_lesson():
    names = ["03_b.ipynb", "04_small.ipynb", "04_small_zh.ipynb"]
    assert notebooks.counted([Path(name) for name in names[:2]]) == "2 lessons"
    assert notebooks.counted([Path(name) for name in names]) == \
        "2 lessons (1 of them in two languages)"


@pytest.mark.parametrize("problems, code", [([], 0), (["04_small: no"], 1)])
def test_the_exit_code_tells_whether_there_were_problems(monkeypatch, capsys, problems, code):
    monkeypatch.setattr(notebooks, "check", lambda lessons: problems)
    assert cli.main(["lessons", "--check", "04"]) == code
    assert capsys.readouterr().out.splitlines() == problems


def test_what_is_not_an_option_is_handed_on_to_jupyterlab(monkeypatch, capsys):
    commands = []
    monkeypatch.setattr(notebooks.subprocess, "run",
                        lambda command: commands.append(command) or SimpleNamespace(returncode=3))
    assert cli.main(["lessons", "--no-browser", "--port", "8899"]) == 3
    assert commands[0][1:] == ["-m", "jupyter", "lab", str(notebooks.LESSONS), "--no-browser",
                               "--port", "8899"]
    assert cli.main(["lessons", "--check", "04", "--no-browser"]) == 1
    assert "--no-browser would be JupyterLab's" in capsys.readouterr().err and len(commands) == 1


def test_without_jupyter_the_message_says_what_to_install(monkeypatch, tmp_path):
    write(tmp_path, ("a = 1",))
    monkeypatch.setitem(sys.modules, "nbformat", None)
    with pytest.raises(ImportError, match="pip install jupyter"):
        notebooks.check(folder=tmp_path)

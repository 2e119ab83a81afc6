"""Submitted notebooks are graded by what their answers compute, whatever they print."""

import csv
import re

import pytest
from submissions import BIAS, CENTER, LINEAR, graded, write_notebook

from minitransformer.cli import main
from minitransformer.teaching import grading
from minitransformer.teaching.exercise import Exercise, find, lesson_items
from minitransformer.teaching.grading import (
    COLUMNS,
    MISSING,
    RIGHT,
    WRONG,
    CannotGrade,
    grade_notebook,
    run,
    summary,
)

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("jupyter_client")

@pytest.fixture
def write(tmp_path):
    return lambda *sources, name="solved.ipynb": write_notebook(tmp_path / name, *sources)


def verdicts(path, **options):
    return {id: g.verdict for id, g in graded(path, **options).items()}


@pytest.mark.slow
def test_right_wrong_and_not_attempted(write):
    path = write(BIAS, LINEAR.replace("x @ w + b", "x @ w - b"), """
        def my_linear_backward(dout, cache):
            return None
        check("1.4", my_linear_backward)
    """)
    grades = graded(path)
    exercises = [id for id, item in lesson_items("01").items() if isinstance(item, Exercise)]
    assert [id for id in grades if not id.endswith("F")] == exercises
    assert {id: g.verdict for id, g in grades.items() if not id.endswith("F")} == {
        "1.2": RIGHT, "1.3": WRONG, "1.4": MISSING, "1.5": MISSING, "1.6": MISSING}
    assert grades["1.3"].words.startswith("is not right yet. ")
    assert "no check" in grades["1.5"].words and "not been attempted" in grades["1.4"].words
    assert all(g.lesson == "01" and g.notebook == "solved.ipynb" and g.minutes == find(
        id, Exercise).minutes for id, g in grades.items())


@pytest.mark.slow
@pytest.mark.parametrize("lesson", ["01", "04"])
def test_a_lesson_with_the_published_solutions_is_right(lesson, tmp_path):
    import minitransformer
    source, = (minitransformer.PROJECT / "lessons").glob(f"{lesson}_*.ipynb")
    notebook = nbformat.read(source, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code" and 'check("' in cell.source:
            stub, _, call = cell.source.rpartition("check(")
            id, name = call.rstrip(")\n").replace('"', "").split(", ")
            value = "" if "def " + name in stub else "()"
            cell.source = (f"from minitransformer.teaching.exercise import Exercise, find\n{stub}\n"
                           f"{name} = find({id!r}, Exercise).solution{value}\ncheck({call}")
        elif cell.cell_type == "code" and "varies" in cell.metadata.get("tags", []):
            cell.source = ""  # what measures and trains takes long and answers nothing
    path = tmp_path / "any name.ipynb"
    nbformat.write(notebook, path)
    assert {v for id, v in verdicts(path, seed=5).items() if not id.endswith("F")} == {RIGHT}


@pytest.mark.slow
def test_the_binding_at_the_check_counts_and_of_several_the_last_attempt(write):
    path = write("""
        def f(dout, cache):
            return dout, dout
        check("1.2", f)
        def f(dout, cache):
            return dout, dout.sum(axis=0)
        check("1.2", f)
        def f(dout, cache):
            return dout - dout.mean(axis=-1, keepdims=True)
        check("1.6", f)
        f = None
        check("1.2", f)
        check("77.7", f)
    """)
    assert {id: v for id, v in verdicts(path).items() if v == RIGHT} == {"1.2": RIGHT,
                                                                          "1.6": RIGHT}


@pytest.mark.slow
def test_a_cell_that_fails_costs_only_its_own_exercise(write):
    path = write(BIAS, """
        def my_linear_forward(x, w, b=None):
            return x @ w + b, (x, w, b)
        1 / 0
        check("1.3", my_linear_forward)
    """, """
        1 / 0
        check("1.5", my_add_bias_backward)
    """, """
        def my_linear_backward(dout, cache)
            return None
        check("1.4", my_linear_backward)
    """, CENTER)
    grades = graded(path)
    assert [grades[f"1.{n}"].verdict for n in (2, 3, 4, 5, 6)] == [RIGHT, WRONG, WRONG, WRONG,
                                                                  RIGHT]
    # 1.3's own function is tried and found wanting, 1.5's is an older one.
    assert "stops at" in grades["1.3"].words or "It stops" in grades["1.3"].words
    assert "ZeroDivisionError" in grades["1.5"].words
    assert "SyntaxError" in grades["1.4"].words


@pytest.mark.slow
def test_loops_and_dead_kernels_cost_only_their_own_exercise(write):
    path = write(BIAS, """
        while True:
            pass
        check("1.5", my_add_bias_backward)
    """, """
        def my_linear_backward(dout, cache):
            while True:
                try:
                    while True:
                        pass
                except KeyboardInterrupt:
                    pass
        check("1.4", my_linear_backward)
    """, LINEAR, "import os\nos._exit(3)", "exit()", CENTER.replace("dout - ", "np.array(dout) - "))
    grades = graded(path, seconds=8)
    assert [grades[f"1.{n}"].verdict for n in (2, 3, 4, 5, 6)] == [RIGHT, RIGHT, WRONG, WRONG,
                                                                  RIGHT]
    assert all("within 8 s" in grades[id].words for id in ("1.4", "1.5"))


@pytest.mark.slow
def test_the_command_writes_a_table_and_says_what_it_does(write, tmp_path, capsys):
    good, text = write(BIAS, name="good.ipynb"), tmp_path / "text.ipynb"
    text.write_text("this is no notebook", encoding="utf-8")
    out = tmp_path / "marks.csv"
    assert main(["grade", str(good), "--seed", "4", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "RUNS THE CODE" in said and "container" in said and "Seed 4." in said
    assert "good.ipynb: lesson 01, 1 of " in said
    with open(out, encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert tuple(rows[0]) == COLUMNS and len(rows) > 5
    assert rows[1] == ["good.ipynb", "01", "1.2", find("1.2", Exercise).title, "right", "5",
                       "is right."]
    assert main(["grade", str(text), str(good), str(tmp_path / "none.ipynb"),
                 "--out", str(out)]) == 1
    said = capsys.readouterr().out
    assert "text.ipynb: cannot be graded" in said and "1 of 3 notebooks graded" in said


def test_a_notebook_without_checks_cannot_be_graded(write):
    with pytest.raises(CannotGrade, match="checks no exercise"):
        grade_notebook(write("x = 1"), seed=0)


@pytest.mark.parametrize("choice, words", [
    (["--seconds", "0"], "--seconds is 0, expected a number above 0"),
    (["--seconds", "nan"], "--seconds is nan"), (["--out", "nowhere/marks.csv"], "nowhere/marks"),
    (["--out", "."], "Is a directory|Permission denied")])
def test_what_cannot_be_graded_or_kept_is_said_before_any_work(
        choice, words, write, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(grading, "grade_notebook", lambda *_, **__: pytest.fail("it is graded"))
    monkeypatch.chdir(tmp_path)
    assert main(["grade", str(write(BIAS)), *choice]) == 1
    assert re.search(words, capsys.readouterr().err)


def test_wrong_usage_ends_with_2(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["grade"])
    assert stop.value.code == 2


def test_the_help_says_that_it_runs_their_code(capsys):
    with pytest.raises(SystemExit):
        main(["grade", "--help"])
    assert "RUNS THE CODE" in capsys.readouterr().out


def test_the_summary_names_what_is_not_right():
    from minitransformer.teaching.grading import Grade
    rows = [Grade("a", "01", f"1.{i}", "t", verdict, i, "")
            for i, verdict in enumerate((RIGHT, WRONG, MISSING, RIGHT), 1)]
    assert summary(rows) == ("lesson 01, 2 of 4 right, 5 of 10 minutes; not right: 1.2; "
                             "not attempted: 1.3")
    assert run.__doc__

"""Grade submitted lessons: run each notebook, and try its answers on inputs that nobody has seen.

    python -m minitransformer grade hand-ins/*.ipynb --seed 11 --out grades.csv

Each notebook runs in a fresh kernel in an empty folder. Where it says check("4.3", answer), the
grader has the answer, as it is bound there, called on random inputs of the seed, and carries what
came back into its own process. Only there is it compared with what is right: what a notebook
prints, and a `check` of its own, count for nothing.
"""

import csv
import secrets
import tempfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minitransformer.teaching.exercise import Exercise, find, lesson_items
from minitransformer.teaching.judge import takes_arguments, verdict
from minitransformer.teaching.kernel_session import Session
from minitransformer.teaching.submitted import pieces_of
from minitransformer.teaching.transport import read_outcomes

WARNING = """\
This RUNS THE CODE of the notebooks, whatever it does, with your rights on this machine. Grade only
in a container or under a throw-away account, without your files and without a network."""
RIGHT, WRONG, MISSING = "right", "not right", "not attempted"
COLUMNS = ("notebook", "lesson", "exercise", "title", "verdict", "minutes", "words")
SECONDS = 120  # the limit for one cell, and for one answer


class Grade(NamedTuple):
    """A row of the table."""
    notebook: str
    lesson: str
    exercise: str
    title: str
    verdict: str  # RIGHT, WRONG or MISSING
    minutes: int
    words: str


class CannotGrade(ValueError):
    """A notebook that cannot be read or run, or that checks no exercise."""


def grade_notebook(path, *, seed, seconds=SECONDS):
    """The Grades of one notebook: every exercise of its lesson, and what else it checks.

    Its lesson is the one whose exercises it checks most. Raises CannotGrade.
    """
    path = Path(path)
    pieces = pieces_of(_read(path))
    checked = [id for piece in pieces for id, _ in piece.answers if _exercise(id)]
    if not checked:
        raise CannotGrade("it checks no exercise that exists, as in check(\"4.3\", my_function)")
    lesson = Counter(map(_lesson, checked)).most_common(1)[0][0]
    items = [item.id for item in lesson_items(lesson).values() if isinstance(item, Exercise)]
    items += [id for id in (f"{int(lesson)}.F",) if _exercise(id)]
    items += sorted(set(checked) - set(items))
    verdicts = _verdicts(pieces, seed, seconds)
    grades = []
    for id in items:
        item, says = find(id, Exercise), verdicts.get(id, "there is no check for it")
        kind = MISSING if id not in verdicts or says is None else (
            RIGHT if says.startswith("is right") else WRONG)
        grades.append(Grade(path.name, _lesson(id), id, item.title, kind, item.minutes,
                            says or "has not been attempted"))
    return grades


def _read(path):
    try:
        import nbformat
        return nbformat.read(path, as_version=4)
    except ImportError:
        raise CannotGrade("nbformat is missing; it comes with Jupyter: "
                          "python -m pip install jupyter") from None
    except Exception as error:  # no such file, not JSON, no notebook
        raise CannotGrade(f"it cannot be read ({type(error).__name__}: {error})") from None


def _exercise(id):
    """The exercise of this id, None when there is none."""
    try:
        return find(id, Exercise)
    except ValueError:
        return None


def _lesson(id):
    return id.split(".")[0].zfill(2)


def _verdicts(pieces, seed, seconds):
    """{id: what the judge says} of all answers; of an exercise's several, the last attempted."""
    verdicts = {}
    with tempfile.TemporaryDirectory(prefix="grade-") as folder:
        work = Path(folder) / "work"
        work.mkdir()
        try:
            with Session(work, seconds=seconds) as session:
                for says in _says(pieces, session, Path(folder) / "outcomes.json", seed):
                    if verdicts.get(says[0]) is None or says[1] is not None:
                        verdicts[says[0]] = says[1]
        except (RuntimeError, ImportError, OSError) as error:
            raise CannotGrade(f"no kernel could be started ({error})") from None
    return verdicts


def _says(pieces, session, path, seed):
    """Pairs (id, what the judge says), in the order of the notebook."""
    cell = None
    for piece in pieces:
        if piece.answers and piece.cell != cell:  # what is bound before, in case the cell stops
            session.run("_before_this_cell = dict(globals())", remember=False)
        cell = piece.cell
        stopped = piece.error or (session.run(piece.code) if piece.code.strip() else None)
        for id, answer in piece.answers:
            exercise = _exercise(id)
            if exercise is None:
                continue
            if stopped and (piece.error or session.run(_is_new(answer), remember=False)):
                yield id, f"is not right yet. Its cell stops before the check: {stopped}."
                continue
            path.unlink(missing_ok=True)
            failed = session.run(_record(id, answer, seed, path), remember=False)
            yield id, _one_verdict(exercise, failed, path, seed)


def _is_new(answer):
    """Code that stops when an answer's name is bound to what it was before the cell."""
    return (f"assert ({answer}) is not _before_this_cell.get({answer!r})"
            if answer.isidentifier() else "assert False")


def _record(id, answer, seed, path):
    return ("import minitransformer.teaching.transport as _transport\n"
            f"_transport.write_outcomes({id!r}, {answer}, seed={seed}, path={str(path)!r})")


def _one_verdict(exercise, failed, path, seed):
    if failed:
        return f"is not right yet. The answer cannot be tried: {failed}."
    try:
        given = read_outcomes(path)
    except ValueError as error:
        return f"is not right yet. The answer cannot be tried: {error}."
    cases = sum(1 for _ in exercise.cases(np.random.default_rng(seed)))
    if len(given) != cases and (given or not takes_arguments(exercise)):
        return f"is not right yet. It gave {len(given)} results for {cases} calls."
    return verdict(exercise, given, seed=seed)


def write_table(grades, path):
    """Write the grades as CSV, a row each."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(grades)


def summary(grades):
    """One line for a notebook: what is right, and what it is worth in minutes."""
    count = Counter(grade.verdict for grade in grades)
    minutes = sum(grade.minutes for grade in grades if grade.verdict == RIGHT)
    others = [f"{name}: {', '.join(g.exercise for g in grades if g.verdict == name)}"
              for name in (WRONG, MISSING) if count[name]]
    return "; ".join([f"lesson {grades[0].lesson}, {count[RIGHT]} of {len(grades)} right, "
                      f"{minutes} of {sum(g.minutes for g in grades)} minutes", *others])


def run(options):
    """Do what the parsed options ask; returns the exit code: 0, or 1 when a notebook failed."""
    if not options.seconds > 0:
        raise ValueError(f"--seconds is {options.seconds:g}, expected a number above 0")
    open(options.out, "a").close()  # where there can be no table, it says so before any work
    seed = secrets.randbelow(10**6) if options.seed is None else options.seed
    print(f"{WARNING}\nSeed {seed}.", flush=True)
    grades, failed = [], 0
    for path in options.notebooks:
        try:
            rows = grade_notebook(path, seed=seed, seconds=options.seconds)
            grades += rows
            print(f"{path}: {summary(rows)}", flush=True)
        except CannotGrade as error:
            failed += 1
            print(f"{path}: cannot be graded: {error}", flush=True)
    write_table(grades, options.out)
    print(f"{len(options.notebooks) - failed} of {len(options.notebooks)} notebooks graded, "
          f"written to {options.out}")
    return 1 if failed else 0

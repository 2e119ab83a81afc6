"""The committed lessons, as files: built from top to bottom, and at one with what is registered.

That they still run, and give what they show, is what `lessons --check` finds out.
"""

import copy
import re
from pathlib import Path

import pytest

import minitransformer
from minitransformer.teaching.exercise import Exercise, lesson_items
from minitransformer.teaching.museum import all_exhibits
from minitransformer.teaching.tidy import code_up_to, has_tag, tidy, unsupported_claim

nbformat = pytest.importorskip("nbformat")

LESSONS = {path.name[:2] + "_zh" * path.stem.endswith("_zh"): nbformat.read(path, as_version=4)
           for path in sorted((Path(minitransformer.__file__).parents[1] / "lessons").glob(
               "[0-9][0-9]_*.ipynb"))}  # a translation of lesson 24 is "24_zh"
each_lesson = pytest.mark.parametrize("lesson", LESSONS)
USE = re.compile(r'\b(check|hint|solution|predict|exhibit)\("([^"]+)"')


def code_cells(lesson):
    return [cell for cell in LESSONS[lesson].cells if cell.cell_type == "code"]


def used(lesson):
    """{function: the set of ids it is called with}, calls in comments included."""
    calls = [call for cell in code_cells(lesson) for call in USE.findall(cell.source)]
    return {function: {id for name, id in calls if name == function}
            for function in ("check", "hint", "solution", "predict", "exhibit")}


@each_lesson
def test_a_lesson_is_written_by_the_build(lesson):
    notebook = LESSONS[lesson]
    again = copy.deepcopy(notebook)
    tidy(again, notebook.metadata.get("environment"))
    for cell, code in code_up_to(again):
        if has_tag(cell, "varies"):
            cell.metadata["measured"] = code
    assert again == notebook
    assert [cell.execution_count for cell in code_cells(lesson)] == list(
        range(1, len(code_cells(lesson)) + 1))


def test_all_lessons_are_built_in_one_environment():
    environments = {str(notebook.metadata.get("environment")) for notebook in LESSONS.values()}
    assert len(environments) <= 1 and all("Linux" in e for e in environments)


@each_lesson
def test_what_varies_is_claimed_and_nothing_warns(lesson):
    assert [words for cell in code_cells(lesson) if (words := unsupported_claim(cell))] == []


@each_lesson
def test_a_lesson_uses_its_exercises_predictions_and_exhibits(lesson):
    items, calls = lesson_items(lesson[:2]), used(lesson)
    exercises = {id for id, item in items.items() if isinstance(item, Exercise)}
    assert calls["check"] == calls["hint"] == calls["solution"] == exercises
    assert calls["predict"] == items.keys() - exercises
    assert calls["exhibit"] >= {e.name for e in all_exhibits() if e.lesson == lesson[:2]}


@each_lesson
def test_no_output_holds_an_address_or_a_path_of_this_machine(lesson):
    home = str(Path.home())
    for cell in code_cells(lesson):
        text = str(cell.outputs)
        assert not re.search(r"\bat 0x[0-9a-f]{6}", text)
        assert "/tmp/ipykernel" not in text and (len(home) < 6 or home not in text)

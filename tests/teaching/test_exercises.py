"""Every exercise accepts its solution and refuses its mistakes, each for the right reason."""

import importlib
import pkgutil
from collections import namedtuple
from inspect import signature

import numpy as np
import pytest

from minitransformer.teaching import exercise, exercises
from minitransformer.teaching.diagnosis import named_leaves
from minitransformer.teaching.exercise import (
    Exercise,
    Mistake,
    Prediction,
    call,
    check,
    find,
    hint,
    lesson_items,
    predict,
    solution,
)
from minitransformer.teaching.judge import judge

MODULES = [importlib.import_module(f"{exercises.__name__}.{module.name}")
           for module in pkgutil.iter_modules(exercises.__path__)]
ITEMS = [item for module in MODULES for item in module.ITEMS]
EXERCISES = [item for item in ITEMS if isinstance(item, Exercise)]
PREDICTIONS = [item for item in ITEMS if isinstance(item, Prediction)]
FUNCTIONS = [e for e in EXERCISES if signature(e.solution).parameters]


def by_id(item):
    return item.id


def right_answer(item):
    """What a learner passes to check: the solution, or the value that it returns."""
    return item.solution if signature(item.solution).parameters else item.solution()


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__[-2:])
def test_ids_are_unique_and_belong_to_their_lesson(module):
    lesson = module.__name__[-2:]
    assert len({item.id for item in module.ITEMS}) == len(module.ITEMS)
    assert all(item.id.split(".")[0] == str(int(lesson)) for item in module.ITEMS)
    assert lesson_items(lesson) == {item.id: item for item in module.ITEMS}


@pytest.mark.parametrize("item", EXERCISES, ids=by_id)
def test_the_solution_is_right(item):
    assert judge(item, right_answer(item)).startswith("is right.")


@pytest.mark.parametrize("item", EXERCISES, ids=by_id)
def test_answers_are_told_apart_on_other_random_inputs_too(item):
    assert judge(item, right_answer(item), seed=7).startswith("is right.")
    for mistake in item.mistakes:
        answer = mistake.function if item in FUNCTIONS else mistake.function()
        assert judge(item, answer, seed=7).startswith("is not right yet.")


@pytest.mark.parametrize("item", FUNCTIONS, ids=by_id)
def test_another_seed_gives_other_inputs_so_that_no_answer_can_know_them(item):
    def inputs(seed):
        leaves = [leaf for args, kwargs in item.cases(np.random.default_rng(seed))
                  for _, leaf in named_leaves([list(args), kwargs], "")]
        return [leaf.tobytes() if isinstance(leaf, np.ndarray) else repr(leaf) for leaf in leaves
                if isinstance(leaf, np.ndarray | int | float | str) or hasattr(leaf, "d_model")]
    assert inputs(1) == inputs(1) != inputs(2)


@pytest.mark.parametrize("item", EXERCISES, ids=by_id)
def test_an_untouched_stub_is_no_attempt(item, capsys):
    stub = (lambda *args, **kwargs: None) if item in FUNCTIONS else None
    assert judge(item, stub) is None
    check(item.id, stub)
    assert "has not been attempted yet" in capsys.readouterr().out


@pytest.mark.parametrize("item", EXERCISES, ids=by_id)
def test_an_exercise_comes_with_hints_minutes_and_three_mistakes(item):
    assert item.hints and item.minutes > 0
    assert len(item.mistakes) >= 3


@pytest.mark.parametrize("item, mistake", [(e, m) for e in EXERCISES for m in e.mistakes],
                         ids=lambda x: getattr(x, "id", None) or x.says[:30])
def test_a_mistake_is_told_what_is_wrong_with_it(item, mistake):
    answer = mistake.function if item in FUNCTIONS else mistake.function()
    verdict = judge(item, answer)
    assert verdict.startswith("is not right yet.") and mistake.says in verdict


def replaced(item, position, change):
    """The solution with one of its results passed through change."""
    def answer(*args, **kwargs):
        value = item.solution(*args, **kwargs)
        if len(item.results) == 1:
            return change(value)
        return tuple(change(v) if i == position else v for i, v in enumerate(value))
    return answer


def float_results():
    """(exercise, position) of every result that is a float array in the first case."""
    for item in FUNCTIONS:
        args, kwargs = next(iter(item.cases(np.random.default_rng(0))))
        value = item.solution(*args, **kwargs)
        values = [value] if len(item.results) == 1 else value
        for position, v in enumerate(values):
            if isinstance(v, np.ndarray) and v.ndim and v.dtype.kind == "f":
                yield pytest.param(item, position, id=f"{item.id}-{item.results[position]}")


GENERAL_FAULTS = {
    "has the wrong sign": lambda v: -v,
    "exactly 7 times too large": lambda v: 7 * v,
    "has shape": lambda v: v[None],
    "is complex": lambda v: v + 0j,
    "holds nan": lambda v: v * np.nan,
}


@pytest.mark.parametrize("words", GENERAL_FAULTS)
@pytest.mark.parametrize("item, position", [*float_results()])
def test_general_faults_are_named_without_being_registered(item, position, words):
    verdict = judge(item, replaced(item, position, GENERAL_FAULTS[words]))
    said = [words, *(mistake.says for mistake in item.mistakes)]
    assert verdict.startswith("is not right yet.") and any(s in verdict for s in said)


@pytest.mark.parametrize("item", FUNCTIONS, ids=by_id)
def test_an_error_in_the_answer_is_shown_shortly(item):
    def answer(*args, **kwargs):
        raise ZeroDivisionError("too bad")
    verdict = judge(item, answer)
    assert 'raise ZeroDivisionError("too bad")' in verdict
    assert "with ZeroDivisionError: too bad." in verdict


@pytest.mark.parametrize("item", FUNCTIONS, ids=by_id)
def test_a_value_where_a_function_is_asked_for_is_explained(item):
    assert "Pass the function itself" in judge(item, 1.5)


PAIR = Exercise("0.9", "two results", 1, lambda x: (x + 1, 2 * x), mistakes=(), hints=(),
                results=("dx", "dw"), cases=lambda rng: [call(rng.normal(size=3))])


def test_a_changed_argument_is_named():
    def answer(x):
        x += 1
        return x, 2 * x - 2
    assert "It changes its argument x" in judge(PAIR, answer)


@pytest.mark.parametrize("value, words", [
    ((1, 2, 3), "a tuple of 3"), ([0.5], "a list of 1"), ({}, "a dict of 0")])
def test_another_number_of_results_is_counted(value, words):
    verdict = judge(PAIR, lambda x: value)
    assert verdict == f"is not right yet. Expected 2 results (dx, dw), got {words}."


@pytest.mark.parametrize("dw, words", [
    (np.ones(3), "dw is an array, expected a tuple of 1."),
    ([np.ones(3)] * 2, "dw is a list of 2, expected a tuple of 1."),
    (2.5, "dw is a float, expected a tuple of 1.")])
def test_a_result_of_another_build_is_named(dw, words):
    item = Exercise("0.9", "two results", 1, lambda x: (x + 1, (2 * x,)), mistakes=(), hints=(),
                    results=("dx", "dw"), cases=PAIR.cases)
    assert judge(item, lambda x: (x + 1, dw)) == f"is not right yet. {words}"


def test_what_a_tree_lacks_is_named():
    item = Exercise("0.9", "a tree", 1, lambda x: {"up": {"w": x}, "down": {"w": 2 * x}},
                    mistakes=(), hints=(), results=("dparams",),
                    cases=lambda rng: [call(rng.normal(size=3))])
    verdict = judge(item, lambda x: {"up": {"w": x}, "down": 2 * x})
    assert "dparams.down is an array, expected a dict of 1. It lacks dparams.down.w." in verdict


def test_the_first_wrong_entry_of_a_cache_is_named():
    pair = namedtuple("Pair", "x w")
    item = Exercise("0.9", "a cache", 1, lambda x: pair((x,), x), mistakes=(), hints=(),
                    results=("cache",), cases=lambda rng: [call(rng.normal(size=3))])
    verdict = judge(item, lambda x: pair(x, (x,)))
    assert verdict == "is not right yet. cache.x is an array, expected a tuple of 1."


def plain_value():
    """2: the second is wrong."""
    return 2


PLAIN = Exercise("0.9", "which is wrong", 1, plain_value, hints=("look",), mistakes=(
    Mistake(lambda: 1, "The first is right."), Mistake(lambda: 3, "The third is right.")))


def test_a_plain_value_is_checked_and_never_told():
    assert judge(PLAIN, 2) == "is right."
    assert judge(PLAIN, 1) == "is not right yet. The first is right. (The answer is not right.)"
    assert judge(PLAIN, 5) == "is not right yet. The answer is not right."


def test_whole_numbers_typed_in_by_hand_are_as_good_as_decimals():
    item = Exercise("0.9", "three numbers", 1, lambda: np.array([1.0, 0.0, -1.0]), mistakes=(),
                    hints=())
    assert judge(item, np.array([1, 0, -1])) == "is right."
    assert "wrong in 1 of 3" in judge(item, np.array([1, 0, 1]))


def test_hints_come_one_at_a_time(capsys, monkeypatch):
    monkeypatch.setattr(exercise, "hints_given", {})
    hints = find("0.1", Exercise).hints
    for _ in range(len(hints) + 1):
        hint("0.1")
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[2] for line in lines[:-1]] == list(hints)
    assert 'solution("0.1")' in lines[-1]


def test_the_solution_is_shown_as_source():
    assert "def central_difference(f, x, h):" in repr(solution("0.1"))


def test_an_unknown_id_names_the_known_ones():
    with pytest.raises(ValueError, match=r"there is no exercise '0\.77'; those of lesson 00: 0\.1"):
        check("0.77")


NUMBER = Prediction("0.8", "How much?", 0.25, "Because.")
CHOICE = Prediction("0.9", "Which?", "both", "Since.", choices=("one", "both"))


@pytest.fixture
def invented(monkeypatch):
    monkeypatch.setattr(exercise, "lesson_items", lambda lesson: {"0.8": NUMBER, "0.9": CHOICE})


def said(capsys, id, *guess):
    predict(id, *guess)
    return capsys.readouterr().out


def test_a_prediction_is_answered_only_after_a_guess(capsys, invented):
    for nothing in ((), (None,), (...,)):
        out = said(capsys, "0.8", *nothing)
        assert "How much?" in out and "Guess first" in out
        assert "0.25" not in out and "Because" not in out
    assert "one" in said(capsys, "0.9") and "Since" not in said(capsys, "0.9")


@pytest.mark.parametrize("guess, words", [
    (0.25, "well guessed"), (0.26, "well guessed"), (0.4, "the right size"),
    (25, "a factor of 100 away"), (-1, "You said -1; the answer is 0.25."),
    ("half", "is not a number")])
def test_a_numeric_guess_is_told_how_close_it_is(capsys, invented, guess, words):
    assert words in said(capsys, "0.8", guess)


@pytest.mark.parametrize("guess, words", [
    ("both", "Yes: both. Since."), ("one", "Not so: the answer is both. Since."),
    ("three", "is not one of the choices")])
def test_a_choice_is_answered(capsys, invented, guess, words):
    assert words in said(capsys, "0.9", guess)


def test_a_long_question_and_a_long_answer_are_read_without_moving_the_page(capsys, monkeypatch):
    words = "one-half of them all " * 20
    choices = "both", "only the one that I chose first of all, and of which I am sure", "neither"
    item = Prediction("0.8", words, "both", words, choices=choices)
    monkeypatch.setattr(exercise, "lesson_items", lambda lesson: {"0.8": item})
    for guess in (..., "both"):
        out = said(capsys, "0.8", guess)
        lines = out.splitlines()
        assert len(lines) > 4 and max(map(len, lines)) <= exercise.WIDTH
        assert " ".join(lines).count("one-half of them all") == 20
        assert guess == "both" or all(repr(choice) in out for choice in choices)


def test_check_and_predict_send_each_other_their_items(invented):
    with pytest.raises(ValueError, match="0.8 is a prediction: use predict"):
        check("0.8")


@pytest.mark.parametrize("item", PREDICTIONS, ids=by_id)
def test_a_prediction_has_an_answer_among_its_choices(item):
    assert item.question and item.because
    assert item.answer in item.choices if item.choices else isinstance(item.answer, (int, float))


def test_cases_may_pass_keywords():
    item = Exercise("0.9", "scaled", 1, lambda x, *, by: x * by, mistakes=(), hints=(),
                    cases=lambda rng: [call(rng.normal(size=3), by=2.0)])
    assert judge(item, lambda x, *, by: by * x) == "is right."
    assert "exactly 2 times too small" in judge(item, lambda x, *, by: x)

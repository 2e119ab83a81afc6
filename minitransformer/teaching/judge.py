"""The verdict on an answer: right, not attempted, or the first thing wrong, in words."""

import copy
import itertools
import traceback
from inspect import signature
from typing import NamedTuple

import numpy as np

from minitransformer.teaching.diagnosis import (
    children,
    explain,
    is_close,
    kind_words,
    named_leaves,
)


def judge(exercise, answer, *, seed=0):
    """The verdict in words, beginning with "is right" or "is not right yet"; None: no attempt.

    seed: of the random inputs on which the answer is tried.
    """
    says = verdict(exercise, outcomes(exercise, answer, seed=seed), seed=seed)
    if says != "is right." or not exercise.proof:
        return says
    return f"{says} {exercise.proof(answer)}"


def takes_arguments(exercise):
    """Whether the exercise asks for a function; if not, for a value."""
    return bool(signature(exercise.solution).parameters)


def outcomes(exercise, answer, *, seed):
    """What the answer gives: an Outcome for each of the exercise's cases, made one by one."""
    if not takes_arguments(exercise):
        yield Outcome(answer)
    elif answer is None or callable(answer):
        for case in exercise.cases(np.random.default_rng(seed)):
            yield Outcome(None) if answer is None else tried(answer, case, exercise.solution)


def verdict(exercise, given, *, seed):
    """The verdict on an answer of which only the outcomes are known, as outcomes() gives them."""
    given = iter(given)
    for case in exercise.cases(np.random.default_rng(seed)):
        mine = next(given, None)
        if mine is None:
            return ("is not right yet: it asks for a function. Pass the function itself, without "
                    f"calling it: check({exercise.id!r}, my_function).")
        if mine.is_nothing():
            return None
        right = tried(exercise.solution, case, exercise.solution)
        if words := _first_fault(exercise, mine, right, case):
            return f"is not right yet. {words}"
    return "is right."


class Outcome(NamedTuple):
    """What came of one call: the value, or the error; and the argument that was changed."""
    value: object = None
    error: str | None = None
    place: str = ""             # " at `the line`" where the error arose, if that is known
    changed: str | None = None

    def is_nothing(self):
        """Whether nothing but None came back: an untouched stub."""
        leaves = [leaf for _, leaf in named_leaves(self.value, "")]
        return self.error is None and bool(leaves) and all(leaf is None for leaf in leaves)

    def results(self, names):
        """{name: leaf} of what came back, or None when the number of results is another."""
        if len(names) == 1:
            return dict(named_leaves(self.value, names[0]))
        if not isinstance(self.value, (tuple, list)) or len(self.value) != len(names):
            return None
        pairs = zip(names, self.value)
        return dict(itertools.chain(*(named_leaves(value, name) for name, value in pairs)))


def tried(function, case, named_by):
    """The Outcome of one call on a copy of the arguments. named_by: names them by its signature."""
    args, kwargs = copy.deepcopy(case)
    try:
        value = function(*args, **kwargs)
    except Exception as error:  # a learner's function may fail in any way
        frames = traceback.extract_tb(error.__traceback__)
        inside = [f for f in frames if f.name == getattr(function, "__name__", None)]
        place = f" at `{inside[-1].line}`" if inside and inside[-1].line else ""
        return Outcome(None, f"{type(error).__name__}: {error}", place)
    return Outcome(value, changed=_changed_argument(named_by, case, (args, kwargs)))


def _first_fault(exercise, mine, right, case):
    """The first thing wrong with a run, in words; None when all is well."""
    wrong_runs = [(tried(m.function, case, exercise.solution), m.says) for m in exercise.mistakes]
    if mine.error:
        same = [says for run, says in wrong_runs if run.error == mine.error]
        error = mine.error if len(mine.error) < 300 else mine.error[:300] + " ..."
        return " ".join([f"It stops{mine.place} with {error}.", *same[:1]])
    if mine.changed:
        return (f"It changes its argument {mine.changed}, which other code still needs: "
                "work on a copy, or write a new array.")
    given, expected = mine.results(exercise.results), right.results(exercise.results)
    if given is None or given.keys() != expected.keys():
        return _build_words(exercise.results, mine.value, right.value)
    for name in expected:
        how = expected[name], _sizes(exercise, case), _tolerance(exercise, expected[name])
        words = explain(name, given[name], *how)
        if words is None:
            continue
        for run, says in wrong_runs:
            theirs = run.results(exercise.results) or {}
            if (name in theirs and _is_same(given[name], theirs[name], exercise.tolerance)
                    and explain(name, theirs[name], *how)):  # it is wrong in this result
                return f"{says} ({words})"
        return words
    return None


def _is_same(given, theirs, tolerance):
    return np.iscomplexobj(given) == np.iscomplexobj(theirs) and is_close(given, theirs, tolerance)


def _build_words(names, given, expected):
    """What is not built as it should be: the number of results, or one of them."""
    if len(names) == 1:
        given, expected = (given,), (expected,)
    elif not isinstance(given, (tuple, list)) or len(given) != len(names):
        return f"Expected {len(names)} results ({', '.join(names)}), got {kind_words(given)}."
    for name, mine, right in zip(names, given, expected):
        inside, wanted = dict(named_leaves(mine, name)), dict(named_leaves(right, name))
        if inside.keys() != wanted.keys():
            missing = [leaf for leaf in wanted if leaf not in inside]
            extra = [leaf for leaf in inside if leaf not in wanted]
            words = _where_builds_part(name, mine, right)
            if not isinstance(mine, dict):
                return words
            return f"{words} It lacks {missing[0]}." if missing else f"{words} Drop {extra[0]}."


def _where_builds_part(name, given, expected):
    """The first place, going inward, where the one is of another kind than the other."""
    kinds = kind_words(given), kind_words(expected)
    if kinds[0] == kinds[1]:
        for (key, mine), (_, right) in zip(children(given), children(expected)):
            if dict(named_leaves(mine, "")).keys() != dict(named_leaves(right, "")).keys():
                return _where_builds_part(f"{name}.{key}", mine, right)
    return f"{name} is {kinds[0]}, expected {kinds[1]}."


def _tolerance(exercise, expected):
    single = np.asarray(expected).dtype == np.float32
    return max(exercise.tolerance, 1e-4) if single else exercise.tolerance


def _named_arguments(function, case):
    args, kwargs = case
    named = dict(zip(signature(function).parameters, args)) | kwargs
    return [leaf for name, value in named.items() for leaf in named_leaves(value, name)]


def _changed_argument(function, before, after):
    pairs = zip(_named_arguments(function, before), _named_arguments(function, after))
    for (name, old), (_, new) in pairs:
        if isinstance(old, np.ndarray) and not np.array_equal(old, new, equal_nan=True):
            return name
    return None


def _sizes(exercise, case):
    arguments = _named_arguments(exercise.solution, case)
    if not arguments:
        return None
    return {f"{name}.shape[{axis}]": size for name, value in arguments
            if isinstance(value, np.ndarray) for axis, size in enumerate(value.shape)}

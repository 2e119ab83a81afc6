"""The verdict on an answer: right, not attempted, or the first thing wrong, in words."""

import copy
import itertools
import traceback
from inspect import signature

import numpy as np

from minitransformer.teaching.diagnosis import (
    children,
    explain,
    is_close,
    kind_words,
    named_leaves,
)


def judge(exercise, answer):
    """The verdict in words, beginning with "is right" or "is not right yet"; None: no attempt."""
    if answer is None:
        return None
    takes_arguments = bool(signature(exercise.solution).parameters)
    if takes_arguments and not callable(answer):
        return ("is not right yet: it asks for a function. Pass the function itself, without "
                f"calling it: check({exercise.id!r}, my_function).")
    function = answer if takes_arguments else lambda: answer
    for case in exercise.cases(np.random.default_rng(0)):
        mine, right = Run(function, case), Run(exercise.solution, case)
        if mine.is_nothing():
            return None
        if words := _first_fault(exercise, mine, right, case):
            return f"is not right yet. {words}"
    proof = f" {exercise.proof(answer)}" if exercise.proof else ""
    return f"is right.{proof}"


class Run:
    """One call of a function on its own copy of the arguments: what came back and what changed."""

    def __init__(self, function, case):
        args, kwargs = copy.deepcopy(case)
        self.value, self.error, self.place = None, None, ""
        try:
            self.value = function(*args, **kwargs)
        except Exception as error:  # a learner's function may fail in any way
            self.error = f"{type(error).__name__}: {error}"
            frames = traceback.extract_tb(error.__traceback__)
            inside = [f for f in frames if f.name == getattr(function, "__name__", None)]
            if inside and inside[-1].line:
                self.place = f" at `{inside[-1].line}`"
        self.args, self.kwargs = args, kwargs

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


def _first_fault(exercise, mine, right, case):
    """The first thing wrong with a run, in words; None when all is well."""
    wrong_runs = [(Run(m.function, case), m.says) for m in exercise.mistakes]
    if mine.error:
        same = [says for run, says in wrong_runs if run.error == mine.error]
        error = mine.error if len(mine.error) < 300 else mine.error[:300] + " ..."
        return " ".join([f"It stops{mine.place} with {error}.", *same[:1]])
    if changed := _changed_argument(exercise.solution, mine, case):
        return (f"It changes its argument {changed}, which other code still needs: "
                "work on a copy, or write a new array.")
    given, expected = mine.results(exercise.results), right.results(exercise.results)
    if given is None or given.keys() != expected.keys():
        return _build_words(exercise.results, mine.value, right.value)
    for name in expected:
        words = explain(name, given[name], expected[name], _sizes(exercise, case),
                        _tolerance(exercise, expected[name]))
        if words is None:
            continue
        for run, says in wrong_runs:
            theirs = run.results(exercise.results) or {}
            if name in theirs and _is_same(given[name], theirs[name], exercise.tolerance):
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


def _changed_argument(function, run, case):
    before = _named_arguments(function, case)
    after = _named_arguments(function, (run.args, run.kwargs))
    for (name, old), (_, new) in zip(before, after):
        if isinstance(old, np.ndarray) and not np.array_equal(old, new, equal_nan=True):
            return name
    return None


def _sizes(exercise, case):
    arguments = _named_arguments(exercise.solution, case)
    if not arguments:
        return None
    return {f"{name}.shape[{axis}]": size for name, value in arguments
            if isinstance(value, np.ndarray) for axis, size in enumerate(value.shape)}

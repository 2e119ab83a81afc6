"""Where the first number that is not finite came from: the operation, its place, what went in.

A step that met NaN or infinity is made once more, while Python reports each call and each return of
a pair to `Watch` (sys.setprofile), so no pair has to know of it and a step that is not watched pays
nothing. The first pair to return such a number is the innermost one, since it returns before those
that called it.
"""

import contextlib
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minitransformer.tree import tree_items

PACKAGE = __name__.partition(".")[0] + "."
HALVES = ("_forward", "_backward")


class Call(NamedTuple):
    """A call of one half of a pair that has not returned yet."""

    name: str
    caller: str   # the function that called it, with file and line
    inputs: dict  # its arguments by name


def find_first_bad(run, params):
    """A sentence on the first operation of run() whose result holds NaN or infinity.

    run: a function without arguments, which is called once. params: the model's tree, by whose
    arrays a place in the model is named. None when every pair returned finite numbers.
    """
    watch = Watch(params)
    before = sys.getprofile()  # a profiler or a debugger may be at work
    sys.setprofile(watch)
    try:
        with np.errstate(all="ignore"), contextlib.suppress(ValueError, ArithmeticError):
            run()
    finally:
        sys.setprofile(before)
    return watch.found


class Watch:
    """What sys.setprofile calls. found: the sentence, once there is one."""

    def __init__(self, params):
        self.names = {id(leaf): f"params.{name}" for name, leaf in tree_items(params)}
        self.calls = []    # of pairs, the innermost last
        self.places = {}   # id of a forward's cache: the parameters that it was called with
        self.found = None

    def __call__(self, frame, event, result):
        name = frame.f_code.co_name
        if self.found or not name.endswith(HALVES) \
                or not frame.f_globals.get("__name__", "").startswith(PACKAGE):
            return
        if event == "call":
            back = frame.f_back
            caller = (f"{back.f_code.co_name} ({Path(back.f_code.co_filename).name}, "
                      f"line {back.f_lineno})")
            self.calls.append(Call(name, caller, dict(frame.f_locals)))
        elif event == "return":
            out, inputs = result, self.calls[-1].inputs
            if name.endswith(HALVES[0]) and isinstance(result, tuple) and len(result) == 2:
                out, cache = result
                if "params" in inputs:
                    self.places[id(cache)] = inputs["params"]
            bad = [array for _, array in arrays_in(out)  # tied parameters are only handed on
                   if id(array) not in self.names and not np.isfinite(array).all()]
            if bad:
                self.found = self._sentence(bad)
            self.calls.pop()

    def _sentence(self, bad):
        call = self.calls[-1]
        pair, _, half = call.name.rpartition("_")
        count = sum(int((~np.isfinite(array)).sum()) for array in bad)
        inputs = [self._describe(name, array, masked=call.name == "softmax_forward")
                  for key, value in call.inputs.items() if key != "params"
                  for name, array in arrays_in(value, key)]
        came_in = [text for text in inputs if "not finite" in text]
        verdict = ("all that went in was finite" if not came_in else
                   "NaN or infinity was in what went in already: it is a parameter's or the "
                   "data's, or arose in the caller's own lines")
        return (f"The first result that is not finite is that of {pair}, {half}, in "
                f"{self._place()}: {count} of {sum(a.size for a in bad)} numbers. It was called in "
                f"{call.caller}; {verdict}: {'; '.join(came_in or inputs)}")

    def _place(self):
        """The path in the parameters of the innermost call that has any."""
        for call in reversed(self.calls):
            params = call.inputs.get("params", self.places.get(id(call.inputs.get("cache"))))
            mine = [self.names[id(leaf)] for _, leaf in arrays_in(params) if id(leaf) in self.names]
            if mine:
                paths = [name.split(".")[:-1] for name in mine]
                depth = next((i for i, parts in enumerate(zip(*paths)) if len(set(parts)) > 1),
                             min(map(len, paths)))
                return ".".join(paths[0][:depth])
        return "no layer of the model"

    def _describe(self, name, array, masked):
        """ "w (4, 8), which is params.output.w, finite, up to 3e+20". masked: -inf may be a mask's.
        """
        known = f", which is {self.names[id(array)]}" if id(array) in self.names else ""
        if not array.size:
            return f"{name} {array.shape}{known}"
        struck = struck_out(array) if masked else np.zeros(array.shape, bool)
        beside = f" beside {int(struck.sum())} of -inf, as a mask makes them" * bool(struck.any())
        finite = np.isfinite(array) | struck
        state = (f"finite{beside}, up to {np.abs(array[~struck]).max():.3g}" if finite.all() else
                 f"not finite in {int((~finite).sum())} of {array.size} places{beside}")
        return f"{name} {array.shape}{known}, {state}"


def struck_out(scores):
    """(..., N) -> (..., N): where softmax takes -inf for a mask's and gives the probability 0.

    A row of -inf alone has no probabilities, so its -inf are at fault.
    """
    struck = scores == -np.inf                                  # (..., N)
    return struck & ~struck.all(axis=-1, keepdims=True)         # (..., N)


def arrays_in(value, name=""):
    """(name, array) of every array of real or complex numbers in nested tuples, lists and dicts."""
    if isinstance(value, (np.ndarray, np.inexact)):
        if value.dtype.kind in "fc":
            yield name, value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from arrays_in(part, f"{name}.{key}")
    elif isinstance(value, (tuple, list)):
        fields = getattr(value, "_fields", range(len(value)))
        for key, part in zip(fields, value):
            yield from arrays_in(part, f"{name}.{key}")


def non_finite_arrays(**trees):
    """The names of the arrays that hold NaN or infinity, tree by tree in the trees' own order."""
    return [name for prefix, tree in trees.items() for name, array in tree_items(tree, prefix)
            if not np.isfinite(array).all()]

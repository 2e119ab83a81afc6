"""What a further exercise is, and how a backward is judged when nobody has written it down."""

import inspect
from dataclasses import dataclass

import numpy as np

from minitransformer.teaching.exercise import Exercise, call
from minitransformer.tree import tree_items, tree_map

STEP = 1e-30  # of the complex step, which has no subtraction: exact to rounding


@dataclass(frozen=True)
class Further(Exercise):
    """An exercise without hints, mistakes and published solution; solution measures what is right.

    given: the function that the task gives, for the notebook to import; None when there is none.
    """
    given: object = None


def further_pair(id, title, minutes, *, forward, names, inputs):
    """A Further whose answer is the backward of forward: answer(dout, cache).

    names: the differentiable inputs, "x a z". The forward's cache holds all of its inputs and
    options under their names. inputs: rng -> an iterable of call(...) for forward.
    """
    names = names.split()

    def cases(rng):
        for args, options in inputs(rng):
            out, cache = forward(*args, **options)
            yield call(rng.normal(size=np.shape(out)).astype(np.result_type(out)), cache)

    return Further(id, title, minutes, measured_backward(forward, names), (), (),
                   tuple("d" + name for name in names), cases, tolerance=1e-10, given=forward)


def measured_backward(forward, names):
    """A function of dout and cache that measures the gradients, one entry at a time."""
    keywords = [name for name, parameter in inspect.signature(forward).parameters.items()
                if parameter.kind is inspect.Parameter.KEYWORD_ONLY]

    def measured(dout, cache):
        options = {name: getattr(cache, name) for name in keywords}
        inputs = [getattr(cache, name) for name in names]
        moved = [tree_map(lambda array: array.astype(complex), tree) for tree in inputs]
        gradients = []
        for tree, complex_tree in zip(inputs, moved):
            gradient = tree_map(lambda array: np.empty(array.shape), tree)
            for (_, entries), (_, array) in zip(tree_items(gradient), tree_items(complex_tree)):
                for at in np.ndindex(array.shape):
                    entry = array[at]
                    array[at] = entry + 1j * STEP
                    out, _ = forward(*moved, **options)
                    entries[at] = np.sum(dout * out).imag / STEP
                    array[at] = entry
            gradients.append(tree_map(lambda g, array: g.astype(array.dtype), gradient, tree))
        return gradients[0] if len(gradients) == 1 else tuple(gradients)

    return measured

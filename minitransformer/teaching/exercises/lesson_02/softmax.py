"""Exercises of lesson 02, first half: softmax and its backward."""

import numpy as np

from minitransformer.functional import softmax_forward
from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, call, pair_exercise


def my_softmax_forward(x):
    """x (..., V) -> probs (..., V), cache."""
    powers = np.exp(x - np.max(x.real, axis=-1, keepdims=True))    # (..., V), the largest is 1
    probs = powers / np.sum(powers, axis=-1, keepdims=True)        # (..., V)
    return probs, (probs,)


def my_softmax_backward(dout, cache):
    """dout (..., V) -> dx (..., V)."""
    (probs,) = cache
    mean = np.sum(dout * probs, axis=-1, keepdims=True)            # (..., 1)
    return probs * (dout - mean)                                   # (..., V)


def softmax_inputs(rng):
    """Small scores; far ones, beyond exp's range, with a -inf; complex ones, as in the check."""
    far = 1e4 * rng.normal(size=(2, 5, 3))
    far[0, 1, 2] = -np.inf
    complex_scores = rng.normal(size=(4, 3)) + 0.1j * rng.normal(size=(4, 3))
    return [call(rng.normal(size=(4, 3))), call(far), call(complex_scores)]


def softmax_mistake(probs):
    """A forward that makes its probabilities like this, without a word about overflow."""
    def forward(x):
        with np.errstate(all="ignore"):
            out = probs(x)
        return out, (out,)
    return forward


def row(reduce, x):
    return reduce(x, axis=-1, keepdims=True)


def exp_over_sum(x, axis=-1, keepdims=True):
    return np.exp(x) / np.sum(np.exp(x), axis=axis, keepdims=keepdims)


ITEMS = (
    Prediction(
        "2.1", "Add 1000 to all three scores. What does naive_softmax give?",
        answer="nan",
        choices=("the same three numbers", "0, 0, 0", "nan"),
        because="exp(1002) is too large for a float and becomes inf, the sum becomes inf, and "
                "inf / inf is nan. On paper the answer would be the same three numbers.",
    ),
    Exercise(
        "2.2", "a softmax that survives scores of 10,000", 8,
        solution=my_softmax_forward,
        builds="softmax_forward",
        cases=softmax_inputs,
        results=("probs", "cache"),
        mistakes=(
            Mistake(softmax_mistake(exp_over_sum),
                    "exp of a large score is infinite: subtract the row's largest score first."),
            Mistake(softmax_mistake(lambda x: exp_over_sum(x - np.max(x.real))),
                    "Each row needs its own maximum (axis=-1, keepdims=True): under the maximum of "
                    "the whole array, all of another row's powers may round to 0."),
            Mistake(softmax_mistake(lambda x: exp_over_sum(x, axis=None)),
                    "Each row must add up to 1, not the whole array: sum over axis=-1."),
            Mistake(softmax_mistake(lambda x: exp_over_sum(x, axis=0)),
                    "The words of one row compete: sum over the last axis, not over axis 0."),
            Mistake(softmax_mistake(lambda x: exp_over_sum(x, keepdims=False)),
                    "A row's maximum and its sum need keepdims=True, to stand beside their row."),
            Mistake(softmax_mistake(lambda x: np.exp(x - row(np.max, x.real))),
                    "The powers must still be divided by their sum."),
            Mistake(softmax_mistake(lambda x: exp_over_sum(x / row(np.max, np.abs(x.real)))),
                    "Dividing the scores changes their differences, and with them the "
                    "probabilities: subtract the maximum instead."),
        ),
        hints=("Which number c may you add to all scores of a row, so that no score is above 0?",
               "largest = np.max(x.real, axis=-1, keepdims=True), then np.exp(x - largest).",
               "Divide by the sum over axis=-1, again with keepdims=True; the cache is (probs,)."),
    ),
    pair_exercise(
        "2.3", "the backward of softmax", 8,
        forward=softmax_forward,
        solution=my_softmax_backward,
        builds="softmax_backward",
        names="x",
        inputs=lambda rng: [call(rng.normal(size=(4, 3))), call(rng.normal(size=(2, 5, 3)))],
        mistakes=(
            Mistake(lambda dout, cache: dout * cache[0],
                    "The row's weighted mean is not subtracted: a score also lowers the other "
                    "probabilities."),
            Mistake(lambda dout, cache: dout - row(np.sum, dout * cache[0]),
                    "The factor p in front of the bracket is missing."),
            Mistake(lambda dout, cache: cache[0] * (dout - row(np.sum, dout)),
                    "The mean is weighted by p: add up dout * p, not dout."),
            Mistake(lambda dout, cache: cache[0] * (dout - row(np.mean, dout)),
                    "The mean is weighted by p, not the plain mean of dout."),
            Mistake(lambda dout, cache: cache[0] * (dout - row(np.mean, dout * cache[0])),
                    "The weights p add up to 1 already: np.sum, not np.mean, of dout * p."),
            Mistake(lambda dout, cache: dout * cache[0] * (1 - cache[0]),
                    "This is the Jacobian's diagonal alone: the other probabilities move too."),
            Mistake(lambda dout, cache: cache[0] * (dout - np.sum(dout * cache[0])),
                    "Every row has a mean of its own: sum over axis=-1, with keepdims=True."),
            Mistake(lambda dout, cache: my_softmax_backward(dout, (np.array(cache),)),
                    "cache is a tuple with one entry: unpack it, (probs,) = cache."),
            Mistake(lambda dout, cache: cache[0] * (dout - (dout * cache[0]).sum(axis=-1)),
                    "The row's sum needs keepdims=True, to stand beside its row (lesson 01)."),
        ),
        hints=("Unpack the probabilities: (probs,) = cache.",
               "First the mean of dout under p, one number a row: the sum of dout * probs over "
               "axis=-1, with keepdims=True.",
               "Then [softmax.dx] word for word: p times (dout minus that mean)."),
    ),
)

"""Lesson 07's exercises on the parts of a block: ReLU, feed-forward, dropout."""

from types import SimpleNamespace

import numpy as np

from minitransformer.functional import linear_backward, relu_backward, relu_forward
from minitransformer.functional.dropout import DropoutCache
from minitransformer.layers import feed_forward_forward, feed_forward_init
from minitransformer.teaching.exercise import Exercise, Mistake, call, pair_exercise


def my_relu_backward(dout, cache):
    """dout (...) -> dx (...): what was negative gets nothing."""
    (positive,) = cache
    return dout * positive


def my_feed_forward_backward(dout, cache):
    """dout (B, T, D) -> dparams, dx (B, T, D)."""
    dactive, dw_down, db_down = linear_backward(dout, cache.down)   # (B, T, F)
    dhidden = relu_backward(dactive, cache.activation)              # (B, T, F)
    dx, dw_up, db_up = linear_backward(dhidden, cache.up)           # (B, T, D)
    return {"up": {"w": dw_up, "b": db_up}, "down": {"w": dw_down, "b": db_down}}, dx


def my_dropout_forward(x, *, rate, rng=None, training=True):
    """x (...) -> out (...), DropoutCache(factor): kept values are divided by 1 - rate."""
    if not training or rate == 0:
        return x, DropoutCache(None)
    keep = rng.random(x.shape, dtype=np.float32) >= rate            # (...) bool
    factor = keep.astype(x.real.dtype) / (1 - rate)                 # (...)
    return x * factor, DropoutCache(factor)


def feed_forward_inputs(rng):
    for shape in ((2, 5, 3), (4, 3)):
        params = feed_forward_init(rng, d_model=3, d_ff=7, dtype=np.float64)
        params["up"]["b"], params["down"]["b"] = rng.normal(size=7), rng.normal(size=3)
        yield call(params, rng.normal(size=shape), activation="relu")


def feed_forward_mistake(*, activation=relu_backward, swap=False):
    """my_feed_forward_backward with another activation's backward, or up and down exchanged."""
    def backward(dout, cache):
        dactive, dw_down, db_down = linear_backward(dout, cache.down)
        dhidden = activation(dactive, cache.activation)
        dx, dw_up, db_up = linear_backward(dhidden, cache.up)
        up, down = {"w": dw_up, "b": db_up}, {"w": dw_down, "b": db_down}
        return {"up": down, "down": up} if swap else {"up": up, "down": down}, dx
    return backward


def with_results_exchanged(dout, cache):
    """my_feed_forward_backward that takes linear_backward's results for dw, dx, db."""
    dw_down, dactive, db_down = linear_backward(dout, cache.down)
    dhidden = relu_backward(dactive, cache.activation)
    dw_up, dx, db_up = linear_backward(dhidden, cache.up)
    return {"up": {"w": dw_up, "b": db_up}, "down": {"w": dw_down, "b": db_down}}, dx


def with_skip(dout, cache):
    """my_feed_forward_backward that adds the gradient of a skip path."""
    dparams, dx = my_feed_forward_backward(dout, cache)
    return dparams, dx + dout


def take_two_of_three(dout, cache):
    dactive, dw_down = linear_backward(dout, cache.down)


def dropout_inputs(rng):
    for kind in (np.float64, np.float32):
        x = rng.normal(size=(4, 5, 3)).astype(kind)
        yield call(x, rate=0.3, rng=np.random.default_rng(7))
    yield call(x, rate=0.3, training=False)
    yield call(x, rate=0.0, rng=np.random.default_rng(7))


def dropout_mistake(keep, factor):
    """my_dropout_forward with another mask or another factor."""
    def forward(x, *, rate, rng=None, training=True):
        if not training or rate == 0:
            return x, DropoutCache(None)
        kept = keep(rng.random(x.shape, dtype=np.float32), rate)
        by = factor(kept, x, rate)
        return x * by, DropoutCache(by)
    return forward


def keeps(draws, rate):
    return draws >= rate


def draws_of_float64(x, *, rate, rng=None, training=True):
    """my_dropout_forward that draws float64 numbers: others than the package's."""
    return my_dropout_forward(x, rate=rate, training=training, rng=SimpleNamespace(
        random=lambda shape, dtype: rng.random(shape)))


def smaller_in_evaluation(x, *, rate, rng=None, training=True):
    """my_dropout_forward that makes up for the missing entries a second time."""
    if not training:
        return x * (1 - rate), DropoutCache(None)
    return my_dropout_forward(x, rate=rate, rng=rng)


def in_evaluation_too(x, *, rate, rng=None, training=True):
    """my_dropout_forward that takes no notice of training."""
    return my_dropout_forward(x, rate=rate, rng=rng)


def out_in_cache(x, *, rate, rng=None, training=True):
    """my_dropout_forward with the mask, undivided, in the cache."""
    out, cache = my_dropout_forward(x, rate=rate, rng=rng, training=training)
    return out, cache if cache.factor is None else DropoutCache(cache.factor * (1 - rate))


ITEMS = (
    pair_exercise(
        "7.1", "the backward of ReLU", 4,
        forward=relu_forward,
        solution=my_relu_backward,
        builds="relu_backward",
        names="x",
        inputs=lambda rng: [call(rng.normal(size=(5, 3))), call(rng.normal(size=(2, 5, 3)))],
        mistakes=(
            Mistake(lambda dout, cache: dout,
                    "Where x was negative, the output was 0 whatever x was: nothing goes back."),
            Mistake(lambda dout, cache: np.maximum(dout, 0),
                    "This is ReLU of dout. What counts is the sign of x, on the way forward."),
            Mistake(lambda dout, cache: cache.positive.astype(float),
                    "This is the slope, 1 or 0. What goes back is dout times the slope."),
            Mistake(lambda dout, cache: dout * ~cache.positive,
                    "This lets through what was negative: it should be the other way round."),
            Mistake(lambda dout, cache: dout * (cache > 0),
                    "The cache is a tuple with a field: take cache.positive."),
        ),
        hints=("What is the slope of max(x, 0) where x is positive, and where it is negative?",
               "The cache holds `positive`, True where x > 0. True counts as 1, False as 0."),
    ),
    pair_exercise(
        "7.2", "the backward of feed-forward", 10,
        forward=feed_forward_forward,
        solution=my_feed_forward_backward,
        builds="feed_forward_backward",
        names="params x",
        inputs=feed_forward_inputs,
        mistakes=(
            Mistake(feed_forward_mistake(activation=lambda d, cache: d),
                    "The ReLU is missing: between the two layers the gradient passes it too."),
            Mistake(feed_forward_mistake(activation=lambda d, cache: np.maximum(d, 0)),
                    "The ReLU's backward looks at the sign of hidden, not of the gradient."),
            Mistake(feed_forward_mistake(activation=lambda d, cache: d * ~cache.positive),
                    "This lets through what was negative: it should be the other way round."),
            Mistake(feed_forward_mistake(swap=True), "`up` and `down` are exchanged."),
            Mistake(with_skip, "There is no skip path in this layer: dx is what came through up."),
            Mistake(take_two_of_three, "linear_backward returns three: dx, dw, db."),
            Mistake(with_results_exchanged, "linear_backward returns dx, dw, db, in this order."),
            Mistake(lambda dout, cache: linear_backward(dout, cache.up),
                    "Walk back from the end: the last step forward was `down`."),
        ),
        hints=("Three steps forward: up, activation, down. Their backwards in reversed order, each "
               "with the gradient that the one before it has handed on.",
               "dactive, dw_down, db_down = linear_backward(dout, cache.down); then "
               "relu_backward(dactive, cache.activation).",
               'Return {"up": {"w": ..., "b": ...}, "down": {"w": ..., "b": ...}}, dx.'),
    ),
    Exercise(
        "7.3", "the forward of dropout", 8,
        solution=my_dropout_forward,
        builds="dropout_forward",
        cases=dropout_inputs,
        results=("out", "cache"),
        mistakes=(
            Mistake(out_in_cache, "The backward needs the whole factor, the division included."),
            Mistake(dropout_mistake(keeps, lambda kept, x, rate: kept.astype(x.real.dtype)),
                    "What is kept is divided by 1 - rate, so that the mean stays what it was."),
            Mistake(dropout_mistake(keeps, lambda kept, x, rate: kept.astype(x.dtype) / rate),
                    "Divide by the part that is kept, 1 - rate, not by the part that is dropped."),
            Mistake(dropout_mistake(keeps, lambda kept, x, rate: kept * (1 - rate)),
                    "Divide by 1 - rate: the entries that stay have to stand for all."),
            Mistake(dropout_mistake(lambda draws, rate: draws < rate,
                                    lambda kept, x, rate: kept.astype(x.dtype) / (1 - rate)),
                    "This keeps a part `rate` of the entries and drops the others: keep those "
                    "whose number is at least rate."),
            Mistake(dropout_mistake(keeps, lambda kept, x, rate: kept / (1 - rate)),
                    "True / 0.7 is a float64: first turn the mask into x's own type."),
            Mistake(draws_of_float64, "rng.random needs dtype=np.float32: without it, it draws "
                                      "other numbers, and so another mask."),
            Mistake(smaller_in_evaluation, "With training=False x stays as it is: the division "
                                           "in training has made up for what is dropped."),
            Mistake(in_evaluation_too, "With training=False nothing is dropped or divided, and "
                                       "there is no rng to draw from."),
        ),
        hints=("First the two cases in which nothing happens; they return x, DropoutCache(None).",
               "keep = rng.random(x.shape, dtype=np.float32) >= rate",
               "factor = keep.astype(x.real.dtype) / (1 - rate); out is x * factor."),
    ),
)

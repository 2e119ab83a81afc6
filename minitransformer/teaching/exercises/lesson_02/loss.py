"""Exercises of lesson 02, second half: cross-entropy, and the model that it trains."""

import numpy as np

from minitransformer.functional import (
    cross_entropy_forward, log_softmax_forward, softmax_forward)
from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, call, pair_exercise


def pencil_dlogits():
    """p - q: the smoothed target is q = 0.7 [0, 1, 0] + 0.1, because 0.3 / 3 = 0.1."""
    p = np.array([np.e, 1, 1]) / (np.e + 2)                        # 0.576 0.212 0.212
    q = np.array([0.1, 0.8, 0.1])
    return p - q                                                   # 0.476 -0.588 0.112


def my_cross_entropy_forward(logits, *, targets, ignore_index=None, label_smoothing=0.0,
                             normalizer=None):
    """logits (..., V), targets (...) int -> loss (a number), cache."""
    log_probs, _ = log_softmax_forward(logits)                     # (..., V)
    counted = np.ones(targets.shape, bool) if ignore_index is None else targets != ignore_index
    targets = np.where(counted, targets, 0)                        # (...) each one a valid index
    if normalizer is None:
        normalizer = max(np.sum(counted), 1)
    picked = np.take_along_axis(log_probs, targets[..., None], axis=-1)[..., 0]       # (...)
    losses = -(1 - label_smoothing) * picked - label_smoothing * np.mean(log_probs, axis=-1)
    loss = np.sum(losses * counted) / normalizer
    return loss, (log_probs, targets, counted, label_smoothing, normalizer)


def my_cross_entropy_backward(dout, cache):
    """dout (a number) -> dlogits (..., V)."""
    log_probs, targets, counted, label_smoothing, normalizer = cache
    one_hot = np.arange(log_probs.shape[-1]) == targets[..., None]                    # (..., V)
    q = (1 - label_smoothing) * one_hot + label_smoothing / log_probs.shape[-1]       # (..., V)
    return dout * (np.exp(log_probs) - q) * counted[..., None] / normalizer           # (..., V)


def loss_inputs(rng):
    """Targets that all count; some that do not; smoothing; a part of a larger batch."""
    logits, targets = rng.normal(size=(2, 3, 5)), rng.integers(1, 5, size=(2, 3))
    with_0, with_minus_1 = targets.copy(), targets.copy()
    with_0[0, 2] = with_0[1, 1] = 0
    with_minus_1[0, 2] = with_minus_1[1, 1] = -1
    yield call(logits, targets=targets)
    yield call(logits, targets=with_0, ignore_index=0)
    yield call(logits, targets=with_minus_1, ignore_index=-1)
    yield call(logits, targets=with_minus_1, ignore_index=-1, label_smoothing=0.2)
    yield call(logits, targets=with_minus_1, ignore_index=-1, normalizer=11)


def far_and_empty_loss_inputs(rng):
    """As loss_inputs, then scores beyond exp's range, then no position that counts."""
    yield from loss_inputs(rng)
    logits = rng.normal(size=(4, 3))
    yield call(1e4 * logits, targets=np.array([2, 1, 0, 2]))
    yield call(logits, targets=np.full(4, 2), ignore_index=2)


def position_losses(log_probs, targets, smoothing, spread=np.mean):
    """(...) the loss of each position."""
    picked = np.take_along_axis(log_probs, targets[..., None], axis=-1)[..., 0]
    return -(1 - smoothing) * picked - smoothing * spread(log_probs, axis=-1)


def average(losses, counted, n):
    return np.sum(losses * counted) / n


def loss_mistake(reduce=average, losses=position_losses, logs=lambda logits, right: right):
    """my_cross_entropy_forward with one of its three steps replaced by a wrong one."""
    def forward(logits, *, targets, label_smoothing=0.0, **options):
        _, cache = my_cross_entropy_forward(logits, targets=targets,
                                            label_smoothing=label_smoothing, **options)
        log_probs, targets, counted, smoothing, n = cache
        with np.errstate(all="ignore"):
            loss = reduce(losses(logs(logits, log_probs), targets, smoothing), counted, n)
        return loss, cache
    return forward


def share(q):
    """What label smoothing gives to every word, label_smoothing / V: the least of a row."""
    return np.min(q, axis=-1, keepdims=True)


def gradient_mistake(*, rows=lambda p, q, y: p - q, scale=lambda dout, counted, n:
                     dout * counted / n):
    """my_cross_entropy_backward with its rows or its scale replaced by wrong ones."""
    def backward(dout, cache):
        log_probs, targets, counted, smoothing, n = cache
        y = np.arange(log_probs.shape[-1]) == targets[..., None]
        q = (1 - smoothing) * y + smoothing / y.shape[-1]
        return rows(np.exp(log_probs), q, y) * scale(dout, counted[..., None], n)
    return backward


ITEMS = (
    Exercise(
        "2.4", "the gradient of a smoothed loss, with a pencil", 6,
        solution=pencil_dlogits,
        tolerance=0.01,
        mistakes=(
            Mistake(lambda: np.array([0.576, -0.788, 0.212]),
                    "This is p - y, without smoothing: subtract q = [0.1, 0.8, 0.1] instead of y."),
            Mistake(lambda: np.array([0.476, -0.488, 0.112]),
                    "q must add up to 1: the right word gets its share of the 0.3 as well."),
            Mistake(lambda: np.array([0.426, -0.488, 0.062]),
                    "The 0.3 is spread over all three words, the right one included."),
            Mistake(lambda: np.array([-0.476, 0.588, -0.112]),
                    "The sign: it is p - q. The loss grows when a wrong word's score rises."),
            Mistake(lambda: np.array([0.276, -0.488, -0.088]),
                    "Each word gets 0.3 / 3 = 0.1, not 0.3."),
            Mistake(lambda: np.array([0.276, -0.788, -0.088]),             # q = [0.3, 1.0, 0.3]
                    "Each word gets 0.3 / 3 = 0.1, not 0.3."),
            Mistake(lambda: np.array([0.576, 0.212, 0.212]), "This is p: the gradient is p - q."),
            Mistake(lambda: np.array([0.1, 0.8, 0.1]), "This is q: the gradient is p - q."),
        ),
        hints=("First q: 0.7 for the right word, and 0.3 / 3 more for each of the three.",
               "The gradient is p - q, entry by entry; it must add up to 0."),
    ),
    Exercise(
        "2.5", "the forward of cross-entropy", 15,
        solution=my_cross_entropy_forward,
        builds="cross_entropy_forward",
        cases=far_and_empty_loss_inputs,
        results=("loss", "cache"),
        mistakes=(
            Mistake(loss_mistake(lambda x, counted, n: np.sum(x * counted)),
                    "The sum must be divided by N: here, and nowhere else, lives 1/N."),
            Mistake(loss_mistake(lambda x, counted, n: np.sum(x * counted) / x.size),
                    "N is the number of positions that count: divide by the sum of counted, or by "
                    "normalizer where it is given."),
            Mistake(loss_mistake(lambda x, counted, n: np.mean(x)),
                    "Positions whose target is ignore_index must add nothing to the sum."),
            Mistake(loss_mistake(lambda x, counted, n: np.sum(x) / n),
                    "Positions whose target is ignore_index must add nothing to the sum."),
            Mistake(loss_mistake(lambda x, counted, n: np.sum(x * counted) / len(x)),
                    "N counts positions along all axes of targets, not the rows of the first."),
            Mistake(loss_mistake(lambda x, counted, n: -average(x, counted, n)),
                    "The sign: log p is negative, the loss is -log p."),
            Mistake(loss_mistake(lambda x, counted, n: average(x, counted, n) / np.log(2)),
                    "The loss is in nats: take the natural logarithm."),
            Mistake(loss_mistake(losses=lambda logs, at, smoothing: position_losses(logs, at, 0)),
                    "label_smoothing is not used yet: mix in the mean of log_probs over the "
                    "words."),
            Mistake(loss_mistake(losses=lambda logs, at, smoothing: position_losses(logs, at, 0)
                                 - smoothing * np.mean(logs, axis=-1)),
                    "The right word keeps 1 - label_smoothing: this factor is missing."),
            Mistake(loss_mistake(losses=lambda *given: position_losses(*given, spread=np.sum)),
                    "Each word gets label_smoothing / V: the mean over the words, not their sum."),
            Mistake(loss_mistake(losses=lambda logs, at, smoothing: position_losses(
                        logs, at, smoothing * logs.shape[-1] / (logs.shape[-1] - 1))),
                    "label_smoothing is spread over all V words, the right one included."),
            Mistake(loss_mistake(lambda x, counted, n: average(x, counted, max(counted.sum(), 1))),
                    "normalizer is not used yet: where it is given, divide by it instead of N."),
            Mistake(loss_mistake(logs=lambda logits, right: np.log(softmax_forward(logits)[0])),
                    "A probability has rounded to 0, and its logarithm is -inf: take "
                    "log_softmax_forward of the logits."),
            Mistake(loss_mistake(logs=lambda logits, right: log_softmax_forward(logits)),
                    "log_softmax_forward returns a pair: log_probs, _ = log_softmax_forward(...)."),
            Mistake(loss_mistake(lambda x, counted, n: average(x, counted, n * counted.any())),
                    "Where no position counts at all, N would be 0: divide by max(N, 1)."),
        ),
        hints=("log_probs, _ = log_softmax_forward(logits); then counted: targets != ignore_index, "
               "or all True where ignore_index is None.",
               "np.take_along_axis(log_probs, targets[..., None], axis=-1)[..., 0] picks each "
               "row's target. Replace ignored targets by 0 first, with np.where.",
               "Each position: -(1 - label_smoothing) * picked - label_smoothing * the mean of its "
               "log_probs. Times counted, summed, divided by N."),
    ),
    pair_exercise(
        "2.6", "the backward of cross-entropy", 8,
        forward=cross_entropy_forward,
        solution=my_cross_entropy_backward,
        builds="cross_entropy_backward",
        names="logits",
        inputs=loss_inputs,
        mistakes=(
            Mistake(gradient_mistake(scale=lambda dout, counted, n: counted / n),
                    "The gradient that arrives, dout, must be a factor of the answer."),
            Mistake(gradient_mistake(scale=lambda dout, counted, n: dout * counted),
                    "The loss was divided by N, so its gradient is too: by cache's normalizer."),
            Mistake(gradient_mistake(scale=lambda dout, counted, n: dout / n),
                    "A position that does not count moves the loss by nothing: its row is 0."),
            Mistake(gradient_mistake(scale=lambda dout, counted, n: dout * counted[..., 0] / n),
                    "counted needs a last axis to stand beside its rows: counted[..., None]."),
            Mistake(gradient_mistake(scale=lambda dout, counted, n: dout * counted / counted.size),
                    "N is the cache's normalizer, not the number of all positions."),
            Mistake(gradient_mistake(scale=lambda dout, counted, n:
                                     dout * counted / max(counted.sum(), 1)),
                    "N is the cache's normalizer: the forward may have divided by another number "
                    "than the count."),
            Mistake(gradient_mistake(rows=lambda p, q, y: p - y),
                    "label_smoothing is not used yet: subtract the smoothed q, not y."),
            Mistake(gradient_mistake(rows=lambda p, q, y: p - q - (y.shape[-1] - 1) * share(q)),
                    "Each word gets label_smoothing / V, not all of label_smoothing."),
            Mistake(gradient_mistake(rows=lambda p, q, y: p - q + share(q)),
                    "q must add up to 1: every word gets label_smoothing / V."),
            Mistake(gradient_mistake(rows=lambda p, q, y: p - q - y.shape[-1] * share(q) * y),
                    "The right word keeps 1 - label_smoothing: this factor is missing."),
            Mistake(gradient_mistake(rows=lambda p, q, y: -q),
                    "The p of p - q is missing: every word's score takes part in the sum."),
            Mistake(gradient_mistake(rows=lambda p, q, y: np.log(p) - q),
                    "The cache holds log p: take np.exp of it to have p."),
            Mistake(gradient_mistake(rows=lambda p, q, y: p - 1),
                    "The 1 is subtracted at the target alone, not from every word."),
        ),
        hints=("log_probs, targets, counted, label_smoothing, normalizer = cache; p is "
               "np.exp(log_probs).",
               "y, one-hot: np.arange(V) == targets[..., None] compares every word's number with "
               "the target: (..., V), True at the target.",
               "dout * (p - q) * counted[..., None] / normalizer, with "
               "q = (1 - label_smoothing) * y + label_smoothing / V."),
    ),
    Prediction(
        "2.7", "Without any memory: 4.7 bits per character. With the character before known: how "
        "many?",
        answer=3.5,
        because="One character of memory saves more than a bit: it more than halves the number of "
                "characters among which the model still hesitates.",
    ),
    Prediction(
        "2.8", "After 50 steps with the faulty gradient, where is the loss?",
        answer="ahead of the right one",
        choices=("no lower", "lower, but behind the right one", "ahead of the right one"),
        because="A wrong gradient can lower the loss, for a while even faster than the right one.",
    ),
)

"""Lesson 24's exercises on numbers: the loss of an epoch, and whether one way beats another."""

import numpy as np

from minitransformer.teaching.exercise import Exercise, Mistake, call


def my_epoch_loss(losses, counts):
    """losses (N,): the mean of each batch; counts (N,): its tokens that count -> their mean."""
    return np.sum(losses * counts) / np.sum(counts)


def my_judge(a, b):
    """a, b: one result for each run -> (difference of the means, its standard error, verdict).

    verdict: 1 where a is larger by more than two standard errors, -1 where b is, else 0.
    """
    difference = np.mean(a) - np.mean(b)
    error = np.sqrt(np.var(a, ddof=1) / len(a) + np.var(b, ddof=1) / len(b))
    return difference, error, int(np.sign(difference)) * int(abs(difference) > 2 * error)


def batches(rng):
    for n in (3, 5):
        yield call(rng.uniform(0.5, 3, size=n), rng.integers(1, 60, size=n))


def runs(rng):
    """First a clear lead, then one within the spread, then a clear one of the other side."""
    for lead, sizes in ((3.0, (5, 4)), (0.02, (3, 6)), (-2.5, (4, 7))):
        a, b = (rng.normal(size=n) for n in sizes)
        b = (b - b.mean()) / b.std() * 0.5
        yield call((a - a.mean()) / a.std() * 0.4 + lead, b)


def judged(*, error, factor=2):
    """my_judge with another standard error, or another number of them."""
    def judge(a, b):
        difference, e = np.mean(a) - np.mean(b), error(np.asarray(a), np.asarray(b))
        return difference, e, int(np.sign(difference)) * int(abs(difference) > factor * e)
    return judge


def without_a_sign(a, b):
    difference, error, verdict = my_judge(a, b)
    return abs(difference), error, abs(verdict)


ITEMS = (
    Exercise(
        "24.6", "the loss of an epoch", 5,
        solution=my_epoch_loss,
        cases=batches,
        results=("The mean",),
        mistakes=(
            Mistake(lambda losses, counts: np.mean(losses),
                    "That is the program's own: a batch of one token counts as much as a batch of "
                    "sixty."),
            Mistake(lambda losses, counts: np.sum(losses * counts) / len(losses),
                    "The sum runs over tokens, so divide by the number of tokens, not of batches."),
            Mistake(lambda losses, counts: np.sum(losses) / np.sum(counts),
                    "A batch's loss is a mean already: times its count it is the sum again."),
        ),
        hints=("The sum of a batch's losses is its mean times its count.",
               "Add the sums, and divide by all tokens: sum(losses * counts) / sum(counts)."),
    ),
    Exercise(
        "24.7", "is one better than the other?", 9,
        solution=my_judge,
        cases=runs,
        results=("The difference", "Its standard error", "The verdict"),
        mistakes=(
            Mistake(judged(error=lambda a, b: np.sqrt(np.var(a) / len(a) + np.var(b) / len(b))),
                    "With a handful of runs, divide the squares by one less than their number: "
                    "np.var(a, ddof=1)."),
            Mistake(judged(error=lambda a, b: np.sqrt(np.var(a, ddof=1) + np.var(b, ddof=1))),
                    "That is the spread of single runs. A mean of n runs spreads less: its "
                    "variance is that of a run divided by n."),
            Mistake(judged(error=lambda a, b: np.std(a, ddof=1) / np.sqrt(len(a))
                           + np.std(b, ddof=1) / np.sqrt(len(b))),
                    "Variances of independent things add up, standard errors do not."),
            Mistake(without_a_sign,
                    "The difference has a sign: a minus b. And the verdict says who leads."),
            Mistake(lambda a, b: (*my_judge(a, b)[:2], int(np.sign(np.mean(a) - np.mean(b)))),
                    "A lead within two standard errors decides nothing: the verdict is 0."),
        ),
        hints=("np.var(a, ddof=1) is the variance of the runs; the mean of len(a) of them has that "
               "divided by len(a).",
               "The variance of a difference of two independent means is the sum of theirs.",
               "np.sign(difference) where abs(difference) > 2 * error, else 0."),
    ),
)

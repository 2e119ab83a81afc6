"""Lesson 20's exercises on induction: the second head's weights, the score, and predictions."""

import numpy as np

from minitransformer.functional import softmax_forward
from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, call


def my_induction_weights(now, before, strength):
    """now, before (T, V): what stands at t, and before it -> weights (T, T) of the second head."""
    scores = strength * now @ before.T                         # (T, T): query t, key s
    scores = np.where(np.tri(len(now), dtype=bool), scores, -np.inf)
    return softmax_forward(scores)[0]


def my_induction_scores(weights, period):
    """weights (B, H, T, T) -> (H,): the mean weight of query t >= period on key t - period + 1."""
    queries = np.arange(period, weights.shape[2])
    return weights[:, :, queries, queries - period + 1].mean(axis=(0, 2))


def texts(rng):
    for T, V, strength in ((6, 4, 3.0), (5, 3, 5.0)):
        tokens = rng.integers(0, V, size=T)
        now = np.eye(V)[tokens]
        yield call(now, np.concatenate([np.zeros((1, V)), now[:-1]]), strength)


def weights_mistake(scores=lambda now, before, strength: strength * now @ before.T, *,
                    allowed=lambda T: np.tri(T, dtype=bool), axis=-1):
    """my_induction_weights with one of its steps wrong."""
    def weights(now, before, strength):
        found = np.where(allowed(len(now)), scores(now, before, strength), -np.inf)
        if axis == 0:
            return softmax_forward(found.T)[0].T
        return softmax_forward(found)[0]
    return weights


def maps(rng):
    for B, H, T, period in ((2, 3, 9, 4), (1, 2, 8, 3)):
        weights = rng.random((B, H, T, T)) * np.tri(T)
        yield call(weights / weights.sum(axis=-1, keepdims=True), period)


def score_mistake(*, shift=1, first=lambda period: period, axes=(0, 2), swap=False, add=np.mean):
    """my_induction_scores with one of its steps wrong."""
    def scores(weights, period):
        queries = np.arange(first(period), weights.shape[2])
        keys = queries - period + shift
        rows, columns = (keys, queries) if swap else (queries, keys)
        return add(weights[:, :, rows, columns], axis=axes)
    return scores


ITEMS = (
    Exercise(
        "20.4", "the second head", 6,
        solution=my_induction_weights,
        cases=texts,
        results=("weights",),
        mistakes=(
            Mistake(weights_mistake(lambda now, before, strength: strength * now @ now.T),
                    "This head looks for the same token. An induction head looks for the place "
                    "*behind* it: compare with what stood before the key."),
            Mistake(weights_mistake(lambda now, before, strength: strength * before @ now.T),
                    "Turned round: the query says what stands here (now), the key what stood "
                    "before it (before)."),
            Mistake(weights_mistake(lambda now, before, strength: strength * before @ before.T),
                    "The query is what stands at t itself: now."),
            Mistake(weights_mistake(lambda now, before, strength: now @ before.T),
                    "The scores are multiplied by the strength."),
            Mistake(weights_mistake(allowed=lambda T: np.ones((T, T), bool)),
                    "A query must not see later keys: -inf for s > t, before the softmax."),
            Mistake(weights_mistake(allowed=lambda T: np.tri(T, k=-1, dtype=bool) | (
                        np.eye(T, dtype=bool) & (np.arange(T) == 0))),
                    "A query may attend to itself as well: s = t is allowed."),
            Mistake(weights_mistake(axis=0),
                    "Each query's weights sum to 1: the softmax runs over the keys, the last "
                    "axis."),
        ),
        hints=("scores[t, s] is strength if now[t] and before[s] are the same token, else 0: all "
               "at once, now @ before.T.",
               "np.tri(T, dtype=bool) is True where s <= t; np.where puts -np.inf elsewhere.",
               "softmax_forward(scores) returns (weights, cache)."),
    ),
    Exercise(
        "20.5", "the induction score", 5,
        solution=my_induction_scores,
        cases=maps,
        results=("The scores",),
        mistakes=(
            Mistake(score_mistake(shift=0),
                    "Key t - period holds the same token as t. The head should look at the one "
                    "behind it."),
            Mistake(score_mistake(shift=-1),
                    "That is the token before the last appearance: the one behind it is "
                    "t - period + 1."),
            Mistake(score_mistake(first=lambda period: period - 1),
                    "Query period - 1 is the last of the first half: nothing has been repeated "
                    "yet."),
            Mistake(score_mistake(first=lambda period: period + 1),
                    "Query t = period is the first repeated token; it counts as well."),
            Mistake(score_mistake(axes=(0, 1, 2)), "Each head has a score of its own: (H,)."),
            Mistake(score_mistake(axes=2), "The mean is over the texts as well: (H,)."),
            Mistake(score_mistake(swap=True),
                    "The query is the last axis but one, the key the last."),
            Mistake(score_mistake(add=np.sum), "It is a mean, not a sum."),
        ),
        hints=("queries = np.arange(period, T), and the keys are queries - period + 1.",
               "weights[:, :, queries, keys] picks one weight for each query: (B, H, n).",
               "The mean is over axes 0 and 2."),
    ),
    Prediction(
        "20.6", "A model with two blocks learns texts that repeat, for 600 steps. How does the "
        "loss of the repeated half fall?",
        answer="hardly at all, then suddenly",
        choices=("evenly", "fast at first, then slower and slower",
                 "hardly at all, then suddenly"),
        because="Neither of the two heads is of use without the other, so for a long time there is "
                "little to be gained by either. As soon as one is half there, the other pays, and "
                "that makes the first pay more.",
    ),
    Prediction(
        "20.7", "The previous-token head is taken away from block 0, and block 1 stays as it is. "
        "How much of the induction heads' pattern in block 1 is left?",
        answer="next to nothing",
        choices=("all of it", "about half", "next to nothing"),
        because="Block 1 still asks who stood behind this token, but nobody has written down at "
                "any place what stood before it.",
    ),
    Prediction(
        "20.8", "The token at place 11 has been exchanged, and place 35 can no longer find what "
        "stood behind it. Between the two blocks, one vector is put back as it was. At which "
        "place does it restore most?",
        answer="12",
        choices=("11", "12", "35"),
        because="Block 0 has told place 12 what stands before it. Place 11 has done its work, and "
                "place 35 has not asked yet.",
    ),
    Prediction(
        "20.9", "A model with one block learns the same texts, for as many steps. What becomes of "
        "the loss of its repeated half, which with two blocks ends below 0.3?",
        answer="it stays above 2",
        choices=("the same, only later", "about twice as high", "it stays above 2"),
        because="Its keys are made of single tokens, so no head can look for the place behind a "
                "certain one. It learns which tokens occur in the text, and no more.",
    ),
    Prediction(
        "20.10", "Of the translator's eight cross-attention heads, the one that looks most at the "
        "units' word while the units are written is made to say its mean. Of 383 translations, "
        "nearly all right before, how many are wrong now?",
        answer="hardly any",
        choices=("hardly any", "about half", "nearly all"),
        because="The other seven look there as well, and bring enough. A head that carries a "
                "part of something is not yet one on which it depends.",
    ),
)

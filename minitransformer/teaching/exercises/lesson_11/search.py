"""Lesson 11's exercise on beam search, and what the beam finds."""

import numpy as np

from minitransformer.functional import log_softmax_forward
from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, call


def my_beam_step(totals, log_probs, beam_size):
    """totals (n,), log_probs (n, V) -> rows, tokens and totals of the best, (beam_size,) each."""
    V = log_probs.shape[1]
    grown = totals[:, None] + log_probs                            # (n, V)
    best = np.argsort(-grown, axis=None)[:beam_size]               # places in the flat array
    rows, tokens = best // V, best % V                             # (beam_size,) each
    return rows, tokens, grown[rows, tokens]


def beams(rng):
    """Beams of other sizes than the vocabulary; at first one beginning, of log-probability 0."""
    for n, V, beam_size in ((4, 5, 7), (3, 8, 2), (1, 6, 3)):
        log_probs, _ = log_softmax_forward(rng.normal(size=(n, V)))
        totals = -2 * rng.random(n) if n > 1 else np.zeros(1)
        yield call(totals, log_probs, beam_size)


def beam_mistake(*, grow=lambda totals, log_probs: totals[:, None] + log_probs,
                 choose=lambda grown, size: np.argsort(-grown, axis=None)[:size],
                 place=lambda best, shape: (best // shape[1], best % shape[1]),
                 total=lambda grown, log_probs, at: grown[at]):
    """my_beam_step with one of its steps replaced by a wrong one."""
    def beam_step(totals, log_probs, beam_size):
        grown = grow(totals, log_probs)
        rows, tokens = place(choose(grown, beam_size), grown.shape)
        return rows, tokens, total(grown, log_probs, (rows, tokens))
    return beam_step


def best_of_each(totals, log_probs, beam_size):
    rows = np.arange(len(totals))
    tokens = np.argmax(log_probs, axis=1)
    grown = totals + log_probs[rows, tokens]
    order = np.argsort(-grown)[:beam_size]
    return rows[order], tokens[order], grown[order]


ITEMS = (
    Exercise(
        "11.1", "a step of beam search", 10,
        solution=my_beam_step,
        cases=beams,
        results=("rows", "tokens", "totals"),
        mistakes=(
            Mistake(best_of_each,
                    "This takes the best extension of each beginning. All extensions of all "
                    "beginnings compete: two of the best may grow from one beginning."),
            Mistake(beam_mistake(grow=lambda totals, log_probs: log_probs + 0.0),
                    "The beginnings' own log-probabilities are missing: add totals, a number for "
                    "each row."),
            Mistake(beam_mistake(grow=lambda totals, log_probs: totals[:, None] * log_probs),
                    "Probabilities are multiplied, so their logarithms are added."),
            Mistake(beam_mistake(choose=lambda grown, size: np.argsort(grown, axis=None)[:size]),
                    "These are the least likely: argsort begins with the smallest, so sort the "
                    "negative."),
            Mistake(beam_mistake(choose=lambda grown, size: np.argsort(grown, axis=None)[-size:]),
                    "These are the right ones, but the worst of them first: return the best "
                    "first."),
            Mistake(beam_mistake(place=lambda best, shape: (best % shape[1], best // shape[1]),
                                 total=lambda grown, log_probs, at: grown[at[::-1]]),
                    "Rows and tokens are exchanged: of the long row, V places in a row belong to "
                    "one beginning."),
            Mistake(beam_mistake(place=lambda best, shape: (best // shape[0], best % shape[0]),
                                 total=lambda grown, log_probs, at: np.sort(-grown, axis=None)
                                 [:len(at[0])] * -1),
                    "A row of the array has V numbers: divide by V, the number of columns."),
            Mistake(beam_mistake(total=lambda grown, log_probs, at: log_probs[at]),
                    "Return the new totals, beginning and token together: the next step goes on "
                    "from them."),
        ),
        hints=("totals[:, None] + log_probs is the log-probability of every extension, (n, V).",
               "np.argsort(-grown, axis=None)[:beam_size] are the places of the largest in the "
               "long row, best first.",
               "Place i of the long row is row i // V and column i % V of the array."),
    ),
    Prediction(
        "11.2", "A half-trained translator gets many numbers wrong. For what part of these does it "
        "hold the right translation to be likelier than the one that it wrote?",
        answer="about a quarter",
        choices=("nearly all", "about half", "about a quarter", "nearly none"),
        because="Those are the search's fault, and a beam can mend them. In the others the model "
                "prefers what is wrong, and no search can help. In five runs it was 21 to 26 in "
                "100.",
    ),
)

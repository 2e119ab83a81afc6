"""Decoding: from a model's next-token logits to whole sequences. Nothing here knows a model.

A model comes in as a function step(ids, rows) -> logits:
    ids   (N,) int     the newest token of each of N rows; START at the first call
    rows  (N,) int     which row of the call before each row goes on from; 0 .. N - 1 at first
    logits (N, V)      for the token that follows
Between two calls rows may be left out (a sequence has ended) or repeated (two hypotheses grow from
one), so a step that keeps keys and values reorders them by rows first.
"""

import math
from typing import NamedTuple

import numpy as np

from minitransformer.data.tokenizers import END, PAD, START
from minitransformer.functional import log_softmax_forward


def greedy(step, *, batch_size, max_new_tokens):
    """Always the likeliest next token; of equal ones, that with the smallest id.

    Returns batch_size lists of ids, without START and END. A sequence stops at END, or cut off
    after max_new_tokens, END counted; its row is then left out of the steps. PAD and START are
    never chosen. Raises ValueError for a size below one, and when logits are NaN.
    """
    _expect_at_least_one(batch_size=batch_size, max_new_tokens=max_new_tokens)
    sequences = [[] for _ in range(batch_size)]
    growing = rows = np.arange(batch_size)      # (N,) growing[n]: the sequence that row n extends
    ids = np.full(batch_size, START)            # (N,)
    for _ in range(max_new_tokens):
        ids = np.argmax(_allowed(step(ids, rows)), axis=-1)  # (N,)
        rows = np.flatnonzero(ids != END)
        ids, growing = ids[rows], growing[rows]
        if not len(rows):
            break
        for sequence, token in zip(growing, ids):
            sequences[sequence].append(int(token))
    return sequences


class Hypothesis(NamedTuple):
    """The beginning of a sequence, END included once it is there, and its log-probability.

    log_prob is the sum of its tokens' own [beam.log_prob].
    """

    log_prob: float
    ids: list

    def score(self, length_penalty, length=None):
        """log p / ((5 + length) / 6)^length_penalty; without a length, its own is taken.

        Every token makes log p smaller, so without the divisor the shortest would win [beam.score].
        Source: Wu et al. 2016 (GNMT), eq. 14, without its coverage term.
        """
        length = len(self.ids) if length is None else length
        return self.log_prob / ((5 + length) / 6) ** length_penalty


def beam_search(step, *, batch_size, max_new_tokens, beam_size, length_penalty=0.6):
    """Keep the beam_size likeliest beginnings of each sequence; return the best that ended.

    Of all one-token extensions of a sequence's hypotheses, the beam_size likeliest stay; those that
    end with END step aside. A sequence is done when none is left that could still score better than
    the best that ended (a log-probability only falls, and the penalty's divisor is largest at
    max_new_tokens, so this loses nothing). Only where none ended, the best that was cut off is
    returned. beam_size=1 is `greedy`; equal ones are taken in the order of their ids.

    Returns and raises as `greedy` does; ValueError also for a negative length_penalty.
    """
    _expect_at_least_one(batch_size=batch_size, max_new_tokens=max_new_tokens, beam_size=beam_size)
    if not length_penalty >= 0:
        raise ValueError(f"length_penalty is {length_penalty}, expected 0 (none) or more")
    beams = [[Hypothesis(0.0, [])] for _ in range(batch_size)]  # those that grow, per sequence
    best = [None] * batch_size                                  # the best that ended
    ids, rows = np.full(batch_size, START), np.arange(batch_size)
    for _ in range(max_new_tokens):
        # In float64, so that adding a long sequence's total does not round differences away.
        log_probs = log_softmax_forward(_allowed(step(ids, rows)).astype(np.float64))[0]  # (N, V)
        next_ids, next_rows = [], []
        for sequence, grown in enumerate(_grow(beams, log_probs, beam_size)):
            for _, hypothesis in grown:
                if hypothesis.ids[-1] == END:
                    best[sequence] = _better(best[sequence], hypothesis, length_penalty)
            grown = [(row, hypothesis) for row, hypothesis in grown if hypothesis.ids[-1] != END
                     and _may_win(hypothesis, best[sequence], length_penalty, max_new_tokens)]
            beams[sequence] = [hypothesis for _, hypothesis in grown]
            next_rows += [row for row, _ in grown]
            next_ids += [hypothesis.ids[-1] for _, hypothesis in grown]
        if not next_ids:
            break
        ids, rows = np.array(next_ids), np.array(next_rows)
    found = [ended or beam[0] for ended, beam in zip(best, beams)]  # beams are sorted: see _grow
    return [[token for token in hypothesis.ids if token != END] for hypothesis in found]


def _grow(beams, log_probs, beam_size):
    """The likeliest extensions of each beam's hypotheses by one token, best first.

    log_probs (N, V), a row for each hypothesis of all beams in turn -> for each beam at most
    beam_size of (row, Hypothesis).
    """
    V, sizes = log_probs.shape[1], [len(beam) for beam in beams]
    rows = np.cumsum([0, *sizes])               # rows[b]: the first row of beam b
    every = [hypothesis for beam in beams for hypothesis in beam]
    totals = log_probs + np.array([[hypothesis.log_prob] for hypothesis in every])      # (N, V)
    # All beams at once, side by side; where one is smaller than the largest, nothing can come.
    is_row = np.arange(max(sizes)) < np.array(sizes)[:, None]                           # (B, n)
    grown = np.full((*is_row.shape, V), -math.inf)                                      # (B, n, V)
    grown[is_row] = totals
    grown = grown.reshape(len(beams), -1)                                               # (B, n V)
    return [[(first + place // V, Hypothesis(total, [*every[first + place // V].ids, place % V]))
             for place, total in best]
            for first, best in zip(rows.tolist(), _largest(grown, beam_size))]


def _largest(x, k):
    """The k largest of each row, largest first and of equal ones the first; -inf is none of them.

    x (B, M) -> B lists of (place, value). A partition finds the k-th largest of a row, and only
    what is not below it is sorted: with 4 of 32,000, a tenth of the time of sorting all.
    """
    k = min(k, x.shape[1])
    least = np.partition(x, -k, axis=-1)[:, -k, None]                                   # (B, 1)
    rows, places = np.nonzero((x >= least) & (x > -math.inf))       # (N,) each; equal ones: N > B k
    values = x[rows, places]                                        # (N,)
    order = np.lexsort((-values, rows))  # by rows, then falling; equal ones stay in their order
    found = list(zip(places[order].tolist(), values[order].tolist()))
    bounds = np.searchsorted(rows, np.arange(len(x) + 1)).tolist()  # (B + 1,)
    return [found[start:min(start + k, end)] for start, end in zip(bounds, bounds[1:])]


def _better(best, hypothesis, length_penalty):
    """Whichever of two that ended scores higher; best (or None) when they are equal."""
    if best is None or hypothesis.score(length_penalty) > best.score(length_penalty):
        return hypothesis
    return best


def _may_win(hypothesis, best, length_penalty, max_length):
    """Could the hypothesis still end with a higher score than best, which may be None?"""
    return best is None or (hypothesis.score(length_penalty, max_length)
                            > best.score(length_penalty))


def _allowed(logits):
    """logits (N, V) -> a copy in which PAD and START are impossible."""
    if np.isnan(logits).any():
        raise ValueError("the model's logits are NaN: its parameters are damaged; load an earlier "
                         "checkpoint")
    logits = logits.copy()
    logits[:, [PAD, START]] = -math.inf
    return logits


def _expect_at_least_one(**sizes):
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name} is {size}, expected at least 1")

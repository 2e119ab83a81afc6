"""Exhibit of lesson 17: rows in the file's order, turned in the pairs of another."""

import math
from typing import NamedTuple

import numpy as np

from minitransformer.teaching.exercise import call
from minitransformer.teaching.museum import Exhibit
from minitransformer.variants import rotary_backward, rotary_forward


class TurnedScoresCache(NamedTuple):
    q: np.ndarray  # (B, H, T, K) turned
    k: np.ndarray  # (B, H, T, K) turned
    turn: NamedTuple


def turned_scores_forward(q, k, *, positions, interleaved=False, original=None):
    """The scores of turned queries and keys: q, k (B, H, T, K) -> (B, H, T, T), cache."""
    q, turn = rotary_forward(q, positions=positions, interleaved=interleaved)  # (B, H, T, K)
    k, _ = rotary_forward(k, positions=positions, interleaved=interleaved)     # (B, H, T, K)
    scores = q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1])                   # (B, H, T, T)
    return scores, TurnedScoresCache(q, k, turn)


def turned_scores_backward(dout, cache):
    """dout (B, H, T, T) -> dq, dk (B, H, T, K)."""
    dscores = dout / math.sqrt(cache.q.shape[-1])                              # (B, H, T, T)
    dq, dk = dscores @ cache.k, dscores.swapaxes(-1, -2) @ cache.q             # (B, H, T, K)
    return rotary_backward(dq, cache.turn), rotary_backward(dk, cache.turn)


def side_by_side(x):
    """A head's entries as the file orders them: i and i + K / 2 next to each other."""
    return np.stack(np.split(x, 2, axis=-1), axis=-1).reshape(x.shape)


def from_the_file(q, k, *, positions, original=None):
    # In the file partners are neighbours, interleaved=True; here they are sought half a head apart.
    return turned_scores_forward(q, k, positions=positions, interleaved=False)


def inputs(rng):
    """q and k as the file's rows make them; the original has its own order and its own pairs."""
    q, k = rng.normal(size=(2, 2, 3, 5, 6))                                    # (B, H, T, K) each
    original, _ = turned_scores_forward(q, k, positions=np.arange(5))
    return call(side_by_side(q), side_by_side(k), positions=np.arange(5), original=original)


EXHIBITS = (
    Exhibit(
        "foreign_pairs", "17", "rows in the file's order, turned in the pairs of another",
        forward=from_the_file,
        backward=turned_scores_backward,
        fault=from_the_file,
        inputs=inputs,
        breaks="every query and key is turned with the wrong partner. All shapes fit, and all "
               "numbers are of the right size: the model still writes, and has lost most of what "
               "it knows.",
        caught_by=("the original's numbers",),
        missed_by=("the gradient check", "a check with dout = ones", "a look at the shapes",
                   "shifted places", "a falling loss"),
    ),
)

"""Exhibits of lesson 12: a tied table with half of its gradient, bits of tokens."""

import math

import numpy as np

from minitransformer.functional import (
    cross_entropy_backward, cross_entropy_forward, embedding_backward)
from minitransformer.teaching.exercise import call
from minitransformer.teaching.exercises.lesson_12.model import tied_forward
from minitransformer.teaching.museum import Exhibit


def tied_backward_of_the_lookup(dlogits, cache):
    dx = dlogits @ cache.table                                     # (B, T, D)
    return embedding_backward(dx, cache.lookup)                    # (V, D): and the output's part?


def bits_of_tokens_forward(logits, *, targets, n_characters):
    loss, cache = cross_entropy_forward(logits, targets=targets)   # the mean over T tokens
    return loss / math.log(2), cache                               # "bits per character"


def bits_of_tokens_backward(dbits, cache):
    """dbits () -> dlogits (T, V): right, for a forward that is not."""
    return cross_entropy_backward(dbits / math.log(2), cache)


def bits_of_characters_forward(logits, *, targets, n_characters):
    """bits per character of a text of n_characters: logits (T, V), targets (T,) -> scalar, cache.
    """
    loss, cache = cross_entropy_forward(logits, targets=targets, normalizer=n_characters)
    return loss / math.log(2), cache


EXHIBITS = (
    Exhibit(
        "half_of_a_tied_table", "12", "a tied table that learns from one of its two uses",
        forward=tied_forward,
        backward=tied_backward_of_the_lookup,
        fault=tied_backward_of_the_lookup,
        inputs=lambda rng: call(rng.normal(size=(7, 3)), ids=rng.integers(7, size=(2, 5))),
        breaks="rows learn as what is read, and not as what is to be written. A token that has not "
               "been read yet does not learn at all.",
        caught_by=("the gradient check", "a check with dout = ones"),
        missed_by=("a look at the shapes", "a falling loss"),
    ),
    Exhibit(
        "bits_of_tokens", "12", "a loss per token, reported as bits per character",
        forward=bits_of_tokens_forward,
        backward=bits_of_tokens_backward,
        fault=bits_of_tokens_forward,
        inputs=lambda rng: call(rng.normal(size=(5, 7)), targets=np.array([3, 1, 6, 0, 3]),
                                n_characters=13),
        breaks="the number that is reported, and every comparison with a model that cuts texts "
               "otherwise. The gradients are right, and the model learns as it should.",
        caught_by=("two tokens joined to one",),
        missed_by=("the gradient check", "a check with dout = ones", "a look at the shapes",
                   "a falling loss"),
    ),
)

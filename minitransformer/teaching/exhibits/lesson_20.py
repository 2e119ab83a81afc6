"""Exhibits of lesson 20: a head silenced before the softmax, and a patch that stays."""

import numpy as np

from minitransformer.layers import multi_head_attention_forward
from minitransformer.teaching.exercise import call
from minitransformer.teaching.exhibits.lesson_22 import attention, backward_for_x
from minitransformer.teaching.museum import Exhibit
from minitransformer.tree import tree_map


def silence_the_scores(params, head, n_heads):
    """Zeros in the head's queries: all its scores are 0, so it attends to nothing."""
    K = params["q"]["w"].shape[1] // n_heads
    mine = slice(head * K, (head + 1) * K)
    silent = tree_map(np.copy, params)
    silent["q"]["w"][:, mine] = 0
    silent["q"]["b"][mine] = 0
    return silent


def forward_with_silent_scores(x, *, params, n_heads, head):
    return multi_head_attention_forward(silence_the_scores(params, head, n_heads), x,
                                        n_heads=n_heads)


def patched_in_turn(bad, good):
    """(T, T, D): bad (T, D) with one vector of good's, each of the T in turn."""
    runs = []
    for t in range(len(bad)):
        patched = bad[:]                            # a copy, as it would be of a list?
        patched[t] = good[t]
        runs.append(patched.copy())
    return np.stack(runs)


def patched_in_turn_forward(bad, good):
    """patched_in_turn as half of a pair."""
    return patched_in_turn(bad, good), len(bad)


def patched_in_turn_backward(dout, T):
    """dout (T, T, D) -> dbad, dgood (T, D): the gradients of what was meant."""
    one = np.eye(T)[:, :, None]                     # (T, T, 1): 1 where a run is patched
    return np.sum(dout * (1 - one), axis=0), np.sum(dout * one, axis=0)


EXHIBITS = (
    Exhibit(
        "even_head", "20", "a head silenced before the softmax",
        forward=forward_with_silent_scores, backward=backward_for_x, fault=silence_the_scores,
        inputs=attention, training_inputs=lambda rng: attention(rng, 0.5),
        breaks="scores of 0 are equal scores, and the softmax of equal scores is an even one: the "
               "head says the mean of all values, another one for each text. What is measured is "
               "the harm of a head that looks everywhere, and not of one that is gone.",
        caught_by=("other numbers in the cut head",),
        missed_by=("the gradient check", "a check with dout = ones", "a look at the shapes",
                   "a falling loss"),
    ),
    Exhibit(
        "patch_that_stays", "20", "a patch that stays",
        forward=patched_in_turn_forward, backward=patched_in_turn_backward,
        fault=patched_in_turn,
        inputs=lambda rng: call(*rng.normal(size=(2, 4, 3))),
        breaks="of a list, [:] is a copy, of an array a view. The corrupted run itself is "
               "patched, and every later run still has all the patches of the earlier ones: the "
               "map fills up from left to right, whatever the model does.",
        caught_by=("the corrupted run, run again after the map",),
        missed_by=("a look at the shapes", "a falling loss"),
    ),
)

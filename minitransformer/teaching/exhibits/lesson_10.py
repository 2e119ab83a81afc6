"""Exhibit of lesson 10: a loss whose mean runs over padding too."""

import numpy as np

from minitransformer.data.tokenizers import PAD
from minitransformer.functional import cross_entropy_backward, cross_entropy_forward
from minitransformer.teaching.exercise import call
from minitransformer.teaching.museum import Exhibit


def loss_forward_over_padding(logits, *, targets):
    losses_and_zeros = targets.size                                # B T: padding is counted too
    return cross_entropy_forward(logits, targets=targets, ignore_index=PAD,
                                 normalizer=losses_and_zeros)


def padded_inputs(rng):
    targets = np.array([[4, 2, 3, 1], [5, 3, PAD, PAD], [2, PAD, PAD, PAD]])
    return call(rng.normal(size=(3, 4, 6)), targets=targets)


EXHIBITS = (
    Exhibit(
        "padding_in_the_mean", "10", "a loss averaged over padding",
        forward=loss_forward_over_padding,
        backward=cross_entropy_backward,
        fault=loss_forward_over_padding,
        inputs=padded_inputs,
        breaks="the same sentences have another loss, and another gradient, when a longer one "
               "stands beside them. The backward is right, for a forward that is not.",
        caught_by=("more padding",),
        missed_by=("the gradient check", "a check with dout = ones", "a look at the shapes",
                   "a falling loss"),
    ),
)

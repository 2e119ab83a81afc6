"""Exhibits of lesson 02: softmax backwards without their subtracted sum, or without p."""

from minitransformer.functional import softmax_forward
from minitransformer.teaching.exercise import call
from minitransformer.teaching.museum import Exhibit


def softmax_backward_without_rowsum(dout, cache):
    return dout * cache.probs                                      # (N, V): no rowsum subtracted


def softmax_backward_without_probs(dout, cache):
    along = (dout * cache.probs).sum(axis=-1, keepdims=True)       # (N, 1)
    return dout - along                                            # (N, V): the factor p is gone


EXHIBITS = (
    Exhibit(
        "forgotten_rowsum", "02", "dscores = dweights * weights",
        forward=softmax_forward,
        backward=softmax_backward_without_rowsum,
        fault=softmax_backward_without_rowsum,
        inputs=lambda rng: call(rng.normal(size=(3, 5))),
        breaks="of the Jacobian diag(p) - p pᵀ only diag(p) is there: raising one score seems to "
               "leave the other probabilities as they were.",
        caught_by=("the gradient check", "a check with dout = ones"),
        missed_by=("a look at the shapes", "a falling loss"),
    ),
    Exhibit(
        "probe_of_ones", "02", "dout = ones hides every factor in front of a softmax gradient",
        forward=softmax_forward,
        backward=softmax_backward_without_probs,
        fault=softmax_backward_without_probs,
        inputs=lambda rng: call(rng.normal(size=(3, 5))),
        breaks="every entry lacks its factor p. Probabilities always add up to 1, so with "
               "dout = ones the right gradient is 0, and 0 is what this one gives too.",
        caught_by=("the gradient check",),
        missed_by=("a check with dout = ones", "a look at the shapes", "a falling loss"),
    ),
)

"""Exhibits of lesson 13: the three ways in which batch norm is got wrong."""

import numpy as np

from minitransformer.teaching.exercise import call
from minitransformer.teaching.museum import Exhibit
from minitransformer.variants import batch_norm_backward, batch_norm_forward

REAL = np.array([[True] * 4, [True, True, False, False], [True, True, True, False]])  # (B, T)


def batch_norm_over_padding(x, gain, bias, *, mask, eps=1e-5):
    return batch_norm_forward(x, gain, bias, eps=eps)             # and mask is never used


def batch_norm_that_forgets(x, gain, bias, *, running, training, eps=1e-5):
    return batch_norm_forward(x, gain, bias, eps=eps)             # whether it trains or not


def batch_norm_backward_without_mean(dout, cache):
    normalized, std, gain, mask, count, _ = cache
    _, dgain, dbias = batch_norm_backward(dout, cache)
    shared = normalized * gain * dgain / count                    # (B, T, D) what moved the spread
    return (dout * gain - shared * mask) / std, dgain, dbias      # what moved the mean is missing


def padded_inputs(rng):
    """gain and bias first: x would be the check's own probe otherwise, drawn with the same seed."""
    gain, bias = rng.normal(size=(2, 5))
    return call(rng.normal(size=(3, 4, 5)), gain, bias, mask=REAL)


def evaluation_inputs(rng):
    """In evaluation, with the statistics of a training that is over."""
    gain, bias, mean = rng.normal(size=(3, 5))
    running = mean, 0.5 + rng.random(5)
    return call(rng.normal(size=(3, 4, 5)), gain, bias, running=running, training=False)


EXHIBITS = (
    Exhibit(
        "padding_in_statistics", "13", "batch norm over padding",
        forward=batch_norm_over_padding,
        backward=batch_norm_backward,
        fault=batch_norm_over_padding,
        inputs=padded_inputs,
        breaks="the padded rows move every column's mean and spread, so what comes out for a text "
               "depends on how much padding its batch holds. The backward belongs to the forward, "
               "so every gradient is right: those of the wrong function.",
        caught_by=("changed padding",),
        missed_by=("the gradient check", "a check with dout = ones", "a look at the shapes",
                   "a falling loss"),
    ),
    Exhibit(
        "forgotten_running_statistics", "13", "the batch's own statistics in evaluation",
        forward=batch_norm_that_forgets,
        backward=batch_norm_backward,
        fault=batch_norm_that_forgets,
        inputs=evaluation_inputs,
        breaks="a text's result depends on the texts that happen to be asked at the same time, and "
               "a text that is asked alone gets a third one.",
        caught_by=("another text beside it",),
        missed_by=("the gradient check", "a check with dout = ones", "a look at the shapes",
                   "a falling loss"),
    ),
    Exhibit(
        "forgotten_mean", "13", "the way through the mean forgotten",
        forward=batch_norm_forward,
        backward=batch_norm_backward_without_mean,
        fault=batch_norm_backward_without_mean,
        inputs=padded_inputs,
        breaks="dx keeps its part along (1, ..., 1), down each column, though a shift of a whole "
               "column changes nothing. dgain and dbias are right.",
        caught_by=("the gradient check", "a check with dout = ones"),
        missed_by=("a look at the shapes", "a falling loss"),
    ),
)

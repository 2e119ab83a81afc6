"""Exhibit of lesson 06: layer norm's gain outside the means."""

import numpy as np

from minitransformer.functional import layer_norm_backward, layer_norm_forward
from minitransformer.teaching.exercise import call
from minitransformer.teaching.museum import Exhibit


def layer_norm_backward_with_gain_outside(dout, cache):
    normalized, std, gain, _ = cache
    _, dgain, dbias = layer_norm_backward(dout, cache)
    along_ones = np.mean(dout, axis=-1, keepdims=True)                           # (..., 1)
    along_normalized = np.mean(dout * normalized, axis=-1, keepdims=True)        # (..., 1)
    dx = gain / std * (dout - along_ones - normalized * along_normalized)        # (..., D)
    return dx, dgain, dbias


def norm_inputs(rng):
    """gain and bias first: x would be the check's own probe otherwise, drawn with the same seed."""
    gain, bias = rng.normal(size=(2, 5))
    return call(rng.normal(size=(4, 5)), gain, bias)


EXHIBITS = (
    Exhibit(
        "gain_outside_means", "06", "the gain outside the means",
        forward=layer_norm_forward,
        backward=layer_norm_backward_with_gain_outside,
        fault=layer_norm_backward_with_gain_outside,
        inputs=norm_inputs,
        breaks="the gain belongs to dn = dout * gain, before the two means. Outside them it bends "
               "dx: the parts along (1, ..., 1) and along n come back. While every gain is 1, as "
               "in a new model, nothing is wrong at all.",
        caught_by=("the gradient check",),
        missed_by=("the gradient check with a gain of ones", "a look at the shapes",
                   "a falling loss"),
    ),
)

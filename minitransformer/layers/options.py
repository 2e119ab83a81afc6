"""The one table of options: what a block may be built from, by name.

A block asks here for a pair and never branches on a name. Everything the 2017 Transformer needs
is in functional/; to change a norm or an activation is to choose another line of these tables.
"""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from minitransformer.functional import (
    layer_norm_backward, layer_norm_forward, relu_backward, relu_forward, sinusoidal_positions)


class Norm(NamedTuple):
    """A triple with a parameter tree: init(d_model, dtype), forward(params, x), backward."""

    init: Callable
    forward: Callable
    backward: Callable


class Activation(NamedTuple):
    """A pair without parameters: forward(x), backward(dout, cache)."""

    forward: Callable
    backward: Callable


def _layer_norm_init(d_model, dtype):
    return {"gain": np.ones(d_model, dtype), "bias": np.zeros(d_model, dtype)}  # (D,) each


def _layer_norm_forward(params, x):
    return layer_norm_forward(x, params["gain"], params["bias"])


def _layer_norm_backward(dout, cache):
    dx, dgain, dbias = layer_norm_backward(dout, cache)
    return {"gain": dgain, "bias": dbias}, dx


IDENTITY = Norm(init=lambda d_model, dtype: {},
                forward=lambda params, x: (x, None),
                backward=lambda dout, cache: ({}, dout))

NORMS = {
    "layer": Norm(_layer_norm_init, _layer_norm_forward, _layer_norm_backward),
    "none": IDENTITY,
}
NORM_PLACEMENTS = ("pre", "post")
ACTIVATIONS = {"relu": Activation(relu_forward, relu_backward)}
POSITIONS = {
    "sinusoidal": sinusoidal_positions,
    "none": lambda max_seq_len, d_model: np.zeros((max_seq_len, d_model)),  # (T, D)
}
TIED_EMBEDDINGS = ("none", "output", "all")


def norms_around(config):
    """(before, after): the norms before a sublayer and after its residual sum; one is the identity.

    "post" is the paper's: norm(x + sublayer(x)). "pre" is x + sublayer(norm(x)), which trains
    deep stacks without care, since the residual path is then free of norms from end to end.
    """
    norm = NORMS[config.norm]
    return (norm, IDENTITY) if config.norm_placement == "pre" else (IDENTITY, norm)


def expect_config(config):
    """Raise ValueError, saying what was expected, unless the configuration can be built."""
    choices = {"norm": NORMS, "norm_placement": NORM_PLACEMENTS, "activation": ACTIVATIONS,
               "positions": POSITIONS, "tied_embeddings": TIED_EMBEDDINGS}
    for name, value in dataclasses.asdict(config).items():
        if name in choices and value not in choices[name]:
            raise ValueError(f"{name} is {value!r}, expected one of: {', '.join(choices[name])}")
        if name not in choices and name != "dropout" and not (isinstance(value, int) and value > 0):
            raise ValueError(f"{name} is {value!r}, expected a whole number of at least 1")
    if config.d_model % config.n_heads:
        raise ValueError(f"d_model {config.d_model} is not divisible by n_heads {config.n_heads}")
    if not 0 <= config.dropout < 1:
        raise ValueError(f"dropout is {config.dropout}, expected 0 <= dropout < 1")

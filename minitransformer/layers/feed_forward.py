"""Feed-forward: each token by itself, through a wider layer and back."""

from typing import NamedTuple

import numpy as np

from minitransformer.layers.options import ACTIVATIONS
from minitransformer.layers.projection import (
    projection_backward, projection_forward, projection_init)


class FeedForwardCache(NamedTuple):
    up: NamedTuple
    activation: NamedTuple
    down: NamedTuple
    activation_name: str


def feed_forward_init(rng, *, d_model, d_ff, activation="relu", bias=True, dtype=np.float32):
    """{"up" (D, F), "down" (F, D)}: two projections; up is as much wider as the activation asks."""
    width = ACTIVATIONS[activation].width
    return {"up": projection_init(rng, d_in=d_model, d_out=width * d_ff, bias=bias, dtype=dtype),
            "down": projection_init(rng, d_in=d_ff, d_out=d_model, bias=bias, dtype=dtype)}


def feed_forward_forward(params, x, *, activation):
    """y = activation(x w_up + b_up) w_down + b_down.

    x (B, T, D) -> y (B, T, D), cache. activation: a name in options.ACTIVATIONS.
    Source: Vaswani et al. 2017, eq. 2, with "relu".
    """
    hidden, up_cache = projection_forward(params["up"], x)                    # (B, T, F)
    active, activation_cache = ACTIVATIONS[activation].forward(hidden)        # (B, T, F)
    out, down_cache = projection_forward(params["down"], active)              # (B, T, D)
    return out, FeedForwardCache(up_cache, activation_cache, down_cache, activation)


# A chain without branches: the three gradients, last step first.
def feed_forward_backward(dout, cache):
    """dout (B, T, D) -> dparams, dx (B, T, D)."""
    ddown, dactive = projection_backward(dout, cache.down)                    # (B, T, F)
    dhidden = ACTIVATIONS[cache.activation_name].backward(dactive, cache.activation)  # (B, T, F)
    dup, dx = projection_backward(dhidden, cache.up)                          # (B, T, D)
    return {"up": dup, "down": ddown}, dx                                     # [feed_forward.dx]

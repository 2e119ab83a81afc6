"""Whisper's stem: two convolutions that turn a spectrogram into the vectors that blocks read."""

import math
from typing import NamedTuple

import numpy as np

from minitransformer.shapes import expect_shape
from minitransformer.variants import (
    convolution_backward, convolution_forward, gelu_backward, gelu_forward)

WIDTH = 3  # steps that a window shows


class WhisperStemCache(NamedTuple):
    first: NamedTuple
    first_gelu: NamedTuple
    second: NamedTuple
    second_gelu: NamedTuple


def whisper_stem_init(rng, *, n_mels, n_positions, d_model, dtype=np.float32):
    """{"first", "second": {"w" (3, C, D), "b" (D,)}, "positions" (S, D)}; C is n_mels, then D."""
    def kernel(d_in):
        limit = math.sqrt(6 / (WIDTH * d_in + d_model))
        w = rng.uniform(-limit, limit, (WIDTH, d_in, d_model))                # (3, C, D)
        return {"w": w.astype(dtype), "b": np.zeros(d_model, dtype)}

    return {"first": kernel(n_mels), "second": kernel(d_model),
            "positions": rng.normal(0, 0.02, (n_positions, d_model)).astype(dtype)}


def whisper_stem_forward(params, mel):
    """x = gelu(conv(gelu(conv(mel)))) + positions; the second convolution takes every second step.

    mel (B, 2 S, C) -> x (B, S, D), cache: two hundredths of a second become one vector.
    Raises ValueError for a spectrogram that is not twice as long as there are positions.
    Source: Radford et al. 2022, 2.2.
    """
    S = len(params["positions"])
    expect_shape("mel", mel, "B frames C", frames=2 * S)
    x, first = convolution_forward(mel, **params["first"], padding=1)           # (B, 2 S, D)
    x, first_gelu = gelu_forward(x)                                             # (B, 2 S, D)
    x, second = convolution_forward(x, **params["second"], stride=2, padding=1)  # (B, S, D)
    x, second_gelu = gelu_forward(x)                                            # (B, S, D)
    return x + params["positions"], WhisperStemCache(first, first_gelu, second, second_gelu)


# A chain of four. The positions were added to every sequence of the batch, so theirs add up:
#     dpositions_s = sum over b of dout_bs
def whisper_stem_backward(dout, cache):
    """dout (B, S, D) -> dparams, dmel (B, 2 S, C)."""
    dx = gelu_backward(dout, cache.second_gelu)                                 # (B, S, D)
    dx, dw_second, db_second = convolution_backward(dx, cache.second)           # (B, 2 S, D)
    dx = gelu_backward(dx, cache.first_gelu)                                    # (B, 2 S, D)
    dmel, dw_first, db_first = convolution_backward(dx, cache.first)            # (B, 2 S, C)
    return {"first": {"w": dw_first, "b": db_first}, "second": {"w": dw_second, "b": db_second},
            "positions": np.sum(dout, axis=0)}, dmel                            # (S, D)

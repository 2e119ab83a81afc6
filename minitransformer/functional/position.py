"""Positions: a fixed wave pattern that tells attention where a token stands."""

import functools
import math

import numpy as np


@functools.lru_cache(maxsize=8)
def sinusoidal_positions(max_seq_len, d_model):
    """The table p (max_seq_len, d_model), read-only, in float64:

        p[t, 2i] = sin(t / 10000^(2i / d_model)),   p[t, 2i + 1] = cos(the same angle).

    Column pairs 2i, 2i + 1 are a clock hand; later pairs turn more slowly. A step from t to t + n
    turns every hand by a fixed angle, so it is one rotation matrix for all t.
    Source: Vaswani et al. 2017, section 3.5. It is added, not learned: there is no backward.
    """
    t = np.arange(max_seq_len)[:, None]                                     # (T, 1)
    pair = np.arange(0, d_model, 2)                                         # (ceil(D/2),)
    angle = t * np.exp(-math.log(10000.0) * pair / d_model)                 # (T, ceil(D/2))
    table = np.empty((max_seq_len, d_model))                                # (T, D)
    table[:, 0::2] = np.sin(angle)
    table[:, 1::2] = np.cos(angle[:, : d_model // 2])
    table.setflags(write=False)  # the result is remembered: nobody may change it
    return table

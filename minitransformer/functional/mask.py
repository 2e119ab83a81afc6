"""Masks: boolean arrays that say who may attend to whom. True = may attend."""

import numpy as np

from minitransformer.shapes import expect_shape


def causal_mask(T, S):
    """(T, S) bool: query t may attend to keys 0 .. t + (S - T), so the last query sees all.

    With T = S this is the lower triangle: no position sees a later one. With S > T the queries
    are the last T of S positions, as in decoding with a key/value cache. With T > S the first
    T - S queries see nothing.
    """
    return np.tri(T, S, S - T, dtype=bool)


def padding_mask(ids, pad_id):
    """ids (B, S) -> (B, 1, 1, S) bool: True where the key is a real token."""
    expect_shape("ids", ids, "B S")
    return (np.asarray(ids) != pad_id)[:, None, None, :]

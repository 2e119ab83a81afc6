"""Keys and values kept between the steps of decoding.

A decoder makes one token at a time, and a causal layer's keys and values of the tokens before
never change: keeping them turns a step from a run over the whole prefix into a run over one token.
"""

from typing import NamedTuple

import numpy as np

from minitransformer.shapes import expect_same_shape, expect_shape


class KvCache:
    """The keys and values of one attention site, (B, H, T, K) each; both None while it is empty.

    Self-attention appends to it with `extend`; cross-attention fills it once with `set`, because
    the encoder's memory is the same at every step.
    """

    def __init__(self):
        self.k = None
        self.v = None

    @property
    def length(self):
        """How many positions are kept."""
        return 0 if self.k is None else self.k.shape[2]

    def set(self, k, v):
        """Keep k and v, (B, H, T, K) each, in place of what was kept."""
        expect_shape("k", k, "B H T K")
        expect_same_shape("v", v, "k", k)
        self.k, self.v = k, v

    def extend(self, k, v):
        """Append along the time axis; return all keys and values kept from now on.

        k, v (B, H, T_new, K) -> k_all, v_all (B, H, T, K).
        Raises ValueError when batch, heads or width differ from what is kept.
        """
        if self.k is not None:
            batch, heads, _, width = self.k.shape
            expect_shape("k", k, "B H T K", B=batch, H=heads, K=width)
            expect_same_shape("v", v, "k", k)
            k = np.concatenate([self.k, k], axis=2)
            v = np.concatenate([self.v, v], axis=2)
        self.set(k, v)
        return k, v

    def reorder(self, rows):
        """Let row i from now on be what row rows[i] was; rows (B_new,) int.

        A row is repeated when two hypotheses of a beam grow from it, left out when it has ended.
        """
        if self.k is not None:
            self.k, self.v = self.k[rows], self.v[rows]


class DecoderBlockKvCache(NamedTuple):
    """What one decoder block keeps between the steps of decoding."""

    self_attention: KvCache   # grows by a token a step
    cross_attention: KvCache  # the memory's keys and values, filled at the first step

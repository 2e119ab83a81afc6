"""Keys and values kept between the steps of decoding.

A decoder makes one token at a time, and a causal layer's keys and values of the tokens before
never change: keeping them turns a step from a run over the whole prefix into a run over one token.
"""

from typing import NamedTuple

import numpy as np

from minitransformer.shapes import expect_same_shape, expect_shape


class KvCache:
    """The keys and values of one attention site, (B, H, T, K) each; both None while it is empty.

    Self-attention extends it at every step, cross-attention at the first step alone, because the
    encoder's memory stays the same.
    """

    def __init__(self):
        self.k = None
        self.v = None

    @property
    def length(self):
        """How many tokens are kept."""
        return 0 if self.k is None else self.k.shape[2]

    def extend(self, k, v):
        """Append along the time axis; return all keys and values kept from now on.

        k, v (B, H, T_new, K) -> k_all, v_all (B, H, T, K).
        Raises ValueError when batch, heads or width differ from what is kept.
        """
        expect_shape("k", k, "B H T K")
        expect_same_shape("v", v, "k", k)
        if self.k is not None:
            batch, heads, _, width = self.k.shape
            expect_shape("k", k, "B H T K", B=batch, H=heads, K=width)
            k = np.concatenate([self.k, k], axis=2)              # (B, H, T, K)
            v = np.concatenate([self.v, v], axis=2)              # (B, H, T, K)
        self.k, self.v = k, v
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

    def reorder(self, rows):
        """As KvCache.reorder, for both."""
        for site in self:
            site.reorder(rows)

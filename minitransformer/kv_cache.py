"""Keys and values kept between the steps of decoding.

A decoder makes one token at a time, and a causal layer's keys and values of the tokens before
never change: keeping them turns a step from a run over the whole prefix into a run over one token
[kv_cache.step], and what it costs from T^2 to T [kv_cache.cost].
"""

from typing import NamedTuple

import numpy as np

from minitransformer.shapes import expect_same_shape, expect_shape


class KvCache:
    """The keys and values of one attention site, (B, G, T, K) each; both None while it is empty.

    Self-attention extends it at every step, cross-attention at the first step alone, because the
    encoder's memory stays the same. The arrays behind have room for more tokens; when it is used
    up, it doubles, so that a token is copied at most twice on average, however long the text. The
    room for T tokens takes 2 B G T K numbers [kv_cache.bytes].
    """

    def __init__(self):
        self.length = 0       # how many tokens are kept
        self._k_room = None   # (B, G, room, K); only [:, :, :length] means anything
        self._v_room = None
        self._alike = None    # (B,) int: rows with one number are equal; None: all may differ

    @property
    def k(self):
        """All keys kept, (B, G, T, K), or None."""
        return None if self._k_room is None else self._k_room[:, :, :self.length]

    @property
    def v(self):
        """All values kept, (B, G, T, K), or None."""
        return None if self._v_room is None else self._v_room[:, :, :self.length]

    @property
    def nbytes(self):
        """How many bytes the room takes, keys and values."""
        return 0 if self._k_room is None else self._k_room.nbytes + self._v_room.nbytes

    def extend(self, k, v):
        """Append along the time axis; return all keys and values kept from now on.

        k, v (B, G, T_new, K) -> k_all, v_all (B, G, T, K).
        Raises ValueError when batch, heads or width differ from what is kept.
        """
        expect_shape("k", k, "B G T K")
        expect_same_shape("v", v, "k", k)
        if self._k_room is None:
            self._k_room, self._v_room = (np.empty(x.shape, x.dtype) for x in (k, v))
        B, G, room, K = self._k_room.shape
        expect_shape("k", k, "B G T K", B=B, G=G, K=K)
        start, self.length = self.length, self.length + k.shape[2]
        if self.length > room:
            more = np.empty((B, G, max(room, self.length - room), K), k.dtype)
            self._k_room = np.concatenate([self._k_room, more], axis=2)  # (B, G, 2 room, K)
            self._v_room = np.concatenate([self._v_room, more], axis=2)  # (B, G, 2 room, K)
        self._k_room[:, :, start:self.length] = k                        # (B, G, T_new, K)
        self._v_room[:, :, start:self.length] = v                        # (B, G, T_new, K)
        self._alike = None  # each row has grown by itself
        return self.k, self.v

    def append(self, k, v):
        """As extend, for one token and without its checks: k, v (B, G, K)."""
        if self._k_room is None or self.length == self._k_room.shape[2]:  # no room left
            return self.extend(k[:, :, None], v[:, :, None])
        self._k_room[:, :, self.length] = k                              # (B, G, K)
        self._v_room[:, :, self.length] = v                              # (B, G, K)
        self.length += 1
        self._alike = None  # each row has grown by itself
        return self.k, self.v

    def reorder(self, rows):
        """Let row i from now on be what row rows[i] was; rows (B_new,) int.

        A row is repeated when two hypotheses of a beam grow from it, left out when it has ended.
        Nothing is copied when each row becomes one that is its equal: the memory's keys and values
        are the same for all hypotheses of a source, whichever of them grow.
        """
        if not self.length:
            return
        alike = np.arange(len(self._k_room)) if self._alike is None else self._alike    # (B,)
        self._alike = alike[rows]                                                       # (B_new,)
        if not np.array_equal(self._alike, alike):
            self._k_room, self._v_room = self._k_room[rows], self._v_room[rows]


class DecoderBlockKvCache(NamedTuple):
    """What one decoder block keeps between the steps of decoding."""

    self_attention: KvCache   # grows by a token a step
    cross_attention: KvCache  # the memory's keys and values, filled at the first step

    def reorder(self, rows):
        """As KvCache.reorder, for both."""
        for site in self:
            site.reorder(rows)

"""Blockwise attention: the same numbers as attention, without ever holding a T x S array.

A tile of queries meets a tile of keys, and their scores are forgotten at once. Forward keeps one
number a query, the logarithm of its softmax's denominator; backward makes each tile again.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from minitransformer.shapes import expect_broadcastable, expect_shape


class Tiles(NamedTuple):
    """How the T x S scores of each head are cut, what is added to them, and what is hidden."""

    shape: tuple                                # (B, H, T, S)
    block_size: int
    mask: np.ndarray | None                     # broadcasts to (B, H, T, S)
    causal: bool
    score_bias: np.ndarray | Callable | None    # likewise, or a function of a tile's bounds

    def heads(self, n_groups):
        """(index of a head, index of the keys and values that it uses), for each head."""
        B, H = self.shape[:2]
        return [((b, h), (b, h // (H // n_groups))) for b in range(B) for h in range(H)]

    def queries(self):
        """A slice of the T queries for each row of tiles."""
        return _slices(self.shape[2], self.block_size)

    def keys(self, queries):
        """A slice of the S keys for each tile of a row; tiles in which all keys lie ahead: none."""
        T, S = self.shape[2:]
        return _slices(max(0, queries.stop + S - T) if self.causal else S, self.block_size)

    def scores(self, q, k, head, queries, keys):
        """q kᵀ / sqrt(K) + bias of one tile, -inf where hidden; q (T, K), k (S, K) -> (t, s)."""
        T, S = self.shape[2:]
        scores = q[queries] @ k[keys].T                                         # (t, s)
        scores *= 1 / math.sqrt(q.shape[-1])                                    # (t, s)
        if callable(self.score_bias):
            bias = self.score_bias(queries.start, queries.stop, keys.start, keys.stop)
            bias = np.broadcast_to(bias, (*self.shape[:2], *scores.shape))[head]  # (t, s)
            scores += bias.astype(scores.real.dtype)                            # (t, s)
        elif self.score_bias is not None:
            bias = np.broadcast_to(self.score_bias, self.shape)[head]           # (T, S), a view
            scores += bias[queries, keys].astype(scores.real.dtype)             # (t, s)
        if self.mask is not None:
            allowed = np.broadcast_to(self.mask, self.shape)[head]              # (T, S), a view
            np.copyto(scores, -np.inf, where=~allowed[queries, keys])           # (t, s)
        if self.causal and keys.stop > queries.start + 1 + S - T:  # else no key lies ahead
            t = np.arange(queries.start, queries.stop)[:, None]                 # (t, 1)
            np.copyto(scores, -np.inf, where=np.arange(keys.start, keys.stop) > t + S - T)
        return scores


def _slices(length, size):
    return [slice(start, min(start + size, length)) for start in range(0, length, size)]


class BlockwiseAttentionCache(NamedTuple):
    q: np.ndarray          # (B, H, T, K)
    k: np.ndarray          # (B, G, S, K)
    v: np.ndarray          # (B, G, S, K)
    out: np.ndarray        # (B, H, T, K)
    log_total: np.ndarray  # (B, H, T, 1) log of the softmax's denominator, inf for an empty row
    tiles: Tiles


# A softmax can be summed up tile by tile. After some tiles, of a query's scores x_s so far, keep
#     highest = max x_s,   total = sum exp(x_s - highest),   out = sum exp(x_s - highest) v_s
# When a tile brings a new highest', total and out were taken against the wrong one: multiplied by
#     shrink = exp(highest - highest')                            [blockwise_attention.shrink]
# they are what they would have been, and the tile's own terms are added. At the end, out / total
# is the attention's output, and highest + log(total) all that backward needs to know of the row.
def blockwise_attention_forward(q, k, v, *, mask=None, causal=False, score_bias=None,
                                block_size=256):
    """out = softmax(q kᵀ / sqrt(K) + score_bias) v, as attention_forward, tile by tile.

    q (B, H, T, K), k and v (B, G, S, K) -> out (B, H, T, K), cache. Everything is as in
    attention_forward, but for score_bias, which may also be a function of a tile's bounds,
    (first query, end, first key, end) -> array that broadcasts to (B, H, t, s). block_size:
    queries and keys in a tile. Memory grows with T and S, not with their product.
    Raises ValueError and TypeError as attention_forward.
    Sources: Milakov and Gimelshein 2018 (the running sums); Dao et al. 2022 (the tiles).
    """
    expect_shape("q", q, "B H T K")
    B, H, T, K = q.shape
    expect_shape("k", k, "B G S K", B=B, K=K)
    expect_shape("v", v, "B G S K", B=B, G=k.shape[1], S=k.shape[2], K=K)
    G, S = k.shape[1:3]
    _expect_options(mask, score_bias, block_size, (B, H, T, S), G)
    tiles = Tiles((B, H, T, S), block_size, mask, causal, score_bias)
    out = np.empty_like(q, shape=(B, H, T, K))                                  # (B, H, T, K)
    log_total = np.empty_like(q, shape=(B, H, T, 1))                            # (B, H, T, 1)
    for head, group in tiles.heads(G):
        for queries in tiles.queries():
            t = queries.stop - queries.start
            highest = np.full((t, 1), -np.inf, q.real.dtype)                    # (t, 1)
            total, row = np.zeros((t, 1), q.dtype), np.zeros((t, K), q.dtype)
            for keys in tiles.keys(queries):
                probs = tiles.scores(q[head], k[group], head, queries, keys)    # (t, s)
                before = highest                                                # (t, 1)
                highest = np.maximum(before, np.max(probs.real, axis=-1, keepdims=True))
                shift = np.where(np.isneginf(highest), 0, highest)  # nothing seen so far
                probs -= shift                                                  # (t, s)
                np.exp(probs, out=probs)                                        # (t, s)
                shrink = np.exp(before - shift)                                 # (t, 1)
                total = total * shrink + np.sum(probs, axis=-1, keepdims=True)  # (t, 1)
                row = row * shrink + probs @ v[group][keys]                     # (t, K)
            empty = total == 0                                                  # (t, 1)
            total = np.where(empty, 1, total)                                   # (t, 1)
            out[head][queries] = row / total                                    # (t, K)
            log_total[head][queries] = np.where(empty, np.inf, highest + np.log(total))
    return out, BlockwiseAttentionCache(q, k, v, out, log_total, tiles)


# As in attention_backward, tile by tile. A tile's probabilities come back in one step, since
# exp(score - log_total) = exp(score) / total [blockwise_attention.weights]. The softmax's row sum
# runs over tiles that are not there; but it can be moved across the product with v:
#     sum_s dweights_s weights_s = sum_s (dout . v_s) weights_s = dout . sum_s weights_s v_s
#                                = dout . out                     [blockwise_attention.along]
# A query is used in every tile of its row, a key and a value in every tile of their column, so
# their gradients add up over the tiles; heads that share keys add theirs too.
def blockwise_attention_backward(dout, cache):
    """dout (B, H, T, K) -> dq (B, H, T, K), dk (B, G, S, K), dv (B, G, S, K)."""
    q, k, v, out, log_total, tiles = cache
    scale = 1 / math.sqrt(q.shape[-1])
    dq, dk, dv = (np.zeros_like(x, shape=x.shape) for x in (q, k, v))
    along = np.einsum("...k,...k->...", dout, out)[..., None]  # (B, H, T, 1) in no large array
    for head, group in tiles.heads(k.shape[1]):
        for queries in tiles.queries():
            q_rows, dout_rows = q[head][queries], dout[head][queries]           # (t, K) each
            for keys in tiles.keys(queries):
                probs = tiles.scores(q[head], k[group], head, queries, keys)    # (t, s)
                probs -= log_total[head][queries]                               # (t, s)
                np.exp(probs, out=probs)                                        # (t, s)
                dv[group][keys] += probs.T @ dout_rows       # (s, K) [blockwise_attention.dv]
                dscores = dout_rows @ v[group][keys].T                          # (t, s)
                dscores -= along[head][queries]                                 # (t, s)
                dscores *= probs                                                # (t, s)
                dscores *= scale                                                # (t, s)
                dk[group][keys] += dscores.T @ q_rows        # (s, K) [blockwise_attention.dk]
                dq[head][queries] += dscores @ k[group][keys]  # (t, K) [blockwise_attention.dq]
    return dq, dk, dv


def _expect_options(mask, score_bias, block_size, shape, G):
    H, S = shape[1], shape[3]
    if S == 0:
        raise ValueError("k and v hold no keys (S = 0): attention needs at least one")
    if not G or H % G:
        raise ValueError(f"{H} query heads cannot share {G} key/value heads: {H} is no multiple")
    if block_size < 1:
        raise ValueError(f"block_size is {block_size}, expected at least 1")
    if mask is not None:
        if np.asarray(mask).dtype != bool:
            raise TypeError("mask must be boolean (True = may attend), got "
                            f"{np.asarray(mask).dtype}")
        expect_broadcastable("mask", mask, "B H T S", shape)
    expect_broadcastable("score_bias", score_bias, "B H T S", shape)  # a function has shape ()

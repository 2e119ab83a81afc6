"""Ring attention: attention over a sequence of which every process has a piece.

A process keeps its queries. Keys and values go round the ring, one process further a step, until
each piece of them has met the queries of all. Nobody ever has all keys, nor a T x S array.

Here each step first sends and then computes; to do both at once hides the sending behind the
computing. With causal, a process has nothing to do when the piece that arrived lies ahead, so the
last process, which sees all pieces, is the one that all wait for.
"""

from typing import NamedTuple

import numpy as np

from minitransformer.parallel.ring_shift import ring_shift_backward, ring_shift_forward
from minitransformer.shapes import expect_broadcastable, expect_shape
from minitransformer.variants import (
    BlockwiseAttentionCache, blockwise_attention_backward, blockwise_attention_forward)


class RingAttentionCache(NamedTuple):
    q: np.ndarray          # (B, H, T, K)
    held: np.ndarray       # (2, B, G, S', K) the keys and values that came last
    out: np.ndarray        # (B, H, T, K)
    log_total: np.ndarray  # (B, H, T, 1) as in blockwise attention, over the keys of all pieces
    meetings: list         # (the shift before it, or None; its Tiles, or None: nothing to see)


# For one piece j of the keys, blockwise attention gives a softmax over this piece alone. With x_s
# for a query's score of key s:
#     part_j = sum_{s in j} exp(x_s) v_s / total_j,    total_j = sum_{s in j} exp(x_s)
# Times total_j, the parts are sums over keys, and those of all pieces add up:
#     total = sum_j total_j,    out = sum_j (total_j / total) part_j
# Kept are out and log(total) of the pieces so far. A new piece makes total larger, and shrinks what
# is there by total / total', as a new tile does in [blockwise_attention.shrink].
def ring_attention_forward(q, k, v, *, comm, mask=None, causal=False, score_bias=None,
                           block_size=256):
    """out = softmax(q kᵀ / sqrt(K) + score_bias) v, the softmax over the keys of all processes.

    q (B, H, T, K), k and v (B, G, S, K): this process's places, in the order of the ranks; T and S
    may differ between processes, and be 0 -> out (B, H, T, K), cache. mask: bool, of this process's
    keys, broadcasts to (B, 1, 1, S), True = may be attended to. causal=True: a query sees the keys
    up to its own place. score_bias: a function of a tile's bounds in the whole sequence, (first
    query, end, first key, end) -> array that broadcasts to (B, H, t, s). The rest as in blockwise
    attention. Sent are N - 1 times k and v.
    Raises ValueError for shapes that do not fit, on one process or between them; no keys at all;
    causal where a process's queries and keys are not at the same places. TypeError for a mask that
    is not boolean, and a score_bias that is a table. Source: Liu, Zaharia and Abbeel 2023.
    """
    pieces = _pieces(q, k, v, mask, causal, score_bias, comm)
    B, H, T, K = q.shape
    out = np.zeros_like(q)                                                     # (B, H, T, K)
    log_total = np.full_like(q, -np.inf, shape=(B, H, T, 1))                   # (B, H, T, 1)
    held, meetings = np.stack([k, v]), []                                      # (2, B, G, S, K)
    mine = pieces[comm.rank]
    for step in range(comm.size):
        piece, shift, tiles = pieces[(comm.rank - step) % comm.size], None, None
        if step:
            held, shift = ring_shift_forward(held, shape=(2, *k.shape[:2], piece.length, K),
                                             comm=comm)                        # (2, B, G, S', K)
        if piece.length and not (causal and piece.rank > mine.rank):
            part, cache = blockwise_attention_forward(
                q, *held, mask=piece.mask, causal=causal and piece.rank == mine.rank,
                score_bias=_moved(score_bias, mine.first_query, piece.first_key),
                block_size=block_size)                                         # (B, H, T, K)
            out, log_total = _joined(out, log_total, part, cache.log_total)
            tiles = cache.tiles
        meetings.append((shift, tiles))
    log_total = np.where(np.isneginf(log_total.real), np.inf, log_total)       # (B, H, T, 1)
    return out, RingAttentionCache(q, held, out, log_total, meetings)


# Of the keys elsewhere, a tile of blockwise attention's backward needs only out and log(total) of
# its queries. These are now of the whole sequence, so each meeting gives its tiles' part of
#     dq = sum over this process's meetings
#     dk_j, dv_j = sum over the meetings of piece j, each on another process
# Backwards, the last meeting comes first, and each shift becomes its transpose, the shift back. The
# keys and values go back with their gradients, which every process adds to: before the first
# meeting each piece is home, and its dk and dv are whole.
def ring_attention_backward(dout, cache):
    """dout (B, H, T, K) -> dq (B, H, T, K), dk (B, G, S, K), dv (B, G, S, K), of this process's."""
    q, held, out, log_total, meetings = cache
    dq, dheld = np.zeros_like(q), np.zeros_like(held)      # (B, H, T, K), (2, B, G, S', K)
    for shift, tiles in reversed(meetings):
        if tiles is not None:
            meeting = BlockwiseAttentionCache(q, *held, out, log_total, tiles)
            dq_part, dk_part, dv_part = blockwise_attention_backward(dout, meeting)
            dq += dq_part                                                      # (B, H, T, K)
            dheld[0] += dk_part                           # (B, G, S', K) [ring_attention.dk]
            dheld[1] += dv_part                                                # (B, G, S', K)
        if shift is not None:
            held = ring_shift_backward(held, shift)                            # (2, B, G, S', K)
            dheld = ring_shift_backward(dheld, shift)                          # (2, B, G, S', K)
    dk, dv = dheld                                                             # (B, G, S, K) each
    return dq, dk, dv


def _joined(out, log_total, part, log_part):
    """out and log(total) after one more piece; a log is -inf where a query saw nothing yet."""
    log_part = np.where(np.isposinf(log_part.real), -np.inf, log_part)         # (B, H, T, 1)
    highest = np.maximum(log_total.real, log_part.real)                        # (B, H, T, 1)
    highest = np.where(np.isneginf(highest), 0, highest)                       # (B, H, T, 1)
    before, new = np.exp(log_total - highest), np.exp(log_part - highest)      # (B, H, T, 1) each
    total = before + new                                                       # (B, H, T, 1)
    empty = total == 0                                                         # (B, H, T, 1)
    total = np.where(empty, 1, total)                                          # (B, H, T, 1)
    out = (before * out + new * part) / total            # (B, H, T, K) [ring_attention.out]
    log_total = np.where(empty, -np.inf, highest + np.log(total))              # (B, H, T, 1)
    return out, log_total


def _moved(score_bias, first_query, first_key):
    """score_bias as a function of bounds that count from a piece's first query and first key."""
    if score_bias is None:
        return None
    return lambda t, t_end, s, s_end: score_bias(first_query + t, first_query + t_end,
                                                 first_key + s, first_key + s_end)


class Piece(NamedTuple):
    """What all know of a process's places: where they begin, how many keys, the keys' mask."""

    rank: int
    first_query: int
    first_key: int
    length: int
    mask: np.ndarray | None


def _pieces(q, k, v, mask, causal, score_bias, comm):
    """The Piece of each process. Raises as ring_attention_forward says."""
    expect_shape("q", q, "B H T K")
    B, H, T, K = q.shape
    expect_shape("k", k, "B G S K", B=B, K=K)
    expect_shape("v", v, "B G S K", B=B, G=k.shape[1], S=k.shape[2], K=K)
    G, S = k.shape[1:3]
    if score_bias is not None and not callable(score_bias):
        raise TypeError("score_bias must be a function of a tile's bounds: a table of it would be "
                        "the T x S array that no process has")
    expect_broadcastable("mask", mask, "B 1 1 S", (B, 1, 1, S))
    known = comm.allgather(((B, H, G, K), T, S, mask))
    sizes, queries, keys, masks = zip(*known)
    if len(set(sizes)) > 1:
        raise ValueError(f"(B, H, G, K) are {', '.join(map(str, sizes))} on the processes: pieces "
                         f"of one sequence differ only in their places")
    if not sum(keys):
        raise ValueError("no process has a key (S = 0 on all): attention needs at least one")
    if causal and queries != keys:
        raise ValueError(f"causal needs a process's queries and keys at the same places, but their "
                         f"numbers on the processes are {queries} and {keys}")
    return [Piece(r, sum(queries[:r]), sum(keys[:r]), keys[r], masks[r])
            for r in range(comm.size)]

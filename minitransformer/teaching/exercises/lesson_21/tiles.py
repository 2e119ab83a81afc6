"""Exercises 21.4 to 21.6: a query and its tiles of keys, and the way back through one tile."""

import math

import numpy as np

from minitransformer.gradient_check import check_gradients
from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, call
from minitransformer.variants import blockwise_attention_forward


def my_blockwise_row(q, k, v, block_size):
    """One query q (K,), keys and values (S, K) -> out (K,), log_total, a tile of keys at a time."""
    highest, total, row = -np.inf, 0.0, np.zeros(len(q))
    for start in range(0, len(k), block_size):
        keys = slice(start, start + block_size)
        scores = k[keys] @ q / math.sqrt(len(q))                     # (s,)
        before, highest = highest, max(highest, np.max(scores))
        probs, shrink = np.exp(scores - highest), np.exp(before - highest)  # (s,)
        total = total * shrink + np.sum(probs)
        row = row * shrink + probs @ v[keys]                         # (K,)
    return row / total, highest + np.log(total)


def row_mistake(*, scale=None, shrink_total=True, shrink_row=True, first=-np.inf, whole=False,
                divide=True, log_total=lambda highest, total: highest + np.log(total)):
    """my_blockwise_row with one line made otherwise. whole: only full tiles are read."""
    def blockwise_row(q, k, v, block_size):
        highest, total, row = first, 0.0, np.zeros(len(q))
        for start in range(0, len(k) // block_size * block_size if whole else len(k), block_size):
            keys = slice(start, start + block_size)
            scores = k[keys] @ q / (math.sqrt(len(q)) if scale is None else scale)
            before, highest = highest, max(highest, np.max(scores))
            probs, shrink = np.exp(scores - highest), np.exp(before - highest)
            total = total * (shrink if shrink_total else 1) + np.sum(probs)
            row = row * (shrink if shrink_row else 1) + probs @ v[keys]
        with np.errstate(all="ignore"):
            return row / total if divide else row, log_total(highest, total)
    return blockwise_row


def row_that_grows(q, k, v, block_size):
    """my_blockwise_row with the exponent of shrink turned round."""
    highest, total, row = -np.inf, 0.0, np.zeros(len(q))
    for start in range(0, len(k), block_size):
        scores = k[start:start + block_size] @ q / math.sqrt(len(q))
        before, highest = highest, max(highest, np.max(scores))
        probs = np.exp(scores - highest)
        grow = np.exp(highest - before) if start else 0.0
        total = total * grow + np.sum(probs)
        row = row * grow + probs @ v[start:start + block_size]
    return row / total, highest + np.log(total)


def mean_of_tiles(q, k, v, block_size):
    """Every tile's own attention, averaged: each tile is normalized by its own sum."""
    tiles = [my_blockwise_row(q, k[i:i + block_size], v[i:i + block_size], block_size)
             for i in range(0, len(k), block_size)]
    return np.mean([out for out, _ in tiles], axis=0), my_blockwise_row(q, k, v, block_size)[1]


def row_cases(rng):
    for S, K, block_size, far in ((7, 4, 3, 0), (6, 3, 2, 0), (5, 4, 9, 0), (8, 4, 3, -3000)):
        q, k = 2 * rng.normal(size=K), rng.normal(size=(S, K))
        k += far * q / (q @ q)                    # all scores lower by -far / sqrt(K)
        yield call(q, k, rng.normal(size=(S, K)), block_size)


def my_tile_backward(dout, q, k, v, along, log_total):
    """A tile's part: dout, q (t, K), k, v (s, K), along, log_total (t, 1) -> dq, dk, dv."""
    scale = 1 / math.sqrt(q.shape[-1])
    probs = np.exp(q @ k.T * scale - log_total)                      # (t, s)
    dv = probs.T @ dout                                              # (s, K)
    dscores = probs * (dout @ v.T - along)                           # (t, s)
    dk = dscores.T @ q * scale                                       # (s, K)
    dq = dscores @ k * scale                                         # (t, K)
    return dq, dk, dv


def tile_mistake(*, probs=None, dscores=None, dq=1.0, dk=1.0, dv=None):
    """my_tile_backward with probs(scores, log_total), dscores(p, dp, along) or dv replaced; dq,
    dk: factors."""
    def backward(dout, q, k, v, along, log_total):
        scale = 1 / math.sqrt(q.shape[-1])
        p = (probs or (lambda z, total: np.exp(z - total)))(q @ k.T * scale, log_total)
        dz = (dscores or (lambda p, dp, along: p * (dp - along)))(p, dout @ v.T, along)
        return (dz @ k * scale * (dq(scale) if callable(dq) else dq),
                dz.T @ q * scale * (dk(scale) if callable(dk) else dk),
                dv(p, dz, dout, q) if dv else p.T @ dout)
    return backward


def unscaled_scores(dout, q, k, v, along, log_total):
    scale = 1 / math.sqrt(q.shape[-1])
    dq, dk, dv = my_tile_backward(dout, q / scale, k, v, along, log_total)
    return dq, dk * scale, dv


def attention_of(q, k, v, dout):
    """along and log_total, (T, 1) each, of whole rows: what a tile is told of them."""
    out, cache = blockwise_attention_forward(q[None, None], k[None, None], v[None, None])
    return np.sum(dout * out[0, 0], axis=-1, keepdims=True), cache.log_total[0, 0]


def tile_cases(rng):
    for T, S, K, queries, keys in ((5, 7, 4, slice(0, 3), slice(2, 6)),
                                   (6, 8, 3, slice(2, 6), slice(5, 8))):
        q, dout = rng.normal(size=(2, T, K))
        k, v = rng.normal(size=(2, S, K))
        along, log_total = attention_of(q, k, v, dout)
        yield call(dout[queries], q[queries], k[keys], v[keys], along[queries], log_total[queries])


def tile_proof(answer):
    """All tiles of a head, added up, against the complex step."""
    def backward(dout, cache):
        q, k, v, dout = (x[0, 0] for x in (*cache[:3], dout))
        along, log_total = attention_of(q, k, v, dout)
        gradients = [np.zeros_like(x) for x in (q, k, v)]
        for rows in (slice(0, 2), slice(2, 5)):
            for keys in (slice(0, 3), slice(3, 6), slice(6, 7)):
                parts = answer(dout[rows], q[rows], k[keys], v[keys], along[rows], log_total[rows])
                for whole, part, place in zip(gradients, parts, (rows, keys, keys)):
                    whole[place] += part
        return tuple(gradient[None, None] for gradient in gradients)

    rng = np.random.default_rng(1)
    inputs = [rng.normal(size=(1, 1, n, 4)) for n in (5, 7, 7)]
    report = check_gradients(blockwise_attention_forward, backward, *inputs)
    return f"Six tiles, added up, agree with the complex step to {report.worst.error:.0e}."


ITEMS = (
    Exercise(
        "21.4", "one query, a tile of keys at a time", 10,
        solution=my_blockwise_row,
        results=("out", "log_total"),
        cases=row_cases,
        mistakes=(
            Mistake(row_mistake(shrink_total=False),
                    "total was not shrunk when a higher score came; row was."),
            Mistake(row_mistake(shrink_row=False),
                    "row was not shrunk when a higher score came; total was."),
            Mistake(row_mistake(shrink_row=False, shrink_total=False),
                    "When a higher score comes, what was summed before has to shrink: total and "
                    "row, by exp(before - highest)."),
            Mistake(row_that_grows,
                    "The exponent of shrink has the wrong sign: exp(before - highest) is at most "
                    "1."),
            Mistake(mean_of_tiles,
                    "Each tile was divided by its own sum. Divide once, at the end, by the sum "
                    "over all tiles."),
            Mistake(row_mistake(first=0.0),
                    "There is no maximum, or it started at 0. Where all scores lie far below, "
                    "every exponential is rounded to 0. Start at -inf."),
            Mistake(row_mistake(scale=1.0), "The scores are not divided by sqrt(K)."),
            Mistake(row_mistake(whole=True),
                    "The last tile may be smaller than the others: its keys were left out."),
            Mistake(row_mistake(divide=False), "out has to be divided by total, at the end."),
            Mistake(row_mistake(log_total=lambda highest, total: np.log(total)),
                    "log_total lacks the maximum: total is measured against it, so "
                    "log(total) + highest is the logarithm of the true denominator."),
            Mistake(row_mistake(log_total=lambda highest, total: highest + total),
                    "The logarithm of total is missing."),
            Mistake(row_mistake(log_total=lambda highest, total: total),
                    "This is total. log_total is highest + np.log(total)."),
        ),
        hints=("Before the loop: highest = -np.inf, total = 0, row = np.zeros(len(q)).",
               "In a tile: scores, the new highest, shrink = exp(before - highest); then total and "
               "row, each shrunk before the tile's terms are added.",
               "probs = np.exp(scores - highest); total = total * shrink + probs.sum(); "
               "row = row * shrink + probs @ v[keys]. After the loop: row / total, "
               "highest + np.log(total)."),
    ),
    Exercise(
        "21.5", "the way back through one tile", 12,
        solution=my_tile_backward,
        results=("dq", "dk", "dv"),
        cases=tile_cases,
        proof=tile_proof,
        mistakes=(
            Mistake(tile_mistake(dscores=lambda p, dp, along:
                                 p * (dp - np.sum(p * dp, axis=-1, keepdims=True))),
                    "The row's sum was taken over this tile's keys. It runs over all keys of the "
                    "row: along is what it comes to."),
            Mistake(tile_mistake(dscores=lambda p, dp, along: p * dp),
                    "along is missing: what is subtracted is the row's sum of dweights times "
                    "weights."),
            Mistake(tile_mistake(dscores=lambda p, dp, along: p * dp - along),
                    "along is multiplied by probs as well: probs * (dweights - along)."),
            Mistake(tile_mistake(dscores=lambda p, dp, along: p * (dp + along)),
                    "along is subtracted, not added."),
            Mistake(tile_mistake(dscores=lambda p, dp, along: dp - along),
                    "dscores lacks the factor probs."),
            Mistake(tile_mistake(probs=lambda z, total:
                                 np.exp(z) / np.sum(np.exp(z), axis=-1, keepdims=True)),
                    "The tile was normalized by its own sum. The denominator is the whole row's: "
                    "exp(scores - log_total)."),
            Mistake(tile_mistake(probs=lambda z, total: np.exp(z)),
                    "log_total is missing: exp(scores - log_total) are the weights."),
            Mistake(tile_mistake(probs=lambda z, total: np.exp(z) / total),
                    "log_total is a logarithm: subtract it in the exponent, or divide by its "
                    "exponential."),
            Mistake(unscaled_scores, "The scores are not divided by sqrt(K)."),
            Mistake(tile_mistake(dq=lambda scale: 1 / scale),
                    "dq lacks the factor 1 / sqrt(K), by which q kᵀ was multiplied."),
            Mistake(tile_mistake(dk=lambda scale: 1 / scale),
                    "dk lacks the factor 1 / sqrt(K), by which q kᵀ was multiplied."),
            Mistake(tile_mistake(dv=lambda p, dz, dout, q: dz.T @ dout),
                    "dv is made of the weights, not of dscores: where was the value used?"),
        ),
        hints=("First make the tile's weights again: the scaled scores, minus log_total, and exp.",
               "dweights = dout @ v.T; dscores = probs * (dweights - along).",
               "dv = probs.T @ dout, dk = dscores.T @ q / sqrt(K), dq = dscores @ k / sqrt(K)."),
    ),
    Prediction(
        "21.6", "Plain attention, one layer of length 5120, holds 3271 MiB at its peak. How many "
        "with tiles?",
        answer=144,
        because="Fourteen arrays as large as x, of 10 MiB each, and the gradients of four "
                "projections, 1 MiB each. The tiles themselves take about one.",
    ),
)

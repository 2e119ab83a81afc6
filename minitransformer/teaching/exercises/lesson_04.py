"""Exercises of lesson 04: one head of attention, its masks, and its gradients."""

import math

import numpy as np

from minitransformer.functional import (
    attention_forward, causal_mask, softmax_backward, softmax_forward)
from minitransformer.functional.attention import AttentionCache
from minitransformer.functional.softmax import SoftmaxCache
from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, call, pair_exercise


def my_causal_attention_forward(q, k, v, *, causal=False):
    """q (..., T, K), k and v (..., S, K) -> out (..., T, K), cache."""
    scores = q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1])           # (..., T, S)
    if causal:
        allowed = causal_mask(*scores.shape[-2:])                      # (T, S)
        scores = np.where(allowed, scores, -np.inf)                    # (..., T, S)
    weights, _ = softmax_forward(scores)                               # (..., T, S)
    return weights @ v, AttentionCache(q, k, v, weights)


def my_attention_forward(q, k, v, *, mask=None, causal=False):
    """q (..., T, K), k and v (..., S, K), mask (..., T, S) -> out (..., T, K), cache."""
    scores = q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1])           # (..., T, S)
    allowed = np.ones(scores.shape[-2:], bool)                         # (T, S)
    if causal:
        allowed = causal_mask(*allowed.shape)                          # (T, S)
    if mask is not None:
        allowed = allowed & mask                                       # (..., T, S)
    empty = ~np.any(allowed, axis=-1, keepdims=True)                   # (..., T, 1)
    # An empty row keeps its scores, so that softmax has numbers to work on; then it becomes zeros.
    weights, _ = softmax_forward(np.where(allowed | empty, scores, -np.inf))
    weights = np.where(empty, 0.0, weights)                            # (..., T, S)
    return weights @ v, AttentionCache(q, k, v, weights)


def my_score_gradient():
    """dweights = dout vᵀ; their mean under the weights is 1/2 * 0 + 1/2 * 6 = 3."""
    weights, dweights = np.array([0, 0.5, 0.5]), np.array([2, 0, 6])
    return weights * (dweights - weights @ dweights)                   # 0, -1.5, 1.5


def my_attention_backward(dout, cache):
    """dout (..., T, K) -> dq (..., T, K), dk (..., S, K), dv (..., S, K)."""
    q, k, v, weights = cache
    dv = weights.swapaxes(-1, -2) @ dout                               # (..., S, K)
    dweights = dout @ v.swapaxes(-1, -2)                               # (..., T, S)
    along = np.sum(dweights * weights, axis=-1, keepdims=True)         # (..., T, 1)
    dscores = weights * (dweights - along) / math.sqrt(q.shape[-1])    # (..., T, S)
    return dscores @ k, dscores.swapaxes(-1, -2) @ q, dv


def forward_inputs(rng):
    """One head, several heads, and float32; causal or not."""
    def qkv(*leading, T, S, K):
        return rng.normal(size=(*leading, T, K)), *rng.normal(size=(2, *leading, S, K))
    yield call(*qkv(T=4, S=6, K=3))
    yield call(*qkv(T=5, S=5, K=3), causal=True)
    yield call(*qkv(T=4, S=6, K=3), causal=True)
    yield call(*qkv(2, 5, T=4, S=6, K=3), causal=True)
    yield call(*(x.astype(np.float32) for x in qkv(T=4, S=6, K=3)))


def masked_inputs(rng):
    """A padding mask, causality as well, and rows that may attend to nothing."""
    yield from list(forward_inputs(rng))[:4]
    padding = np.array([[True] * 6, [True, False, True, False, False, True]])[:, None, None]
    some = rng.random((4, 6)) < 0.5
    some[1], some[2] = True, False
    for options in ({"mask": padding}, {"mask": padding, "causal": True}, {"mask": some}):
        yield call(rng.normal(size=(2, 5, 4, 3)), *rng.normal(size=(2, 2, 5, 6, 3)), **options)


def backward_inputs(rng):
    """As many keys as queries first: there a forgotten transpose still has the right shape."""
    for keys in (5, 7):
        q = rng.normal(size=(2, 3, 5, 6))
        yield call(q, *rng.normal(size=(2, 2, 3, keys, 6)), causal=True)
    yield call(q, *rng.normal(size=(2, 2, 3, 7, 6)))


def forward_mistake(*, scale=math.sqrt, axis=-1, transpose=None, hide=None, after=None):
    """my_causal_attention_forward with one of its steps replaced by a wrong one."""
    def forward(q, k, v, *, causal=False):
        scores = q @ (transpose(k) if transpose else k.swapaxes(-1, -2)) / scale(q.shape[-1])
        triangle = causal_mask(*scores.shape[-2:])
        if causal and not after:
            scores = hide(scores, triangle) if hide else np.where(triangle, scores, -np.inf)
        weights = np.exp(scores - scores.max(axis=axis, keepdims=True))
        weights = weights / weights.sum(axis=axis, keepdims=True)
        if causal and after:
            weights = after(weights, triangle)
        return weights @ v, AttentionCache(q, k, v, weights)
    return forward


def mask_mistake(*, allow=np.logical_and, hidden=-np.inf, repair=lambda *results: results):
    """my_attention_forward with another rule for who may attend, or for empty rows."""
    def forward(q, k, v, *, mask=None, causal=False):
        scores = q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1])
        everyone = np.ones(scores.shape[-2:], bool)
        triangle = causal_mask(*scores.shape[-2:]) if causal else everyone
        allowed = triangle if mask is None else allow(mask, triangle)
        with np.errstate(invalid="ignore"):
            weights, _ = softmax_forward(np.where(allowed, scores, hidden))
        out, weights = repair(weights @ v, weights)
        return out, AttentionCache(q, k, v, weights)
    return forward


def backward_mistake(*, dscores=None, dk=None, dv=None):
    """my_attention_backward with one step replaced by a wrong one."""
    def backward(dout, cache):
        q, k, v, weights = cache
        dweights = dout @ v.swapaxes(-1, -2)
        scaled = softmax_backward(dweights, SoftmaxCache(weights)) / math.sqrt(q.shape[-1])
        if dscores:
            scaled = dscores(dweights, weights, math.sqrt(q.shape[-1]))
        return (scaled @ k, dk(scaled, q) if dk else scaled.swapaxes(-1, -2) @ q,
                dv(weights, dout) if dv else weights.swapaxes(-1, -2) @ dout)
    return backward


ITEMS = (
    Prediction(
        "4.1", "256 numbers wide, 16 keys, no division by √K: how large is the largest of the 16 "
        "weights, on average?",
        answer=0.92,
        because="The scores have a standard deviation of 16, so the best key is usually several "
                "points ahead of the next, and e to that power is far ahead. Scaled, it is 0.25.",
    ),
    Exercise(
        "4.2", "the forward of causal attention", 15,
        solution=my_causal_attention_forward,
        cases=forward_inputs,
        results=("out", "cache"),
        mistakes=(
            Mistake(forward_mistake(scale=lambda K: 1), "The scores are not divided by √K."),
            Mistake(forward_mistake(scale=lambda K: K),
                    "The scores are divided by K: it should be its square root."),
            Mistake(forward_mistake(axis=-2),
                    "The softmax runs over the queries: it must run over the keys, the last axis."),
            Mistake(forward_mistake(after=lambda weights, triangle: weights * triangle),
                    "Masking after the softmax leaves the hidden keys in the denominator, so the "
                    "rows no longer add up to 1: mask the scores."),
            Mistake(forward_mistake(hide=lambda scores, triangle: scores * triangle),
                    "A masked score of 0 is a score like any other, and e^0 is 1: "
                    "put -np.inf there."),
            Mistake(forward_mistake(hide=lambda scores, triangle: np.where(
                        np.tri(*triangle.shape, dtype=bool), scores, -np.inf)),
                    "With fewer queries than keys, the queries are the last ones: "
                    "causal_mask(T, S) counts from the end."),
            Mistake(forward_mistake(transpose=lambda k: k.T),
                    "k.T turns round all axes. With leading axes only the last two must be "
                    "exchanged: k.swapaxes(-1, -2)."),
            Mistake(forward_mistake(scale=lambda K: np.sqrt(K)),
                    "np.sqrt(K) is a float64 number and lifts float32 arrays to float64: "
                    "use math.sqrt."),
        ),
        hints=("Five steps: q @ kᵀ, divide, hide, softmax_forward (on the last axis), @ v.",
               "For any leading axes: k.swapaxes(-1, -2) is kᵀ, and `@` does the rest.",
               "Hide with np.where(causal_mask(T, S), scores, -np.inf), where T and S are the last "
               "two sizes of scores."),
    ),
    Exercise(
        "4.3", "a mask, and rows with nothing to attend to", 15,
        solution=my_attention_forward,
        cases=masked_inputs,
        results=("out", "cache"),
        mistakes=(
            Mistake(mask_mistake(repair=lambda out, weights: (np.nan_to_num(out), weights)),
                    "The output is mended, but the weights in the cache still hold nan: mend the "
                    "weights, before @ v."),
            Mistake(mask_mistake(),
                    "A row whose scores are all -inf gives 0 / 0: find these rows with "
                    "np.any(..., axis=-1, keepdims=True) and give them the weight 0."),
            Mistake(mask_mistake(hidden=-1e9),
                    "With a finite number instead of -inf, a row that may attend to nothing attends"
                    " to everything equally: it must give zeros."),
            Mistake(mask_mistake(allow=lambda mask, triangle: ~mask & triangle),
                    "The mask is turned round: True means that the query may attend."),
            Mistake(mask_mistake(allow=lambda mask, triangle: mask | triangle),
                    "A key must be allowed by the mask and by causality: `&`, not `|`."),
            Mistake(mask_mistake(allow=lambda mask, triangle: mask),
                    "With a mask given, causal=True is forgotten: combine the two with `&`."),
        ),
        hints=("Make one boolean array `allowed` of mask and triangle: combine them with `&`.",
               "empty = ~np.any(allowed, axis=-1, keepdims=True) has shape (..., T, 1): one truth "
               "value a query.",
               "Give the empty rows finite scores before the softmax, and after it "
               "weights = np.where(empty, 0.0, weights)."),
    ),
    Exercise(
        "4.4", "the gradient of three scores, by pencil", 10,
        solution=my_score_gradient,
        mistakes=(
            Mistake(lambda: np.array([0.0, 0.0, 3.0]),
                    "This is weights * dweights: subtract the row's weighted mean first."),
            Mistake(lambda: np.array([-1.0, -3.0, 3.0]),
                    "This is dweights minus their weighted mean: multiply each by its weight."),
            Mistake(lambda: np.array([2.0, 0.0, 6.0]),
                    "This is dweights: the softmax is still to be passed."),
            Mistake(lambda: np.array([0.0, -1.5, 1.5]) / math.sqrt(2),
                    "This is one step too far: asked is the gradient of the scaled scores."),
            Mistake(lambda: softmax_backward(np.array([2.0, 0.0, 6.0]),
                                             softmax_forward(np.array([2, 1, 1]) / 2 ** 0.5)[1]),
                    "These are the weights without a mask, but `the` is hidden: its weight is 0."),
        ),
        hints=("Start forward: which weights does the row (-inf, 1, 1) / √2 give?",
               "dweights has one number for each key: the dot product of dout with its value.",
               "dscores = weights * (dweights - sum of weights * dweights)."),
    ),
    pair_exercise(
        "4.5", "the backward of attention", 20,
        forward=attention_forward,
        solution=my_attention_backward,
        names="q k v",
        inputs=backward_inputs,
        mistakes=(
            Mistake(backward_mistake(dscores=lambda dp, p, root: p * (
                        dp - (dp * p).sum(axis=-1, keepdims=True))),
                    "The factor 1/√K is missing: it was there on the way forward, so it belongs "
                    "to dq and to dk."),
            Mistake(backward_mistake(dscores=lambda dp, p, root: dp * p / root),
                    "The softmax moves all weights of a row at once: subtract the row's sum of "
                    "dweights * weights."),
            Mistake(backward_mistake(dscores=lambda dp, p, root: p * (
                        dp - (dp * p).sum(axis=-1)) / root),
                    "The row's sum needs keepdims=True, to be subtracted from its own row."),
            Mistake(backward_mistake(dk=lambda dscores, q: dscores @ q),
                    "dk sums over the queries t, the first index of dscores: transpose it."),
            Mistake(backward_mistake(dv=lambda weights, dout: weights @ dout),
                    "dv sums over the queries t, the first index of the weights: transpose them."),
            Mistake(backward_mistake(dv=lambda weights, dout: weights.T @ dout),
                    ".T turns round all four axes: swapaxes(-1, -2) exchanges the last two."),
        ),
        hints=("In code as on paper: dv, dweights, dscores, then dq and dk. For the transposes "
               "use .swapaxes(-1, -2).",
               "dweights = dout @ vᵀ, then softmax_backward(dweights, SoftmaxCache(weights)).",
               "Divide dscores by √K once, before dq = dscores @ k and dk = dscoresᵀ @ q."),
    ),
    Prediction(
        "4.6", "The article sets max_seq_len=5120 and nhead=8. One sentence of that length, one "
        "layer, 4 bytes a number: how many megabytes (10^6 bytes) do the weights alone take?",
        answer=8 * 5120 ** 2 * 4 / 1e6,
        because="8 heads times 5120 queries times 5120 keys. The text itself takes 10 MB.",
    ),
)

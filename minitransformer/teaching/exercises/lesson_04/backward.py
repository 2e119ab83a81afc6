"""Lesson 04's exercises on the way back, and on what attention costs."""

import math

import numpy as np

from minitransformer.functional import attention_forward, softmax_backward, softmax_forward
from minitransformer.functional.softmax import SoftmaxCache
from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, call, pair_exercise


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


def backward_inputs(rng):
    """As many keys as queries first: there a forgotten transpose still has the right shape."""
    for keys in (5, 7):
        q = rng.normal(size=(2, 3, 5, 6))
        yield call(q, *rng.normal(size=(2, 2, 3, keys, 6)), causal=True)
    kv = rng.normal(size=(2, 2, 3, 7, 6))
    yield call(q, *kv)
    yield call(*(x.astype(np.float32) for x in (q, *kv)))


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
    Exercise(
        "4.4", "the gradient of three scores, by pencil", 8,
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
            Mistake(lambda: np.array([0, 0.5, 0.5]) * (np.array([2, 0, 6]) - 8 / 3),
                    "This subtracts the plain mean: each number counts with its weight."),
        ),
        tolerance=5e-3,  # a pencil rounds
        hints=("Start forward: which weights does the row (-inf, 1, 1) / √2 give?",
               "dweights has one number for each key: the dot product of dout with its value.",
               "dscores = weights * (dweights - sum of weights * dweights)."),
    ),
    pair_exercise(
        "4.5", "the backward of attention", 15,
        forward=attention_forward,
        solution=my_attention_backward,
        builds="attention_backward",
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
            Mistake(backward_mistake(dscores=lambda dp, p, root: p * (
                        dp - (dp * p).sum(axis=-2, keepdims=True)) / root),
                    "The row's sum runs over the keys: axis=-1."),
            Mistake(backward_mistake(dscores=lambda dp, p, root: p * (
                        dp - dp.mean(axis=-1, keepdims=True)) / root),
                    "This subtracts the row's plain mean: each number counts with its weight."),
            Mistake(backward_mistake(dscores=lambda dp, p, root: p * (
                        dp - dp.sum(axis=-1, keepdims=True)) / root),
                    "This subtracts the row's plain sum: each number counts with its weight."),
            Mistake(backward_mistake(dscores=lambda dp, p, root: (
                        p * dp - (dp * p).sum(axis=-1, keepdims=True)) / root),
                    "The brackets are missing: weights * (dweights - the row's sum)."),
            Mistake(backward_mistake(dscores=lambda dp, p, root: dp / root),
                    "This leaves out the softmax: dscores is not dweights."),
            Mistake(backward_mistake(dscores=lambda dp, p, root: softmax_backward(dp, p) / root),
                    "softmax_backward asks for its cache: SoftmaxCache(weights)."),
            Mistake(backward_mistake(dscores=lambda dp, p, root: softmax_backward(
                        dp, SoftmaxCache(p)) / np.float64(root)),
                    "np.sqrt(K) is a float64 number and lifts float32 arrays to float64: "
                    "use math.sqrt."),
            Mistake(lambda dout, cache: my_attention_backward(dout, cache)[::-1],
                    "The order is dq, dk, dv."),
            Mistake(lambda dout, cache: dout @ cache.v.T,
                    ".T turns round all four axes: swapaxes(-1, -2) exchanges the last two."),
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
        because="8 heads times 5120 queries times 5120 keys. The text itself, 512 numbers a token, "
                "takes 10 MB.",
    ),
    Prediction(
        "4.7", "The asked name moves from n = 1 to n = 64 tokens back. What happens to attention's "
        "share of right answers?",
        answer="it stays",
        choices=("it stays", "it falls slowly", "it falls to a guess"),
        because="One query meets all keys with the same weights. Only the positions in them could "
                "favour what is near, and training, which asks for all distances, does not.",
    ),
)

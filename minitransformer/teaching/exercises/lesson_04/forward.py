"""Lesson 04's exercises on the way forward: one head of attention, and its masks."""

import math

import numpy as np

from minitransformer.functional import causal_mask, softmax_forward
from minitransformer.functional.attention import AttentionCache
from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, call


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


def forward_inputs(rng):
    """One head, several heads, and float32; causal or not; last, scores near 10^14."""
    def qkv(*leading, T, S, K):
        return rng.normal(size=(*leading, T, K)), *rng.normal(size=(2, *leading, S, K))
    yield call(*qkv(T=4, S=6, K=3))
    yield call(*qkv(T=5, S=5, K=3), causal=True)
    yield call(*qkv(T=4, S=6, K=3), causal=True)
    yield call(*qkv(2, 5, T=4, S=6, K=3), causal=True)
    yield call(*(x.astype(np.float32) for x in qkv(T=4, S=6, K=3)))
    q, k, v = qkv(2, 5, T=6, S=6, K=3)
    yield call(1e7 * q, 1e7 * k, v, causal=True)


def masked_inputs(rng):
    """A padding mask, causality as well, and rows that may attend to nothing."""
    *unmasked, large = forward_inputs(rng)
    yield from unmasked
    padding = np.array([[True] * 6, [True, False, True, False, False, True]])[:, None, None]
    some = rng.random((4, 6)) < 0.5
    some[1], some[2] = True, False
    for options in ({"mask": padding, "causal": True}, {"mask": padding}, {"mask": some}):
        yield call(rng.normal(size=(2, 5, 4, 3)), *rng.normal(size=(2, 2, 5, 6, 3)), **options)
    yield large


def by_index(scores, triangle):
    """scores with -inf by index, which fails with axes in front."""
    scores = scores.copy()
    scores[~triangle] = -np.inf
    return scores


def forward_mistake(*, scale=math.sqrt, axis=-1, transpose=None, hide=None, after=None):
    """my_causal_attention_forward with one of its steps replaced by a wrong one."""
    def forward(q, k, v, *, causal=False):
        scores = q @ (transpose(k) if transpose else k.swapaxes(-1, -2)) / scale(q.shape[-1])
        triangle = causal_mask(*scores.shape[-2:])
        if causal and not after:
            scores = hide(scores, triangle) if hide else np.where(triangle, scores, -np.inf)
        with np.errstate(invalid="ignore"):
            weights = np.exp(scores - scores.max(axis=axis, keepdims=True))
        weights = weights / weights.sum(axis=axis, keepdims=True)
        if causal and after:
            weights = after(weights, triangle)
        return weights @ v, AttentionCache(q, k, v, weights)
    return forward


def mask_mistake(*, allow=np.logical_and, hidden=-np.inf, repair=None):
    """my_attention_forward with another rule for who may attend, or for empty rows."""
    def forward(q, k, v, *, mask=None, causal=False):
        scores = q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1])
        everyone = np.ones(scores.shape[-2:], bool)
        triangle = causal_mask(*scores.shape[-2:]) if causal else everyone
        allowed = triangle if mask is None else allow(mask, triangle)
        with np.errstate(invalid="ignore"):
            weights, _ = softmax_forward(np.where(allowed, scores, hidden))
        if repair:
            weights = repair(weights, allowed)
        return weights @ v, AttentionCache(q, k, v, weights)
    return forward


def only_out_mended(q, k, v, *, mask=None, causal=False):
    """my_attention_forward with nan in the cache."""
    out, cache = mask_mistake()(q, k, v, mask=mask, causal=causal)
    return np.nan_to_num(out), cache


ITEMS = (
    Prediction(
        "4.1", "256 numbers wide, 16 keys, no division by √K: how large is the largest of the 16 "
        "weights, on average?",
        answer=0.92,
        because="The scores have a standard deviation of 16, so the best key is usually several "
                "points ahead of the next, and e to that power is far ahead. Scaled, it is 0.25.",
    ),
    Exercise(
        "4.2", "the forward of causal attention", 12,
        solution=my_causal_attention_forward,
        builds="attention_forward",
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
            Mistake(forward_mistake(hide=lambda scores, triangle: np.where(
                        triangle, scores, -1e9)),
                    "A finite number does not hide a key from a query whose other scores are "
                    "lower still: put -np.inf."),
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
            Mistake(forward_mistake(hide=lambda scores, triangle: scores),
                    "causal=True changes nothing: hide what causal_mask(T, S) forbids."),
            Mistake(forward_mistake(hide=lambda scores, triangle: np.where(
                        triangle, -np.inf, scores)),
                    "The mask is turned round: True means that the query may attend."),
            Mistake(forward_mistake(hide=by_index),
                    "An index does not broadcast over the axes in front: np.where does."),
        ),
        hints=("Five steps: q @ kᵀ, divide, hide, softmax_forward (on the last axis), @ v.",
               "For any leading axes: k.swapaxes(-1, -2) is kᵀ, and `@` does the rest.",
               "Hide with np.where(causal_mask(T, S), scores, -np.inf), where T and S are the last "
               "two sizes of scores."),
    ),
    Exercise(
        "4.3", "a mask, and rows with nothing to attend to", 15,
        solution=my_attention_forward,
        builds="attention_forward",
        cases=masked_inputs,
        results=("out", "cache"),
        mistakes=(
            Mistake(only_out_mended,
                    "The output is mended, but the weights in the cache still hold nan: mend the "
                    "weights, before @ v."),
            Mistake(mask_mistake(),
                    "A row whose scores are all -inf gives 0 / 0: find these rows with "
                    "np.any(..., axis=-1, keepdims=True) and give them the weight 0."),
            *(Mistake(mask_mistake(hidden=-1e9, repair=repair),
                      "A finite number does not hide a key from a query whose other scores are "
                      "lower still: put -np.inf, and other scores only in empty rows.")
              for repair in (np.multiply, lambda weights, allowed: np.where(
                  np.any(allowed, axis=-1, keepdims=True), weights, 0.0))),
            Mistake(mask_mistake(hidden=-1e9),
                    "A row that may attend to nothing attends to everything equally: after the "
                    "softmax set its weights to 0, before @ v."),
            Mistake(mask_mistake(allow=lambda mask, triangle: ~mask & triangle),
                    "The mask is turned round: True means that the query may attend."),
            Mistake(mask_mistake(allow=lambda mask, triangle: triangle),
                    "With causal=True, the mask is not used: combine the two with `&`."),
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
)

"""Lesson 11's exercises on the cache of keys and values: a step, and how many bytes it takes."""

import math

import numpy as np

from minitransformer.functional import softmax_forward
from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, call


def my_cached_attention_step(q, k, v, k_kept, v_kept):
    """The newest token asks all: q, k, v (H, 1, K), kept (H, t, K) -> out (H, 1, K), k, v kept."""
    k = np.concatenate([k_kept, k], axis=1)                        # (H, t + 1, K)
    v = np.concatenate([v_kept, v], axis=1)                        # (H, t + 1, K)
    scores = q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1])       # (H, 1, t + 1)
    weights, _ = softmax_forward(scores)                           # (H, 1, t + 1)
    return weights @ v, k, v


def cache_bytes():
    """Blocks, keys and values, heads of keys and values, tokens, width, bytes a number."""
    return 32 * 2 * 8 * 8192 * 128 * 2


def steps(rng):
    for H, t, K in ((2, 4, 3), (3, 1, 4), (2, 0, 5)):
        yield call(*rng.normal(size=(3, H, 1, K)), *rng.normal(size=(2, H, t, K)))


def step_mistake(*, asks=lambda new, kept: np.concatenate([kept, new], axis=1),
                 scale=math.sqrt, weigh=lambda scores: softmax_forward(scores)[0],
                 keeps=lambda new, kept: np.concatenate([kept, new], axis=1)):
    """my_cached_attention_step with one of its steps replaced by a wrong one."""
    def step(q, k, v, k_kept, v_kept):
        k_all, v_all = asks(k, k_kept), asks(v, v_kept)
        weights = weigh(q @ k_all.swapaxes(-1, -2) / scale(q.shape[-1]))
        return weights @ v_all, keeps(k, k_kept), keeps(v, v_kept)
    return step


def values_not_extended(q, k, v, k_kept, v_kept):
    out, k_all, _ = my_cached_attention_step(q, k, v, k_kept, v_kept)
    return out, k_all, v_kept


ITEMS = (
    Exercise(
        "11.6", "a step of attention with a cache", 10,
        solution=my_cached_attention_step,
        cases=steps,
        results=("out", "k_all", "v_all"),
        mistakes=(
            Mistake(step_mistake(asks=lambda new, kept: kept if kept.shape[1] else new),
                    "The new token does not ask itself: its own key and value belong to those "
                    "that it may attend to."),
            Mistake(step_mistake(asks=lambda new, kept: new),
                    "The new token asks itself alone: it has to ask the kept keys as well."),
            Mistake(step_mistake(scale=lambda K: 1.0),
                    "The scores are not divided by the root of K."),
            Mistake(step_mistake(scale=lambda K: K),
                    "Divide the scores by the root of K, not by K."),
            Mistake(step_mistake(weigh=lambda scores: scores),
                    "The softmax is missing: scores are no weights."),
            Mistake(step_mistake(keeps=lambda new, kept: np.concatenate([new, kept], axis=1)),
                    "The new key and value are put in front: order does not change this out, but "
                    "the kept tokens are no longer in their places."),
            Mistake(values_not_extended,
                    "The values have to be extended as the keys are."),
            Mistake(step_mistake(keeps=lambda new, kept: kept),
                    "Return the keys and values with the new ones behind them: the next step "
                    "needs all."),
            Mistake(step_mistake(keeps=lambda new, kept: new),
                    "Return all keys and values, not the newest alone: the next step needs all."),
        ),
        hints=("np.concatenate([k_kept, k], axis=1) puts the new key behind the others; axis 1 "
               "counts the tokens.",
               "Then it is lesson 04's head with one query: softmax(q kᵀ / √K) v.",
               "k.swapaxes(-1, -2) is kᵀ for each head. No mask: all keys are of the past."),
    ),
    Prediction(
        "11.7", "One model writes 256 tokens twice: computing the whole text anew for each token, "
        "and with a cache. How many times as many multiplications does the first way take?",
        answer=134,
        because="The text has 128 tokens on average, and all of them are computed anew for each "
                "new one. The attention among them adds a little.",
    ),
    Exercise(
        "11.8", "a cache in bytes", 4,
        solution=cache_bytes,
        mistakes=(
            Mistake(lambda: cache_bytes() // 2,
                    "A factor of 2 is missing: both keys and values are kept, and each number "
                    "takes 2 bytes."),
            Mistake(lambda: cache_bytes() * 2,
                    "There is a factor of 2 too many: keys and values are 2, and a number takes "
                    "2 bytes."),
            Mistake(lambda: cache_bytes() / 2**30,
                    "This is in units of 2 to the power of 30 bytes: give the bytes."),
            Mistake(lambda: cache_bytes() * 4,
                    "Only the heads of keys and values are kept, and there are 8 of them, not "
                    "32."),
            Mistake(lambda: cache_bytes() // 32,
                    "Each of the blocks keeps its own keys and values."),
            Mistake(lambda: cache_bytes() // 8192,
                    "These are the bytes of one token: the text has 8192."),
        ),
        hints=("Multiply: blocks, 2 (keys and values), texts, heads of keys and values, tokens, "
               "width of a head, bytes of a number.",
               "The 32 query heads do not count: queries are not kept."),
    ),
)

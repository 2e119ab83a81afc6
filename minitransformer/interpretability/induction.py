"""Induction heads: attention that finds the last time a token stood here, and what came after it.

In "... a b ... a" such a head lets the second a look at the b, and say it again. It takes another
head, in an earlier block, that tells b what stands before it [induction.score]. Lesson 20 grows
them. Each score is a mean of attention weights, so it lies between 0 and 1.
Source: Elhage et al. 2021; Olsson et al. 2022.
"""

import numpy as np

from minitransformer.functional import cross_entropy_forward
from minitransformer.shapes import expect_shape


def repeated_tokens(rng, *, n_texts, period, length, vocab):
    """(n_texts, length): random tokens out of vocab, and after `period` of them the same again.

    period: a whole number, or (least, most): then each text draws its own, and no place tells what
    will be repeated there. vocab: a list of ids, or range(first, last + 1).
    Raises ValueError for a period below 1.
    """
    least, most = period if isinstance(period, tuple) else (period, period)
    if not 1 <= least <= most:
        raise ValueError(f"period is {period}, expected 1 or more, or (least, most)")
    periods = rng.integers(least, most + 1, size=n_texts)                # (n_texts,)
    once = rng.choice(np.asarray(vocab), size=(n_texts, most))           # (n_texts, most)
    places = np.arange(length) % periods[:, None]                        # (n_texts, length)
    return np.take_along_axis(once, places, axis=1)


def induction_scores(weights, period):
    """(H,): the mean weight from a repeated token to the one behind its last appearance.

    weights (B, H, T, T) of a text that repeats after `period` tokens: query t >= period, key
    t - period + 1. Raises ValueError unless 2 <= period < T.
    """
    expect_shape("weights", weights, "B H T S", S=np.shape(weights)[2])
    T = weights.shape[2]
    if not 2 <= period < T:
        raise ValueError(f"period is {period}, expected 2 to {T - 1}: a text of {T} tokens has to "
                         f"repeat, and the token behind the last appearance to be another one")
    queries = np.arange(period, T)
    return weights[:, :, queries, queries - period + 1].mean(axis=(0, 2))  # (H,)


def previous_token_scores(weights):
    """(H,): the mean weight from a token to the one before it, of weights (B, H, T, T)."""
    expect_shape("weights", weights, "B H T S", S=np.shape(weights)[2])
    queries = np.arange(1, weights.shape[2])
    return weights[:, :, queries, queries - 1].mean(axis=(0, 2))         # (H,)


def losses_by_half(model, ids):
    """(loss of the first half, of the second), in nats a token: two floats.

    ids (B, T), T even, a text whose second half is its first again. The tokens that count in the
    second half are those behind its first one, which nothing announces. Raises ValueError for an
    odd number of tokens.
    """
    half, odd = divmod(ids.shape[1], 2)
    if odd:
        raise ValueError(f"ids has texts of {ids.shape[1]} tokens, expected an even number")
    logits, _ = model.forward(ids[:, :-1])                               # (B, T - 1, V)
    return tuple(float(cross_entropy_forward(logits[:, a:b], targets=ids[:, a + 1:b + 1])[0])
                 for a, b in ((0, half - 1), (half, 2 * half - 1)))

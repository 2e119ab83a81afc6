"""Lesson 04's recall task, and three models for it that differ only in how they read the text.

A text is a row of tokens, each a pair of a name and a value. At its end one name is asked. It
stands in exactly one of the tokens, n tokens before the end, and the model is to give its value.

All three models look the tokens up in the same two tables, read them, and put the same small
network behind what was read. The readings are: one head of attention; the last w rows side by
side (a window, as in lesson 03); the mean of all rows (a bag of tokens).
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from minitransformer.functional import (
    attention_backward,
    attention_forward,
    embedding_backward,
    embedding_forward,
    linear_backward,
    linear_forward,
    relu_backward,
    relu_forward,
    sinusoidal_positions,
)
from minitransformer.functional.embedding import EmbeddingCache
from minitransformer.functional.linear import LinearCache
from minitransformer.functional.relu import ReluCache

NAMES, VALUES = 4, 4  # so a guess is right once in four


class Texts(NamedTuple):
    names: np.ndarray    # (B, S) int, the oldest token first
    values: np.ndarray   # (B, S) int
    asked: np.ndarray    # (B,) int: the name that is asked at the end
    targets: np.ndarray  # (B,) int: its value


def draw_texts(rng, *, count, length, distance=None):
    """Random texts: count = B, length = S.

    distance: how many tokens before the end the asked name stands, 1 for the last token. None:
    drawn for each text so that 1 to 2, 2 to 4, 4 to 8 ... are about equally frequent.
    """
    B, S = count, length
    asked = rng.integers(NAMES, size=B)                                      # (B,)
    others = rng.integers(1, NAMES, size=(B, S))                             # (B, S)
    names = (asked[:, None] + others) % NAMES                                # (B, S) none is asked
    values = rng.integers(VALUES, size=(B, S))                               # (B, S)
    if distance is None:
        distance = np.exp(rng.uniform(0, math.log(S + 1), size=B)).astype(int)  # (B,)
    place = (np.arange(B), S - distance)
    names[place] = asked
    return Texts(names, values, asked, values[place])


class Reading(NamedTuple):
    """How a model reads: parameters of its own, and a pair with the inputs params, question, x.

    x (B, S, D) holds the tokens' rows, question (B, D) the asked name's.
    """
    width: Callable     # D -> R, how many numbers are read
    init: Callable      # (normal, D) -> params
    forward: Callable   # (params, question, x) -> read (B, R), cache
    backward: Callable  # (dread, cache) -> dparams, dquestion, dx


def attention_reading_init(normal, D):
    """q, k, v (D, D). q and k begin small: the weights begin about equal, far from saturation."""
    return {"q": normal(D, D, scale=0.3 / math.sqrt(D)),
            "k": normal(D, D, scale=0.3 / math.sqrt(D)),
            "v": normal(D, D, scale=1 / math.sqrt(D))}


def attention_reading_forward(params, question, x):
    """One head, K = D: the question asks all tokens. Both know their positions."""
    S, D = x.shape[1:]
    positions = sinusoidal_positions(S + 1, D).astype(x.real.dtype)          # (S + 1, D)
    question = question + positions[S]                                       # (B, D)
    x = x + positions[:S]                                                    # (B, S, D)
    q, q_cache = linear_forward(question, params["q"])                       # (B, D)
    k, k_cache = linear_forward(x, params["k"])                              # (B, S, D)
    v, v_cache = linear_forward(x, params["v"])                              # (B, S, D)
    read, cache = attention_forward(q[:, None, None], k[:, None], v[:, None])  # (B, 1, 1, D)
    return read[:, 0, 0], (cache, q_cache, k_cache, v_cache)


# The pairs in reversed order. x is used twice, for k and for v: its gradients add.
def attention_reading_backward(dread, cache):
    """dread (B, D) -> dparams, dquestion (B, D), dx (B, S, D)."""
    cache, q_cache, k_cache, v_cache = cache
    dq, dk, dv = attention_backward(dread[:, None, None], cache)             # (B, 1, 1 or S, D)
    dquestion, dw_q, _ = linear_backward(dq[:, 0, 0], q_cache)               # (B, D), (D, D)
    dx_k, dw_k, _ = linear_backward(dk[:, 0], k_cache)                       # (B, S, D), (D, D)
    dx_v, dw_v, _ = linear_backward(dv[:, 0], v_cache)                       # (B, S, D), (D, D)
    return {"q": dw_q, "k": dw_k, "v": dw_v}, dquestion, dx_k + dx_v


def window_reading(w):
    """The Reading that sees the last w tokens, side by side, and no others. No parameters."""
    def forward(params, question, x):
        return x[:, -w:].reshape(len(x), -1), (question, x)                  # (B, w D)

    def backward(dread, cache):
        question, x = cache
        dx = np.zeros_like(x)                                                # (B, S, D)
        dx[:, -w:] = dread.reshape(len(x), w, -1)                            # (B, w, D)
        return {}, np.zeros_like(question), dx

    return Reading(lambda D: w * D, lambda normal, D: {}, forward, backward)


def bag_reading_forward(params, question, x):
    """The mean of all rows: how often each name and value is there, not which go together."""
    return np.mean(x, axis=1), (question, x)                                 # (B, D)


def bag_reading_backward(dread, cache):
    """dread (B, D) -> no parameters, dquestion = 0, dx (B, S, D): an S-th for each token."""
    question, x = cache
    return {}, np.zeros_like(question), np.zeros_like(x) + dread[:, None] / x.shape[1]


ATTENTION = Reading(lambda D: D, attention_reading_init, attention_reading_forward,
                    attention_reading_backward)
BAG = Reading(lambda D: D, lambda normal, D: {}, bag_reading_forward, bag_reading_backward)


class RecallCache(NamedTuple):
    reading: Reading
    names: EmbeddingCache
    values: EmbeddingCache
    asked: EmbeddingCache
    read: tuple
    up: LinearCache
    relu: ReluCache
    down: LinearCache


def recall_init(rng, *, reading, d_model, d_ff, dtype=np.float32):
    """params: names, values (4, D), read {...}, up {w (R + D, F), b (F,)}, down {w (F, 4), b}."""
    D, F, R = d_model, d_ff, reading.width(d_model)

    def normal(*shape, scale):
        return (scale * rng.normal(size=shape)).astype(dtype)

    return {"names": normal(NAMES, D, scale=1.0), "values": normal(VALUES, D, scale=1.0),
            "read": reading.init(normal, D),
            "up": {"w": normal(R + D, F, scale=math.sqrt(2 / (R + D))), "b": np.zeros(F, dtype)},
            "down": {"w": normal(F, VALUES, scale=0.1 / math.sqrt(F)),
                     "b": np.zeros(VALUES, dtype)}}


def recall_forward(params, *, texts, reading):
    """logits of the asked name's value = relu([read, question] up) down.

    A token's row is its name's row plus its value's. params as from recall_init, texts a Texts
    -> logits (B, 4), cache.
    """
    name_rows, names = embedding_forward(params["names"], ids=texts.names)   # (B, S, D)
    value_rows, values = embedding_forward(params["values"], ids=texts.values)  # (B, S, D)
    question, asked = embedding_forward(params["names"], ids=texts.asked)    # (B, D)
    x = name_rows + value_rows                                               # (B, S, D)
    read, read_cache = reading.forward(params["read"], question, x)          # (B, R)
    known = np.concatenate([read, question], axis=1)                         # (B, R + D)
    hidden, up = linear_forward(known, params["up"]["w"], params["up"]["b"])  # (B, F)
    active, relu = relu_forward(hidden)                                      # (B, F)
    logits, down = linear_forward(active, params["down"]["w"], params["down"]["b"])  # (B, 4)
    return logits, RecallCache(reading, names, values, asked, read_cache, up, relu, down)


# The pairs in reversed order. The question's row goes to the reading and to the network, and the
# table of names serves the tokens and the question: each time two gradients add.
def recall_backward(dlogits, cache):
    """dlogits (B, 4) -> dparams."""
    dactive, ddown_w, ddown_b = linear_backward(dlogits, cache.down)         # (B, F)
    dhidden = relu_backward(dactive, cache.relu)                             # (B, F)
    dknown, dup_w, dup_b = linear_backward(dhidden, cache.up)                # (B, R + D)
    D = cache.asked.table.shape[1]
    dread_params, dasked, dx = cache.reading.backward(dknown[:, :-D], cache.read)  # (B, S, D)
    dquestion = dknown[:, -D:] + dasked                                      # (B, D)
    dnames = embedding_backward(dx, cache.names) + embedding_backward(dquestion, cache.asked)
    return {"names": dnames, "values": embedding_backward(dx, cache.values),  # (4, D) each
            "read": dread_params, "up": {"w": dup_w, "b": dup_b},
            "down": {"w": ddown_w, "b": ddown_b}}

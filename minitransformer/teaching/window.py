"""The ladder's window model: a small network that sees the last n characters, and no others.

The rows of the n characters stand side by side in one long row. So each place in the window has
weights of its own, and the model knows the order without being told positions.
"""

import math
from typing import NamedTuple

import numpy as np

from minitransformer.data.tokenizers import CharacterTokenizer
from minitransformer.functional import (
    cross_entropy_backward,
    cross_entropy_forward,
    embedding_backward,
    embedding_forward,
    linear_backward,
    linear_forward,
    relu_backward,
    relu_forward,
)
from minitransformer.functional.embedding import EmbeddingCache
from minitransformer.functional.linear import LinearCache
from minitransformer.functional.relu import ReluCache
from minitransformer.training.optimizer import SGD


class WindowCache(NamedTuple):
    table: EmbeddingCache
    up: LinearCache
    relu: ReluCache
    down: LinearCache


def window_init(rng, *, vocab_size, window, d_model, d_ff, dtype=np.float32):
    """params: table (V, D), up {w (n D, F), b (F,)}, down {w (F, V), b (V,)}."""
    V, D, F = vocab_size, d_model, d_ff

    def normal(*shape, scale):
        return (scale * rng.normal(size=shape)).astype(dtype)

    return {"table": normal(V, D, scale=1.0),
            "up": {"w": normal(window * D, F, scale=math.sqrt(2 / (window * D))),
                   "b": np.zeros(F, dtype)},
            "down": {"w": normal(F, V, scale=0.1 / math.sqrt(F)), "b": np.zeros(V, dtype)}}


def window_forward(params, *, ids):
    """logits = relu(the n rows, side by side, up) down.

    params as from window_init, ids (B, n) int, the oldest first -> logits (B, V), cache.
    """
    rows, table = embedding_forward(params["table"], ids=ids)              # (B, n, D)
    x = rows.reshape(len(rows), -1)                                        # (B, n D)
    hidden, up = linear_forward(x, params["up"]["w"], params["up"]["b"])   # (B, F)
    active, relu = relu_forward(hidden)                                    # (B, F)
    logits, down = linear_forward(active, params["down"]["w"], params["down"]["b"])  # (B, V)
    return logits, WindowCache(table, up, relu, down)


# The pairs in reversed order. Laying rows side by side moves no number to another place in
# memory, so the way back is to cut the long row into n rows again.
def window_backward(dlogits, cache):
    """dlogits (B, V) -> dparams."""
    dactive, ddown_w, ddown_b = linear_backward(dlogits, cache.down)       # (B, F)
    dhidden = relu_backward(dactive, cache.relu)                           # (B, F)
    dx, dup_w, dup_b = linear_backward(dhidden, cache.up)                  # (B, n D)
    drows = dx.reshape(*cache.table.ids.shape, -1)                         # (B, n, D)
    return {"table": embedding_backward(drows, cache.table),               # (V, D)
            "up": {"w": dup_w, "b": dup_b}, "down": {"w": ddown_w, "b": ddown_b}}


def train_window(split, *, seed, window, d_model, d_ff, batch, steps, lr):
    """Train on split.train: params, the ids of every part as a TextSplit, and each step's loss.

    A step is lesson 02's: `batch` random places, one step of SGD. Its loss is in bits a character.
    The step size falls linearly from lr to 0.
    """
    tokenizer = CharacterTokenizer.from_texts(split)
    ids = split._replace(**{part: np.array(tokenizer.encode(text))
                            for part, text in split._asdict().items()})
    rng = np.random.default_rng(seed)
    params = window_init(rng, vocab_size=tokenizer.vocab_size, window=window, d_model=d_model,
                         d_ff=d_ff)
    optimizer = SGD(params, lr=lr)
    losses = np.empty(steps)
    for step in range(steps):
        starts = rng.integers(len(ids.train) - window, size=(batch, 1))    # (B, 1)
        pieces = ids.train[starts + np.arange(window + 1)]                 # (B, n + 1)
        logits, cache = window_forward(params, ids=pieces[:, :-1])         # (B, V)
        loss, loss_cache = cross_entropy_forward(logits, targets=pieces[:, -1])
        grads = window_backward(cross_entropy_backward(1.0, loss_cache), cache)
        optimizer.step(grads, lr=lr * (1 - step / steps))                  # w -= lr dw, each array
        losses[step] = loss / math.log(2)
    return params, ids, losses


def window_bits_per_character(params, ids, *, window):
    """The mean surprise at each character of a text's ids that has a whole window before it."""
    pieces = np.lib.stride_tricks.sliding_window_view(ids, window + 1)     # (N, n + 1)
    total = 0.0
    for start in range(0, len(pieces), 4096):
        part = pieces[start:start + 4096]
        logits, _ = window_forward(params, ids=part[:, :-1])               # (B, V)
        loss, _ = cross_entropy_forward(logits, targets=part[:, -1])
        total += float(loss) * len(part)
    return total / len(pieces) / math.log(2)

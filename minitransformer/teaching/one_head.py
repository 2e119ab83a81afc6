"""The ladder's model with one head: lesson 02's bigram table, plus what attention fetches.

For each character the bigram table holds one row of logits for the next character. The head adds a
second row: it looks back over the characters before, mixes what it finds, and turns the mixture
into logits.
"""

import math
from typing import NamedTuple

import numpy as np

from minitransformer.data.tokenizers import CharacterTokenizer
from minitransformer.functional import (
    attention_backward,
    attention_forward,
    cross_entropy_backward,
    cross_entropy_forward,
    embedding_backward,
    embedding_forward,
    linear_backward,
    linear_forward,
    sinusoidal_positions,
)
from minitransformer.functional.attention import AttentionCache
from minitransformer.functional.embedding import EmbeddingCache
from minitransformer.functional.linear import LinearCache
from minitransformer.training.optimizer import AdamW


class OneHeadCache(NamedTuple):
    bigram: EmbeddingCache
    table: EmbeddingCache
    q: LinearCache
    k: LinearCache
    v: LinearCache
    attention: AttentionCache
    out: LinearCache


def one_head_init(rng, *, vocab_size, d_model, dtype=np.float32):
    """params: bigram (V, V), table (V, D), q, k, v (D, D), out (D, V); K = D."""
    V, D = vocab_size, d_model

    def normal(*shape, scale):
        return (scale * rng.normal(size=shape)).astype(dtype)

    return {"bigram": np.zeros((V, V), dtype), "table": normal(V, D, scale=1.0),
            **{name: normal(D, D, scale=1 / math.sqrt(D)) for name in "qkv"},
            "out": normal(D, V, scale=0.1 / math.sqrt(D))}


def one_head_forward(params, *, ids):
    """logits of the next character = the bigram table's row + (what one causal head fetched) out.

    params as from one_head_init, ids (B, T) int -> logits (B, T, V), cache.
    """
    from_bigram, bigram = embedding_forward(params["bigram"], ids=ids)     # (B, T, V)
    x, table = embedding_forward(params["table"], ids=ids)                 # (B, T, D)
    x = x + sinusoidal_positions(*x.shape[1:]).astype(x.real.dtype)        # (B, T, D)
    q, q_cache = linear_forward(x, params["q"])                            # (B, T, D)
    k, k_cache = linear_forward(x, params["k"])                            # (B, T, D)
    v, v_cache = linear_forward(x, params["v"])                            # (B, T, D)
    fetched, attention = attention_forward(q[:, None], k[:, None], v[:, None],
                                           causal=True)                    # (B, 1, T, D)
    from_head, out = linear_forward(fetched[:, 0], params["out"])          # (B, T, V)
    logits = from_bigram + from_head                                       # (B, T, V)
    return logits, OneHeadCache(bigram, table, q_cache, k_cache, v_cache, attention, out)


# The pairs in reversed order. x is used three times, for q, k and v: its gradients add.
def one_head_backward(dlogits, cache):
    """dlogits (B, T, V) -> dparams."""
    dparams = {"bigram": embedding_backward(dlogits, cache.bigram)}        # (V, V)
    dfetched, dparams["out"], _ = linear_backward(dlogits, cache.out)      # (B, T, D), (D, V)
    dq, dk, dv = attention_backward(dfetched[:, None], cache.attention)    # (B, 1, T, D) each
    dx_q, dparams["q"], _ = linear_backward(dq[:, 0], cache.q)             # (B, T, D), (D, D)
    dx_k, dparams["k"], _ = linear_backward(dk[:, 0], cache.k)             # (B, T, D), (D, D)
    dx_v, dparams["v"], _ = linear_backward(dv[:, 0], cache.v)             # (B, T, D), (D, D)
    dparams["table"] = embedding_backward(dx_q + dx_k + dx_v, cache.table)  # (V, D)
    return {name: dparams[name] for name in ("bigram", "table", "q", "k", "v", "out")}


def train_one_head(split, *, seed, d_model, block, batch, steps, lr, init=one_head_init,
                   forward=one_head_forward, backward=one_head_backward):
    """Train on split.train: params, the ids of every part as a TextSplit, and each step's loss.

    A step takes `batch` random pieces of `block` characters; its loss is in bits a character. The
    step size falls linearly from lr to 0. init, forward, backward: another model's, which may give
    logits of a piece's last characters alone.
    """
    tokenizer = CharacterTokenizer.from_texts(split)
    ids = split._replace(**{part: np.array(tokenizer.encode(text))
                            for part, text in split._asdict().items()})
    rng = np.random.default_rng(seed)
    params = init(rng, vocab_size=tokenizer.vocab_size, d_model=d_model)
    optimizer = AdamW(params, lr=lr)
    losses = np.empty(steps)
    for step in range(steps):
        starts = rng.integers(len(ids.train) - block, size=(batch, 1))     # (B, 1)
        pieces = ids.train[starts + np.arange(block + 1)]                  # (B, T + 1)
        logits, cache = forward(params, ids=pieces[:, :-1])                # (B, T, V)
        loss, loss_cache = cross_entropy_forward(logits, targets=pieces[:, -logits.shape[1]:])
        dlogits = cross_entropy_backward(1.0, loss_cache)                  # (B, T, V)
        optimizer.step(backward(dlogits, cache), lr=lr * (1 - step / steps))
        losses[step] = loss / math.log(2)
    return params, ids, losses


def bits_per_character(params, ids, *, block, forward=one_head_forward):
    """The mean surprise over a text's ids, cut into blocks; each sees its own block only."""
    count = (len(ids) - 1) // block
    inputs = ids[:count * block].reshape(count, block)                     # (N, T)
    targets = ids[1:count * block + 1].reshape(count, block)               # (N, T)
    total = 0.0
    for start in range(0, count, 64):
        part = slice(start, start + 64)
        logits, _ = forward(params, ids=inputs[part])                      # (B, T, V)
        loss, _ = cross_entropy_forward(logits, targets=targets[part])
        total += float(loss) * targets[part].size
    return total / targets.size / math.log(2)

"""Exhibits of lesson 08: a memory's gradient that is overwritten, targets that are not shifted."""

from typing import NamedTuple

from minitransformer.functional import (
    attention_backward,
    attention_forward,
    embedding_backward,
    embedding_forward,
    linear_backward,
    linear_forward,
)
from minitransformer.layers import (
    decoder_block_backward,
    projection_backward,
    token_embedding_backward,
)
from minitransformer.teaching.exercise import call
from minitransformer.teaching.museum import Exhibit


class TwoReadersCache(NamedTuple):
    encoder: NamedTuple
    readers: list


def two_readers_forward(source, w, x):
    """memory = source w; twice x = x + attention(x, memory, memory): an encoder and two readers.

    source (B, H, S, E), w (E, K), x (B, H, T, K) -> x (B, H, T, K), cache.
    """
    memory, encoder = linear_forward(source, w)                    # (B, H, S, K)
    readers = []
    for _ in range(2):
        heard, cache = attention_forward(x, memory, memory)        # (B, H, T, K)
        x = x + heard                                              # (B, H, T, K)
        readers.append(cache)
    return x, TwoReadersCache(encoder, readers)


def two_readers_backward(dx, cache):
    """dx (B, H, T, K) -> dsource (B, H, S, E), dw (E, K), dx (B, H, T, K)."""
    dmemory = 0
    for reader in reversed(cache.readers):
        dq, dk, dv = attention_backward(dx, reader)
        dmemory = dmemory + dk + dv                                # (B, H, S, K)
        dx = dx + dq                                               # (B, H, T, K)
    dsource, dw, _ = linear_backward(dmemory, cache.encoder)
    return dsource, dw, dx


def two_readers_backward_overwriting(dx, cache):
    for reader in reversed(cache.readers):
        dq, dk, dv = attention_backward(dx, reader)
        dmemory = dk + dv                                          # (B, H, S, K): the last one wins
        dx = dx + dq                                               # (B, H, T, K)
    dsource, dw, _ = linear_backward(dmemory, cache.encoder)
    return dsource, dw, dx


def decoder_backward_overwriting(dlogits, cache):
    """The same fault in the package's decoder, to train with: dmemory is the lowest block's."""
    doutput, dx = projection_backward(dlogits, cache.output)
    dnorm, dx = cache.norm.backward(dx, cache.final_norm)
    dblocks = []
    for block_cache in reversed(cache.blocks):
        dblock, dx, dmemory = decoder_block_backward(dx, block_cache)
        dblocks.insert(0, dblock)
    dembedding = token_embedding_backward(dx, cache.embedding)
    return {"embedding": dembedding, "blocks": dblocks, "norm": dnorm, "output": doutput}, dmemory


class GuesserCache(NamedTuple):
    embedding: NamedTuple
    attention: NamedTuple
    out: NamedTuple


def unshifted_forward(table, w, *, targets):
    x, embedding = embedding_forward(table, ids=targets)           # (B, T, K): and no shift
    heard, attention = attention_forward(x[:, None], x[:, None], x[:, None], causal=True)
    logits, out = linear_forward(heard[:, 0], w)                   # (B, T, V)
    return logits, GuesserCache(embedding, attention, out)


def unshifted_backward(dlogits, cache):
    """dlogits (B, T, V) -> dtable (V, K), dw (K, V): right, for a forward that is not."""
    dheard, dw, _ = linear_backward(dlogits, cache.out)            # (B, T, K)
    dq, dk, dv = attention_backward(dheard[:, None], cache.attention)
    return embedding_backward((dq + dk + dv)[:, 0], cache.embedding), dw


EXHIBITS = (
    Exhibit(
        "overwritten_memory", "08", "dmemory overwritten by each block, instead of added up",
        forward=two_readers_forward,
        backward=two_readers_backward_overwriting,
        fault=two_readers_backward_overwriting,
        inputs=lambda rng: call(rng.normal(size=(2, 1, 5, 3)), rng.normal(size=(3, 4)),
                                rng.normal(size=(2, 1, 6, 4))),
        breaks="the encoder hears the lowest block alone. The decoder's own gradients are all "
               "right, and with a single block everything is.",
        caught_by=("the gradient check", "a check with dout = ones"),
        missed_by=("a look at the shapes", "a falling loss"),
    ),
    Exhibit(
        "unshifted_targets", "08", "targets that are not shifted: the answer is in the question",
        forward=unshifted_forward,
        backward=unshifted_backward,
        fault=unshifted_forward,
        inputs=lambda rng: call(rng.normal(size=(7, 3)), rng.normal(size=(3, 7)),
                                targets=rng.integers(7, size=(2, 5))),
        breaks="every place is handed the token that it has to guess, and the model learns to "
               "copy it. Asked to write by itself, it has nothing to copy.",
        caught_by=("a changed target",),
        missed_by=("the gradient check", "a check with dout = ones", "a look at the shapes",
                   "a falling loss"),
    ),
)

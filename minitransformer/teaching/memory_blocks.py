"""The ladder's model with a memory: lesson 02's bigram table, plus what a whole Transformer knows.

The package's encoder reads a block of text, without a mask for the future: all of it is past. The
decoder predicts the block that follows. It looks back in its own block and across to the memory.
"""

import math
from typing import NamedTuple

import numpy as np

from minitransformer.data.tokenizers import PAD
from minitransformer.functional import cross_entropy_forward, embedding_backward, embedding_forward
from minitransformer.functional.embedding import EmbeddingCache
from minitransformer.models import (
    EncoderDecoderConfig,
    encoder_decoder_backward,
    encoder_decoder_forward,
    encoder_decoder_init,
)


class MemoryBlocksCache(NamedTuple):
    bigram: EmbeddingCache
    transformer: NamedTuple


def memory_config(vocab_size, **sizes):
    """The encoder-decoder's configuration: one vocabulary on both sides, no dropout.

    sizes: d_model, n_heads, n_layers, d_ff, max_seq_len.
    """
    return EncoderDecoderConfig(vocab_size, vocab_size, dropout=0.0, **sizes)


def memory_blocks_init(rng, *, config, dtype=np.float32):
    """params: bigram (V, V), transformer (the encoder-decoder's tree)."""
    V, D = config.tgt_vocab_size, config.d_model
    transformer = encoder_decoder_init(rng, config=config, dtype=dtype)
    out = (0.1 / math.sqrt(D) * rng.normal(size=(D, V))).astype(dtype)     # (D, V)
    transformer["decoder"]["output"] = {"w": out}  # small, as in the other models of the ladder
    return {"bigram": np.zeros((V, V), dtype), "transformer": transformer}


def memory_blocks_forward(params, *, ids, config):
    """logits = the bigram table's row + what the decoder says, having read the block before.

    params as from memory_blocks_init, ids (B, 2 T) int: the first T are the encoder's, the rest the
    decoder's -> logits (B, T, V) of the character after each of the rest, cache.
    Raises ValueError when the number of ids is odd.
    """
    if ids.shape[1] % 2:
        raise ValueError(f"ids has {ids.shape[1]} columns, expected an even number: a block for "
                         "the encoder and one as long for the decoder")
    src, tgt = np.split(ids, 2, axis=1)                                    # (B, T) each
    from_bigram, bigram = embedding_forward(params["bigram"], ids=tgt)     # (B, T, V)
    from_decoder, transformer = encoder_decoder_forward(
        params["transformer"], src=src, tgt=tgt, config=config)            # (B, T, V)
    return from_bigram + from_decoder, MemoryBlocksCache(bigram, transformer)


def memory_blocks_backward(dlogits, cache):
    """dlogits (B, T, V) -> dparams."""
    return {"bigram": embedding_backward(dlogits, cache.bigram),           # (V, V)
            "transformer": encoder_decoder_backward(dlogits, cache.transformer)}


def memory_bits_per_character(params, ids, *, block, forward):
    """The mean surprise over a text's ids, cut into blocks; each sees the block before it too.

    The first block has none before it: its encoder gets padding, and its memory is empty. Every
    character but the first, and what is left over after the last block, is predicted once.
    """
    count = (len(ids) - 1) // block
    targets = ids[1:count * block + 1].reshape(count, block)               # (N, T)
    own = ids[:count * block].reshape(count, block)                        # (N, T)
    before = np.concatenate([np.full((1, block), PAD), own[:-1]])          # (N, T)
    both = np.concatenate([before, own], axis=1)                           # (N, 2 T)
    total = 0.0
    for start in range(0, count, 64):
        part = slice(start, start + 64)
        logits, _ = forward(params, ids=both[part])                        # (B, T, V)
        loss, _ = cross_entropy_forward(logits, targets=targets[part])
        total += float(loss) * targets[part].size
    return total / targets.size / math.log(2)

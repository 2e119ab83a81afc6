"""The encoder-decoder: the Transformer of Vaswani et al. 2017, whole."""

from typing import NamedTuple

import numpy as np

from minitransformer.functional import padding_mask
from minitransformer.layers import (
    decoder_block_backward, decoder_block_forward, decoder_block_init, encoder_block_init,
    projection_backward, projection_forward, projection_init,
    tied_embeddings_backward, tied_embeddings_forward,
    token_embedding_backward, token_embedding_forward, token_embedding_init)
from minitransformer.layers.options import POSITIONS, Norm, norms_around
from minitransformer.models.blocks import BlocksCache, blocks_backward, blocks_forward
from minitransformer.models.norm_state import with_state
from minitransformer.models.recompute import block_forward, whole
from minitransformer.shapes import expect_ids, expect_shape


class StackCache(NamedTuple):
    norm: Norm
    embedding: NamedTuple
    blocks: list
    final_norm: NamedTuple
    output: NamedTuple  # the decoder's; None in the encoder


def encoder_forward(params, *, src, config, dropout_seed=None, state=None):
    """Embed the source, pass it through the blocks, normalize (pre-norm only).

    src (B, S) ids -> memory (B, S, D), cache. dropout_seed (seed, step), or None for evaluation.
    state: what the norms remember besides params (model.state), None for nothing.
    """
    expect_ids("src", src, config.src_vocab_size)
    params = with_state(params, state)
    mask = padding_mask(src, config.pad_id)                                   # (B, 1, 1, S)
    norm, _ = norms_around(config, mask=mask, training=dropout_seed is not None)
    x, embedding_cache = token_embedding_forward(
        params["embedding"], ids=src, config=config,
        dropout_key=dropout_seed and (*dropout_seed, 0))                      # (B, S, D)
    x, blocks_cache = blocks_forward(params["blocks"], x, config=config, mask=mask,
                                     dropout_seed=dropout_seed)               # (B, S, D)
    memory, norm_cache = norm.forward(params["norm"], x)                      # (B, S, D)
    return memory, StackCache(norm, embedding_cache, blocks_cache.blocks, norm_cache, None)


# A chain: the final norm, the blocks from last to first, the embedding.
def encoder_backward(dmemory, cache):
    """dmemory (B, S, D) -> dparams."""
    dnorm, dx = cache.norm.backward(dmemory, cache.final_norm)                # (B, S, D)
    dblocks, dx = blocks_backward(dx, BlocksCache(cache.blocks))              # (B, S, D)
    dembedding = token_embedding_backward(dx, cache.embedding)
    return {"embedding": dembedding, "blocks": dblocks, "norm": dnorm}


def decoder_forward(params, memory, *, tgt, src, config, dropout_seed=None, kv_cache=None):
    """Embed the target so far, pass it through blocks that read the memory, project to logits.

    memory (B, S, D), tgt (B, T) ids, src (B, S) ids (for its padding) -> logits (B, T, V), cache.
    kv_cache: a DecoderBlockKvCache for each block; tgt is then the new tokens alone; no backward.
    """
    expect_shape("src", src, "B S", B=memory.shape[0], S=memory.shape[1])
    expect_shape("tgt", tgt, "B T", B=memory.shape[0])
    expect_ids("tgt", tgt, config.tgt_vocab_size)
    norm, _ = norms_around(config, causal=True)
    start = 0 if kv_cache is None else kv_cache[0].self_attention.length
    mask = padding_mask(tgt, config.pad_id) if kv_cache is None else None     # (B, 1, 1, T)
    memory_mask = padding_mask(src, config.pad_id)                            # (B, 1, 1, S)
    first_layer = 1 + len(params["blocks"])  # dropout counts on from the encoder's layers
    x, embedding_cache = token_embedding_forward(
        params["embedding"], ids=tgt, config=config, start=start,
        dropout_key=dropout_seed and (*dropout_seed, first_layer))            # (B, T, D)
    block_caches = []
    for i, block in enumerate(params["blocks"]):
        x, block_cache = block_forward(decoder_block_forward, config)(
            block, x, memory, config=config, mask=mask, memory_mask=memory_mask,
            dropout_key=dropout_seed and (*dropout_seed, first_layer + 1 + i),
            kv_cache=None if kv_cache is None else kv_cache[i])               # (B, T, D)
        block_caches.append(block_cache)
    x, norm_cache = norm.forward(params["norm"], x)                           # (B, T, D)
    logits, output_cache = projection_forward(params["output"], x)            # (B, T, V)
    return logits, StackCache(norm, embedding_cache, block_caches, norm_cache, output_cache)


# Every block reads the same memory, so the memory's gradient is a sum over the blocks:
#     dmemory = sum over blocks of the block's dmemory
def decoder_backward(dlogits, cache):
    """dlogits (B, T, V) -> dparams, dmemory (B, S, D)."""
    doutput, dx = projection_backward(dlogits, cache.output)                  # (B, T, D)
    dnorm, dx = cache.norm.backward(dx, cache.final_norm)                     # (B, T, D)
    dblocks, dmemory = [], 0
    for block_cache in reversed(cache.blocks):
        dblock, dx, dmemory_block = decoder_block_backward(dx, whole(block_cache))
        dblocks.insert(0, dblock)
        dmemory = dmemory + dmemory_block                # (B, S, D) [decoder.dmemory]
    dembedding = token_embedding_backward(dx, cache.embedding)
    dparams = {"embedding": dembedding, "blocks": dblocks, "norm": dnorm, "output": doutput}
    return dparams, dmemory


class EncoderDecoderCache(NamedTuple):
    tied: NamedTuple
    encoder: StackCache
    decoder: StackCache


def encoder_decoder_init(rng, *, config, dtype=np.float32):
    """The parameter tree {"encoder", "decoder"}; what is tied is absent."""
    def embedding_init(vocab_size):
        table = token_embedding_init(rng, vocab_size=vocab_size, d_model=D, dtype=dtype)
        return {**table, **POSITIONS[config.positions].init(rng, config, dtype)}

    D, layers = config.d_model, range(config.n_layers)
    (norm, _), (decoder_norm, _) = norms_around(config), norms_around(config, causal=True)
    encoder = {
        "embedding": embedding_init(config.src_vocab_size),
        "blocks": [encoder_block_init(rng, config=config, dtype=dtype) for _ in layers],
        "norm": norm.init(D, dtype),
    }
    decoder = {
        "embedding": embedding_init(config.tgt_vocab_size),
        "blocks": [decoder_block_init(rng, config=config, dtype=dtype) for _ in layers],
        "norm": decoder_norm.init(D, dtype),
        "output": projection_init(rng, d_in=D, d_out=config.tgt_vocab_size, dtype=dtype),
    }
    if config.tied_embeddings != "none":
        del decoder["output"]
    if config.tied_embeddings == "all":
        del encoder["embedding"]["table"]
        encoder = {name: part for name, part in encoder.items() if name != "embedding" or part}
    return {"encoder": encoder, "decoder": decoder}


def encoder_decoder_forward(params, *, src, tgt, config, dropout_seed=None, state=None):
    """logits[b, t] scores the token after tgt[b, : t + 1], given src[b].

    src (B, S), tgt (B, T) ids -> logits (B, T, V), cache. dropout_seed, state: see encoder_forward.
    Raises ValueError for ids out of range and too long, empty or mismatched sequences.
    """
    expect_shape("tgt", tgt, "B T")
    expect_shape("src", src, "B S", B=np.shape(tgt)[0])
    full, tied_cache = tied_embeddings_forward(params, tied_embeddings=config.tied_embeddings)
    memory, encoder_cache = encoder_forward(full["encoder"], src=src, config=config,
                                            dropout_seed=dropout_seed, state=state)  # (B, S, D)
    logits, decoder_cache = decoder_forward(full["decoder"], memory, tgt=tgt, src=src,
                                            config=config, dropout_seed=dropout_seed)
    return logits, EncoderDecoderCache(tied_cache, encoder_cache, decoder_cache)


# The memory is the only bridge: the decoder's backward hands its gradient to the encoder's.
def encoder_decoder_backward(dlogits, cache):
    """dlogits (B, T, V) -> dparams, built like params."""
    ddecoder, dmemory = decoder_backward(dlogits, cache.decoder)              # (B, S, D)
    dencoder = encoder_backward(dmemory, cache.encoder)
    return tied_embeddings_backward({"encoder": dencoder, "decoder": ddecoder}, cache.tied)

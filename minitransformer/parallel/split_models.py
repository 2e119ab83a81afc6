"""The three models, each process with a part of each matrix. Each is a pair, as the whole one is.

All processes read the same batch, and params are a process's own shard. The scores of a vocabulary
stay split until the loss. Classes are few: an output of n_classes is whole on every process, which
is to say that it is split over one.
"""

from typing import NamedTuple

from minitransformer.functional import padding_mask
from minitransformer.layers import (
    tied_embeddings_backward, tied_embeddings_forward, token_embedding_backward,
    token_embedding_forward)
from minitransformer.layers.options import Norm, norms_around
from minitransformer.models import encoder_embedding_backward, encoder_embedding_forward
from minitransformer.models.recompute import block_forward, whole
from minitransformer.parallel.collectives import copy_to_all_backward, copy_to_all_forward
from minitransformer.parallel.processes import Alone
from minitransformer.parallel.split_blocks import (
    split_blocks_backward, split_blocks_forward, split_decoder_block_backward,
    split_decoder_block_forward)
from minitransformer.parallel.split_ends import (
    batch_places, batch_table_backward, batch_table_forward, split_head_backward,
    split_head_forward)
from minitransformer.shapes import expect_shape


class SplitTokensCache(NamedTuple):
    table: NamedTuple
    embedding: NamedTuple


def _tokens_forward(params, ids, *, config, vocab_size, comm, dropout_key):
    """As token_embedding, of a split table: ids (B, T) -> x (B, T, D), the same on all, cache."""
    expect_shape("ids", ids, "B T")
    table, table_cache = batch_table_forward(params, ids=ids, vocab_size=vocab_size, comm=comm)
    x, embedding_cache = token_embedding_forward(table, ids=batch_places(ids), config=config,
                                                 dropout_key=dropout_key)     # (B, T, D)
    return x, SplitTokensCache(table_cache, embedding_cache)


# A chain.
def _tokens_backward(dout, cache):
    """dout (B, T, D) -> dparams."""
    return batch_table_backward(token_embedding_backward(dout, cache.embedding), cache.table)


class SplitDecoderOnlyCache(NamedTuple):
    tokens: NamedTuple
    blocks: list
    head: NamedTuple


def split_decoder_only_forward(params, *, ids, config, comm, dropout_seed=None):
    """As decoder_only: ids (B, T), the same on all -> logits (B, T, V_r), cache."""
    x, tokens_cache = _tokens_forward(
        params["embedding"], ids, config=config, vocab_size=config.vocab_size, comm=comm,
        dropout_key=dropout_seed and (*dropout_seed, 0))                      # (B, T, D)
    x, blocks = split_blocks_forward(
        params["blocks"], x, config=config, comm=comm, mask=padding_mask(ids, config.pad_id),
        causal=True, dropout_seed=dropout_seed)                               # (B, T, D)
    table = params["embedding"]["table"] if config.tied_embeddings == "output" else None
    logits, head_cache = split_head_forward(params, x, table, config=config,
                                            comm=comm)                        # (B, T, V_r)
    return logits, SplitDecoderOnlyCache(tokens_cache, blocks, head_cache)


# A chain, as decoder_only's. A tied table is split by the same ids at both ends, so the sum of its
# two gradients is taken where both are, on the process that has these rows.
def split_decoder_only_backward(dlogits, cache):
    """dlogits (B, T, V_r) -> dparams, built like this process's shard."""
    dhead, dx, dtable = split_head_backward(dlogits, cache.head)              # (B, T, D)
    dblocks, dx = split_blocks_backward(dx, cache.blocks)                     # (B, T, D)
    dembedding = _tokens_backward(dx, cache.tokens)
    if dtable is not None:
        dembedding["table"] = dembedding["table"] + dtable                    # (V_r, D)
    return {"embedding": dembedding, "blocks": dblocks, **dhead}


class SplitEncoderOnlyCache(NamedTuple):
    table: NamedTuple         # None where features go in
    embedding: NamedTuple
    blocks: list
    head: NamedTuple


def output_comm(config, comm):
    """Over whom an output is split: all processes; none, if it is one of an encoder's classes."""
    return comm if getattr(config, "n_classes", None) is None else Alone()


def split_encoder_only_forward(params, features=None, *, ids=None, mask, config, comm,
                               dropout_seed=None):
    """As encoder_only: features (B, T, C) or ids (B, T), mask (B, T), all the same on all.

    -> logits (B, n) or (B, T, n), n = n_classes, or V_r for a vocabulary's scores, cache.
    """
    expect_shape("mask", mask, "B T")
    block_mask = mask[:, None, None, :]                                       # (B, 1, 1, T)
    below, places, table_cache = params, None, None
    if ids is not None:
        embedding, table_cache = batch_table_forward(
            params["embedding"], ids=ids, vocab_size=config.vocab_size, comm=comm)
        below, places = {**params, "embedding": embedding}, batch_places(ids)   # (B, T)
    x, embedding_cache = encoder_embedding_forward(
        below, features, ids=places, config=config, dropout_seed=dropout_seed)   # (B, T, D)
    x, blocks = split_blocks_forward(params["blocks"], x, config=config, comm=comm,
                                     mask=block_mask, dropout_seed=dropout_seed)  # (B, T, D)
    table = params["embedding"]["table"] if config.tied_embeddings == "output" else None
    logits, head_cache = split_head_forward(
        params, x, table, config=config, comm=output_comm(config, comm), pooling=config.pooling,
        mask=mask)                                                            # (B, n) or (B, T, n)
    return logits, SplitEncoderOnlyCache(table_cache, embedding_cache, blocks, head_cache)


# A chain, as encoder_only's; a tied table as above.
def split_encoder_only_backward(dlogits, cache):
    """dlogits (B, n) or (B, T, n) -> dparams, built like this process's shard."""
    dhead, dx, dtable = split_head_backward(dlogits, cache.head)              # (B, T, D)
    dblocks, dx = split_blocks_backward(dx, cache.blocks)                     # (B, T, D)
    dparams, _ = encoder_embedding_backward(dx, cache.embedding)
    if cache.table is not None:
        dparams["embedding"] = batch_table_backward(dparams["embedding"], cache.table)
    if dtable is not None:
        dembedding = dparams["embedding"]
        dembedding["table"] = dembedding["table"] + dtable                    # (V_r, D)
    return {**dparams, "blocks": dblocks, **dhead}


class SplitEncoderDecoderCache(NamedTuple):
    tied: NamedTuple
    norm: Norm
    src_tokens: NamedTuple
    encoder_blocks: list
    memory: NamedTuple        # of the encoder's norm
    copy: NamedTuple
    tgt_tokens: NamedTuple
    decoder_blocks: list
    head: NamedTuple


def split_encoder_decoder_forward(params, *, src, tgt, config, comm, dropout_seed=None):
    """As encoder_decoder: src (B, S), tgt (B, T), the same on all -> logits (B, T, V_r), cache."""
    expect_shape("tgt", tgt, "B T")
    expect_shape("src", src, "B S", B=len(tgt))
    full, tied_cache = tied_embeddings_forward(params, tied_embeddings=config.tied_embeddings)
    encoder, decoder = full["encoder"], full["decoder"]
    norm, _ = norms_around(config)
    around = {"config": config, "comm": comm}
    memory_mask = padding_mask(src, config.pad_id)                            # (B, 1, 1, S)
    x, src_tokens = _tokens_forward(
        encoder["embedding"], src, vocab_size=config.src_vocab_size,
        dropout_key=dropout_seed and (*dropout_seed, 0), **around)            # (B, S, D)
    x, encoder_blocks = split_blocks_forward(encoder["blocks"], x, mask=memory_mask,
                                             dropout_seed=dropout_seed, **around)  # (B, S, D)
    memory, memory_cache = norm.forward(encoder["norm"], x)                   # (B, S, D)
    memory, copy_cache = copy_to_all_forward(memory, comm=comm)               # (B, S, D)

    first_layer = 1 + config.n_layers  # dropout counts on from the encoder's layers
    x, tgt_tokens = _tokens_forward(
        decoder["embedding"], tgt, vocab_size=config.tgt_vocab_size,
        dropout_key=dropout_seed and (*dropout_seed, first_layer), **around)  # (B, T, D)
    decoder_blocks = []
    for i, block in enumerate(decoder["blocks"]):
        x, cache = block_forward(split_decoder_block_forward, config)(
            block, x, memory, mask=padding_mask(tgt, config.pad_id), memory_mask=memory_mask,
            dropout_key=dropout_seed and (*dropout_seed, first_layer + 1 + i),
            **around)                                                         # (B, T, D)
        decoder_blocks.append(cache)
    logits, head = split_head_forward(decoder, x, **around)                   # (B, T, V_r)
    return logits, SplitEncoderDecoderCache(tied_cache, norm, src_tokens, encoder_blocks,
                                            memory_cache, copy_cache, tgt_tokens, decoder_blocks,
                                            head)


# As encoder_decoder's. The memory was copied to all once, and every block of every process read
# its copy: dmemory is the sum over the blocks here, and then over all processes.
def split_encoder_decoder_backward(dlogits, cache):
    """dlogits (B, T, V_r) -> dparams, built like this process's shard."""
    dhead, dx, _ = split_head_backward(dlogits, cache.head)                   # (B, T, D)
    dblocks, dmemory = [], 0
    for block_cache in reversed(cache.decoder_blocks):
        dblock, dx, dmemory_block = split_decoder_block_backward(
            dx, whole(block_cache))                                           # (B, T, D), (B, S, D)
        dblocks.insert(0, dblock)
        dmemory = dmemory + dmemory_block                                     # (B, S, D)
    decoder = {"embedding": _tokens_backward(dx, cache.tgt_tokens), "blocks": dblocks, **dhead}

    dmemory = copy_to_all_backward(dmemory, cache.copy)                       # (B, S, D)
    dnorm, dx = cache.norm.backward(dmemory, cache.memory)                    # (B, S, D)
    dblocks, dx = split_blocks_backward(dx, cache.encoder_blocks)             # (B, S, D)
    encoder = {"embedding": _tokens_backward(dx, cache.src_tokens), "blocks": dblocks,
               "norm": dnorm}
    return tied_embeddings_backward({"encoder": encoder, "decoder": decoder}, cache.tied)

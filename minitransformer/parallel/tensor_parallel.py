"""Tensor parallel: a language model of which every process has a part of each matrix.

All processes read the same batch. Between the branches x is whole and the same on all of them, so
norms, residuals and dropout are those of one process; inside a branch each works on its own heads
and its own part of the feed-forward's width. The logits stay split until the loss.
"""

from typing import NamedTuple

import numpy as np

from minitransformer.functional import (
    dropout_backward, dropout_forward, dropout_rng, padding_mask)
from minitransformer.layers import add_and_norm_backward, add_and_norm_forward
from minitransformer.layers.options import Norm, embedding_options, norms_around
from minitransformer.models import DecoderOnly, DecoderOnlyConfig
from minitransformer.models.recompute import block_forward, whole
from minitransformer.parallel.shards import first_id, gather, shard
from minitransformer.parallel.split_layers import (
    column_parallel_backward, column_parallel_forward, split_attention_backward,
    split_attention_forward, split_feed_forward_backward, split_feed_forward_forward)
from minitransformer.parallel.vocabulary import (
    vocabulary_cross_entropy_backward, vocabulary_cross_entropy_forward,
    vocabulary_embedding_backward, vocabulary_embedding_forward)
from minitransformer.shapes import expect_ids, expect_length, expect_shape


class SplitBlockCache(NamedTuple):
    before: Norm
    before_attention: NamedTuple
    attention: NamedTuple
    after_attention: NamedTuple
    before_feed_forward: NamedTuple
    feed_forward: NamedTuple
    after_feed_forward: NamedTuple


def split_block_forward(params, x, *, config, comm, mask=None, dropout_key=None):
    """As encoder_block, causal, with both branches split.

    x (B, T, D), the same on all -> x (B, T, D), the same on all, cache.
    """
    before, after = norms_around(config)
    joining = {"after": after, "rate": config.dropout, "dropout_key": dropout_key}

    inside, c1 = before.forward(params["before_attention"], x)                    # (B, T, D)
    branch, c2 = split_attention_forward(params["attention"], inside, config=config, comm=comm,
                                         mask=mask, causal=True)                  # (B, T, D)
    x, c3 = add_and_norm_forward(params["after_attention"], x, branch, site=0, **joining)

    inside, c4 = before.forward(params["before_feed_forward"], x)                 # (B, T, D)
    branch, c5 = split_feed_forward_forward(params["feed_forward"], inside,
                                            activation=config.activation, comm=comm)
    x, c6 = add_and_norm_forward(params["after_feed_forward"], x, branch, site=1, **joining)
    return x, SplitBlockCache(before, c1, c2, c3, c4, c5, c6)


# encoder_block's lines upwards. The two branches give back a dx that is whole, so that the norms'
# gradients are whole and the same on all, without being sent:
#     dx = dx_skip + dx_branch
def split_block_backward(dout, cache):
    """dout (B, T, D) -> dparams, dx (B, T, D)."""
    before = cache.before
    dafter_feed_forward, dx_skip, dbranch = add_and_norm_backward(dout, cache.after_feed_forward)
    dfeed_forward, dinside = split_feed_forward_backward(dbranch, cache.feed_forward)
    dbefore_feed_forward, dx_branch = before.backward(dinside, cache.before_feed_forward)
    dx = dx_skip + dx_branch                                                      # (B, T, D)

    dafter_attention, dx_skip, dbranch = add_and_norm_backward(dx, cache.after_attention)
    dattention, dinside = split_attention_backward(dbranch, cache.attention)      # (B, T, D)
    dbefore_attention, dx_branch = before.backward(dinside, cache.before_attention)
    dx = dx_skip + dx_branch                                                      # (B, T, D)
    return {"before_attention": dbefore_attention, "attention": dattention,
            "after_attention": dafter_attention, "before_feed_forward": dbefore_feed_forward,
            "feed_forward": dfeed_forward, "after_feed_forward": dafter_feed_forward}, dx


class SplitDecoderCache(NamedTuple):
    table: NamedTuple
    positions: NamedTuple
    dropout: NamedTuple
    blocks: list
    norm: NamedTuple
    output: NamedTuple
    config: DecoderOnlyConfig


def split_decoder_forward(params, *, ids, config, comm, dropout_seed=None):
    """As decoder_only, of whose logits each process gets its part of the vocabulary.

    params: this process's shard; ids (B, T), the same on all -> logits (B, T, V_r), cache.
    """
    expect_shape("ids", ids, "B T")
    expect_length(np.shape(ids)[1], config.max_seq_len)
    expect_ids("ids", ids, config.vocab_size)
    first = first_id(config.vocab_size, comm.rank, comm.size)
    mask = padding_mask(ids, config.pad_id)                                   # (B, 1, 1, T)
    embedding = params["embedding"]
    scale, positions = embedding_options(config)
    x, table_cache = vocabulary_embedding_forward(embedding["table"], ids=ids, first=first,
                                                  comm=comm)                  # (B, T, D)
    x, positions_cache = positions.add(embedding, x * scale, config, 0)       # (B, T, D)
    x, dropout_cache = dropout_forward(
        x, rate=config.dropout, training=dropout_seed is not None,
        rng=dropout_rng(dropout_seed and (*dropout_seed, 0), 0))              # (B, T, D)
    caches = []
    for i, block in enumerate(params["blocks"]):
        x, cache = block_forward(split_block_forward, config)(
            block, x, config=config, comm=comm, mask=mask,
            dropout_key=dropout_seed and (*dropout_seed, 1 + i))              # (B, T, D)
        caches.append(cache)
    x, norm_cache = norms_around(config)[0].forward(params["norm"], x)        # (B, T, D)
    output = params.get("output", {"w": embedding["table"].T})                # (D, V_r)
    logits, output_cache = column_parallel_forward(output, x, comm=comm)      # (B, T, V_r)
    return logits, SplitDecoderCache(table_cache, positions_cache, dropout_cache, caches,
                                     norm_cache, output_cache, config)


# A chain, as decoder_only's. A tied table is split by the same ids at both ends, so the sum of its
# two gradients is taken where both are, on the process that has these rows.
def split_decoder_backward(dlogits, cache):
    """dlogits (B, T, V_r) -> dparams, built like this process's shard."""
    scale, positions = embedding_options(cache.config)
    doutput, dx = column_parallel_backward(dlogits, cache.output)             # (B, T, D)
    dnorm, dx = norms_around(cache.config)[0].backward(dx, cache.norm)        # (B, T, D)
    dblocks = []
    for block_cache in reversed(cache.blocks):
        dblock, dx = split_block_backward(dx, whole(block_cache))             # (B, T, D)
        dblocks.insert(0, dblock)
    dx = dropout_backward(dx, cache.dropout)                                  # (B, T, D)
    dtable = vocabulary_embedding_backward(dx * scale, cache.table)           # (V_r, D)
    dparams = {"embedding": {"table": dtable, **positions.add_backward(dx, cache.positions)},
               "blocks": dblocks, "norm": dnorm}
    if cache.config.tied_embeddings == "none":
        return {**dparams, "output": doutput}
    dparams["embedding"]["table"] = dtable + doutput["w"].T                   # (V_r, D)
    return dparams


class TensorParallelDecoderOnly:
    """A language model in parts: each process makes one, from the same whole model.

        model = TensorParallelDecoderOnly(DecoderOnly(config, seed=0), comm=world())
        loss, grads = model.loss_and_grads(batch, dropout_seed=(0, step))

    params: this process's shard, which an optimizer moves as it is; loss_and_grads as Model has it,
    grads built like params; whole(): a DecoderOnly again, to save it or to write with it.
    Raises ValueError where the processes cannot share the heads, key/value heads or d_ff evenly.
    """

    def __init__(self, model, *, comm):
        self.config, self.comm = model.config, comm
        self.params = shard(model.params, comm.rank, comm.size, config=model.config)

    def loss(self, batch):
        """The mean cross-entropy of a batch, in evaluation: a float, the same on all."""
        return float(self._loss(batch, None)[0])

    def loss_and_grads(self, batch, *, label_smoothing=0.0, normalizer=None, dropout_seed=None):
        """(loss as a float, the same on all; this shard's gradients) of a batch."""
        loss, loss_cache, cache = self._loss(batch, dropout_seed, label_smoothing=label_smoothing,
                                             normalizer=normalizer)
        dlogits = vocabulary_cross_entropy_backward(1.0, loss_cache)          # (B, T, V_r)
        return float(loss), split_decoder_backward(dlogits, cache)

    def whole(self):
        """The model of all processes' parts, on every process."""
        return DecoderOnly.of(self.config, gather(self.params, config=self.config, comm=self.comm))

    def _loss(self, batch, dropout_seed, **options):
        logits, cache = split_decoder_forward(self.params, ids=batch.tgt, config=self.config,
                                              comm=self.comm, dropout_seed=dropout_seed)
        loss, loss_cache = vocabulary_cross_entropy_forward(
            logits, targets=batch.targets, vocab_size=self.config.vocab_size, comm=self.comm,
            first=first_id(self.config.vocab_size, self.comm.rank, self.comm.size),
            ignore_index=self.config.pad_id, **options)
        return loss, loss_cache, cache

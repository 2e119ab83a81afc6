"""Tensor parallel: a model of which every process has a part of each matrix."""

from collections.abc import Callable
from typing import NamedTuple

from minitransformer.models import DecoderOnly, EncoderDecoder, EncoderOnly
from minitransformer.parallel.processes import expect_same_parameters
from minitransformer.parallel.shards import first_id, gather, shard
from minitransformer.parallel.split_models import (
    output_comm, split_decoder_only_backward, split_decoder_only_forward,
    split_encoder_decoder_backward, split_encoder_decoder_forward, split_encoder_only_backward,
    split_encoder_only_forward)
from minitransformer.parallel.vocabulary import (
    vocabulary_cross_entropy_backward, vocabulary_cross_entropy_forward)
from minitransformer.tree import tree_items


class SplitModel(NamedTuple):
    """A split model's pair, what it reads of a batch, and how many scores its output has."""

    forward: Callable
    backward: Callable
    inputs: Callable
    n_out: Callable


SPLIT = {  # by the model's kind
    DecoderOnly.kind: SplitModel(
        split_decoder_only_forward, split_decoder_only_backward,
        lambda batch: {"ids": batch.tgt}, lambda config: config.vocab_size),
    EncoderOnly.kind: SplitModel(
        split_encoder_only_forward, split_encoder_only_backward,
        lambda batch: {"features": batch.features, "ids": batch.ids, "mask": batch.mask},
        lambda config: config.n_classes or config.vocab_size),
    EncoderDecoder.kind: SplitModel(
        split_encoder_decoder_forward, split_encoder_decoder_backward,
        lambda batch: {"src": batch.src, "tgt": batch.tgt}, lambda config: config.tgt_vocab_size),
}


class TensorParallel:
    """A model in parts: each process makes one, from the same whole model.

        model = TensorParallel(DecoderOnly(config, seed=0), comm=world())
        loss, grads = model.loss_and_grads(batch, dropout_seed=(0, step))

    params: this process's shard, which an optimizer moves as it is; loss and loss_and_grads as
    Model has them, all processes giving the same batch, grads built like params; whole(): the
    model again, to save it or to use it.
    Raises ValueError where the processes cannot share the heads, key/value heads or d_ff evenly,
    for frozen arrays and adapters, for batch norm, and where the processes give other weights.
    """

    def __init__(self, model, *, comm):
        if list(tree_items(model.state)):
            raise ValueError('norm is "batch", whose running statistics a split model does not '
                             "keep: choose another norm")
        self.made_as, self.config, self.comm = type(model), model.config, comm
        self.kind, self.ignore_index, self.state = model.kind, model.ignore_index, model.state
        self.params = shard(model.params, comm.rank, comm.size, config=model.config)
        expect_same_parameters(model.params, comm)
        self.split = SPLIT[model.kind]

    def loss(self, batch):
        """The mean cross-entropy of a batch, in evaluation: a float, the same on all."""
        return float(self._loss(batch, None)[0])

    def loss_and_grads(self, batch, *, label_smoothing=0.0, normalizer=None, dropout_seed=None):
        """(loss as a float, the same on all; this shard's gradients) of a batch."""
        loss, loss_cache, cache = self._loss(batch, dropout_seed, label_smoothing=label_smoothing,
                                             normalizer=normalizer)
        dlogits = vocabulary_cross_entropy_backward(1.0, loss_cache)          # (..., V_r)
        return float(loss), self.split.backward(dlogits, cache)

    def whole(self):
        """The model of all processes' parts, on every process."""
        return self.made_as.of(self.config, gather(self.params, config=self.config,
                                                   comm=self.comm))

    def _loss(self, batch, dropout_seed, **options):
        """The loss, its cache and that of the logits."""
        logits, cache = self.split.forward(self.params, **self.split.inputs(batch),
                                           config=self.config, comm=self.comm,
                                           dropout_seed=dropout_seed)         # (..., V_r)
        comm, n_out = output_comm(self.config, self.comm), self.split.n_out(self.config)
        loss, loss_cache = vocabulary_cross_entropy_forward(
            logits, targets=batch.targets, vocab_size=n_out, comm=comm,
            first=first_id(n_out, comm.rank, comm.size), ignore_index=self.ignore_index,
            **options)
        return loss, loss_cache, cache

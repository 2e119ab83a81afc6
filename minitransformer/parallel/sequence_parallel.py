"""Sequence parallel: every process has the whole model, and a piece of each sequence.

All that a block does besides attention, it does to each token by itself, so a process does it to
the tokens of its own places; attention alone asks for the others', round the ring. What grows with
the length of a sequence, activations above all, is shared; parameters are not.

Each process's loss is of its own targets, divided by the count of all: a summand. A parameter is
used on every process, so its gradient is the sum of what the processes find.
Source: Li et al. 2021, with attention as in Liu, Zaharia and Abbeel 2023.
"""

import numpy as np

from minitransformer.functional import cross_entropy_backward, cross_entropy_forward
from minitransformer.layers import tied_embeddings_forward
from minitransformer.models import (
    decoder_forward, decoder_only_forward, encoder_forward, encoder_only_forward)
from minitransformer.models.encoder_decoder import EncoderDecoderCache
from minitransformer.parallel.collectives import total
from minitransformer.parallel.data_parallel import total_tree
from minitransformer.parallel.places import Places
from minitransformer.parallel.processes import expect_same_parameters
from minitransformer.tree import tree_items


class SequenceParallel:
    """One of the three models on several processes, each with a piece of every sequence.

        model = SequenceParallel(EncoderDecoder(config, seed=0), comm=world())
        loss, grads = model.loss_and_grads(batch, dropout_seed=(0, step))

    A Trainer of one thread takes it as it takes the model: all processes give the same batches, get
    the same loss and gradients, to the bit, and make the same steps. params are the model's, whole
    on each; model: the model itself, to save it or to write with it. Lengths that the processes do
    not divide are cut unevenly.
    Raises ValueError for batch norm, whose means would run over one process's tokens; and when the
    parameters are not those of process 0.
    """

    def __init__(self, model, *, comm):
        if list(tree_items(model.state)):
            raise ValueError('norm is "batch", whose means and running statistics each process '
                             "would take of its own tokens: choose another norm, or one process")
        expect_same_parameters(model.params, comm)
        self.model, self.comm = model, comm
        self.config, self.kind, self.params = model.config, model.kind, model.params
        self.state, self.ignore_index = model.state, model.ignore_index

    def loss(self, batch):
        """The mean cross-entropy of a batch, in evaluation: a float, the same on all."""
        return float(total(self._own_loss(batch)[0], self.comm))

    def loss_and_grads(self, batch, *, label_smoothing=0.0, normalizer=None, dropout_seed=None):
        """(loss as a float, the whole gradient), as Model has them; the same on all."""
        loss, loss_cache, cache = self._own_loss(
            batch, dropout_seed, label_smoothing=label_smoothing, normalizer=normalizer)
        dlogits = cross_entropy_backward(1.0, loss_cache)                     # (..., V)
        del loss_cache  # as large as dlogits: let backward have its memory
        return total_tree(loss, self.model.gradients(dlogits, cache), self.comm)

    def _own_loss(self, batch, dropout_seed=None, *, label_smoothing=0.0, normalizer=None):
        """This process's summand of the loss, its cache and that of the logits."""
        if normalizer is None:
            normalizer = max(int(np.count_nonzero(batch.targets != self.ignore_index)), 1)
        logits, targets, cache = FORWARDS[self.kind](self.model, batch, dropout_seed, self.comm)
        loss, loss_cache = cross_entropy_forward(
            logits, targets=targets, ignore_index=self.ignore_index,
            label_smoothing=label_smoothing, normalizer=normalizer)
        return loss, loss_cache, cache


def _decoder_only(model, batch, dropout_seed, comm):
    """(logits of this process's places, the targets that count here, cache); so all three."""
    places = Places.of(batch.tgt, comm)
    logits, cache = decoder_only_forward(
        model.params, ids=places.cut(batch.tgt),
        **places.options(model.config, dropout_seed))                         # (B, T, V)
    return logits, places.cut(batch.targets), cache


def _encoder_decoder(model, batch, dropout_seed, comm):
    """Source and target are cut each by itself: encoder_decoder_forward, with places for each."""
    sources, targets = Places.of(batch.src, comm), Places.of(batch.tgt, comm)
    src, tied_embeddings = sources.cut(batch.src), model.config.tied_embeddings
    full, tied_cache = tied_embeddings_forward(model.params, tied_embeddings=tied_embeddings)
    memory, encoder_cache = encoder_forward(
        full["encoder"], src=src, **sources.options(model.config, dropout_seed))  # (B, S, D)
    logits, decoder_cache = decoder_forward(
        full["decoder"], memory, tgt=targets.cut(batch.tgt), src=src,
        **targets.options(model.config, dropout_seed))                        # (B, T, V)
    cache = EncoderDecoderCache(tied_cache, encoder_cache, decoder_cache)
    return logits, targets.cut(batch.targets), cache


def _encoder_only(model, batch, dropout_seed, comm):
    """Scores of a whole sequence are the same on all: those of process 0 count."""
    features = None if batch.features is None else np.asarray(batch.features, model.dtype)
    places = Places.of(batch.ids if features is None else features, comm)
    logits, cache = encoder_only_forward(
        model.params, places.cut(features), ids=places.cut(batch.ids), mask=places.cut(batch.mask),
        **places.options(model.config, dropout_seed))                         # (B, n) or (B, T, n)
    if model.config.pooling == "none":
        return logits, places.cut(batch.targets), cache
    counts = batch.targets if comm.rank == 0 else np.full_like(batch.targets, model.ignore_index)
    return logits, counts, cache


FORWARDS = {"decoder_only": _decoder_only, "encoder_decoder": _encoder_decoder,
            "encoder_only": _encoder_only}

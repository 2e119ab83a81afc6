"""The everyday object: a configuration, its parameters, and what one does with them."""

from dataclasses import dataclass

import numpy as np

from minitransformer.data.tokenizers import PAD
from minitransformer.functional import cross_entropy_backward, cross_entropy_forward
from minitransformer.layers.options import expect_config
from minitransformer.models.encoder_decoder import (
    encoder_decoder_backward, encoder_decoder_forward, encoder_decoder_init)
from minitransformer.tree import tree_table


@dataclass(frozen=True)
class EncoderDecoderConfig:
    """The shape of the model; n_layers is N of the N + N blocks. Raises ValueError when made."""

    src_vocab_size: int
    tgt_vocab_size: int
    d_model: int = 512
    n_heads: int = 8
    n_layers: int = 6
    d_ff: int = 2048
    max_seq_len: int = 5120
    dropout: float = 0.1
    norm: str = "layer"
    norm_placement: str = "pre"
    activation: str = "relu"
    positions: str = "sinusoidal"
    tied_embeddings: str = "none"

    def __post_init__(self):
        expect_config(self)
        if self.tied_embeddings == "all" and self.src_vocab_size != self.tgt_vocab_size:
            raise ValueError('tied_embeddings="all" needs one vocabulary, but src_vocab_size is '
                             f"{self.src_vocab_size} and tgt_vocab_size {self.tgt_vocab_size}")


class EncoderDecoder:
    """A configuration and its parameters, with the everyday methods: loss, gradients, summary."""

    def __init__(self, config, seed=0, dtype=np.float32):
        self.config = config
        self.params = encoder_decoder_init(np.random.default_rng(seed), config=config, dtype=dtype)

    def forward(self, src, tgt, dropout_seed=None):
        """(logits (B, T, V), cache); dropout_seed (seed, step), or None for evaluation."""
        return encoder_decoder_forward(self.params, src=src, tgt=tgt, config=self.config,
                                       dropout_seed=dropout_seed)

    def loss(self, batch):
        """The mean cross-entropy of a Batch in nats a target token, in evaluation mode: a float."""
        logits, _ = self.forward(batch.src, batch.tgt)                        # (B, T, V)
        return float(cross_entropy_forward(logits, targets=batch.targets, ignore_index=PAD)[0])

    def loss_and_grads(self, batch, *, label_smoothing=0.0, normalizer=None, dropout_seed=None):
        """(loss as a float, gradients as a tree like params) of a Batch; PAD targets do not count.

        normalizer: divide by this many tokens instead of the batch's own (gradient accumulation).
        """
        logits, cache = self.forward(batch.src, batch.tgt, dropout_seed)      # (B, T, V)
        loss, loss_cache = cross_entropy_forward(
            logits, targets=batch.targets, ignore_index=PAD, label_smoothing=label_smoothing,
            normalizer=normalizer)
        dlogits = cross_entropy_backward(1.0, loss_cache)                     # (B, T, V)
        return float(loss), encoder_decoder_backward(dlogits, cache)

    def summary(self):
        """A table of every parameter's name, shape and count, as text."""
        return tree_table(self.params)

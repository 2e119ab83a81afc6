"""The encoder-decoder as an object: from a source to a target."""

from dataclasses import KW_ONLY, dataclass

import numpy as np

from minitransformer.decoding import beam_search, greedy
from minitransformer.kv_cache import DecoderBlockKvCache, KvCache
from minitransformer.layers import tied_embeddings_forward
from minitransformer.models.config import ModelConfig
from minitransformer.models.encoder_decoder import (
    decoder_forward,
    encoder_decoder_backward,
    encoder_decoder_forward,
    encoder_decoder_init,
    encoder_forward,
)
from minitransformer.models.model import Model
from minitransformer.models.norm_state import state_after, state_init
from minitransformer.shapes import expect_shape


@dataclass(frozen=True)
class EncoderDecoderConfig(ModelConfig):
    """The shape of the model; n_layers is N of the N + N blocks. Raises ValueError when made."""

    src_vocab_size: int
    tgt_vocab_size: int
    _: KW_ONLY
    d_model: int = 512
    n_heads: int = 8
    n_layers: int = 6
    d_ff: int = 2048
    max_seq_len: int = 5120
    activation: str = "relu"

    def __post_init__(self):
        super().__post_init__()
        if self.tied_embeddings == "all" and self.src_vocab_size != self.tgt_vocab_size:
            raise ValueError('tied_embeddings="all" needs one vocabulary, but src_vocab_size is '
                             f"{self.src_vocab_size} and tgt_vocab_size {self.tgt_vocab_size}")


class EncoderDecoder(Model):
    """An encoder-decoder: the encoder reads a source, the decoder writes the target."""

    kind, config_class = "encoder_decoder", EncoderDecoderConfig
    init, init_state = staticmethod(encoder_decoder_init), staticmethod(state_init)

    def forward(self, src, tgt, dropout_seed=None):
        """(logits (B, T, V), cache); dropout_seed (seed, step), or None for evaluation."""
        return encoder_decoder_forward(self.params, src=src, tgt=tgt, config=self.config,
                                       dropout_seed=dropout_seed, state=self.state)

    def logits(self, batch, dropout_seed=None):
        """As forward, of a Batch."""
        return self.forward(batch.src, batch.tgt, dropout_seed)

    def gradients(self, dlogits, cache):
        """dlogits (B, T, V) -> dparams."""
        return encoder_decoder_backward(dlogits, cache)

    def new_state(self, cache):
        """The running statistics that a forward in training has left in its cache."""
        return state_after(cache.encoder, self.state)

    def generate(self, src, *, max_new_tokens, beam_size=1, length_penalty=0.6):
        """The target of each source, by greedy search, or beam search when beam_size is above 1.

        src (B, S) ids, padded with PAD -> B lists of ids without START and END. A target stops at
        END, or cut off after max_new_tokens, END counted. Raises ValueError for an empty source, a
        size below one, and more than max_seq_len tokens.
        """
        src = np.asarray(src)
        expect_shape("src", src, "B S")
        if not (src != self.config.pad_id).any(axis=-1).all():
            raise ValueError("a source is empty: there is nothing to read; leave it out")
        if max_new_tokens > self.config.max_seq_len:
            raise ValueError(f"max_new_tokens is {max_new_tokens}, but max_seq_len is "
                             f"{self.config.max_seq_len}: ask for fewer")
        step = decoding_step(self.params, src=src, config=self.config, state=self.state)
        sizes = {"batch_size": len(src), "max_new_tokens": max_new_tokens}
        if beam_size == 1:
            return greedy(step, **sizes)
        return beam_search(step, beam_size=beam_size, length_penalty=length_penalty, **sizes)


def decoding_step(params, *, src, config, state=None):
    """The step function of minitransformer.decoding that writes targets for src (B, S).

    The encoder runs once, here. A step runs the decoder over the newest token alone: everything
    that it needs of the tokens before, and of the memory, is in the KV cache.
    """
    full, _ = tied_embeddings_forward(params, tied_embeddings=config.tied_embeddings)
    memory, _ = encoder_forward(full["encoder"], src=src, config=config, state=state)  # (B, S, D)
    kv_cache = [DecoderBlockKvCache(KvCache(), KvCache()) for _ in full["decoder"]["blocks"]]

    def step(ids, rows):
        """ids (N,), rows (N,) -> logits (N, V)."""
        nonlocal src, memory
        if not np.array_equal(rows, np.arange(len(src))):  # the common case saves a copy
            src, memory = src[rows], memory[rows]                             # (N, S), (N, S, D)
            for block in kv_cache:
                block.reorder(rows)
        logits, _ = decoder_forward(full["decoder"], memory, tgt=ids[:, None], src=src,
                                    config=config, kv_cache=kv_cache)         # (N, 1, V)
        return logits[:, 0]

    return step

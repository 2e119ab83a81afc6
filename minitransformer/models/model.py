"""The everyday object: a configuration, its parameters, and what one does with them."""

from dataclasses import asdict, dataclass

import numpy as np

from minitransformer.data.tokenizers import PAD
from minitransformer.decoding import beam_search, greedy
from minitransformer.functional import cross_entropy_backward, cross_entropy_forward
from minitransformer.kv_cache import DecoderBlockKvCache, KvCache
from minitransformer.layers import tied_embeddings_forward
from minitransformer.layers.options import expect_config
from minitransformer.models.encoder_decoder import (
    decoder_forward,
    encoder_decoder_backward,
    encoder_decoder_forward,
    encoder_decoder_init,
    encoder_forward,
)
from minitransformer.models.norm_state import state_after, state_init
from minitransformer.shapes import expect_shape
from minitransformer.training.checkpoint import (
    CheckpointError, expect_same_settings, load_arrays, save_arrays, take_tree)
from minitransformer.tree import tree_items, tree_table


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
    n_kv_heads: int | None = None  # as many as n_heads

    def __post_init__(self):
        expect_config(self)
        if self.tied_embeddings == "all" and self.src_vocab_size != self.tgt_vocab_size:
            raise ValueError('tied_embeddings="all" needs one vocabulary, but src_vocab_size is '
                             f"{self.src_vocab_size} and tgt_vocab_size {self.tgt_vocab_size}")


class EncoderDecoder:
    """A configuration and its parameters, with the everyday methods: loss, gradients, summary.

    state: what norms remember besides the parameters, a tree as in norm_state; replaced, never
    changed in place, by each loss_and_grads in training.
    """

    kind = "encoder_decoder"  # the name of this model in checkpoints

    def __init__(self, config, seed=0, dtype=np.float32):
        self.config = config
        self.params = encoder_decoder_init(np.random.default_rng(seed), config=config, dtype=dtype)
        self.state = state_init(config=config, dtype=dtype)

    def forward(self, src, tgt, dropout_seed=None):
        """(logits (B, T, V), cache); dropout_seed (seed, step), or None for evaluation."""
        return encoder_decoder_forward(self.params, src=src, tgt=tgt, config=self.config,
                                       dropout_seed=dropout_seed, state=self.state)

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
        if dropout_seed is not None:
            self.state = state_after(cache.encoder, self.state)
        return float(loss), encoder_decoder_backward(dlogits, cache)

    def generate(self, src, *, max_new_tokens, beam_size=1, length_penalty=0.6):
        """The target of each source, by greedy search, or beam search when beam_size is above 1.

        src (B, S) ids, padded with PAD -> B lists of ids without START and END. A target stops at
        END, or cut off after max_new_tokens, END counted. Raises ValueError for an empty source, a
        size below one, and more than max_seq_len tokens.
        """
        src = np.asarray(src)
        expect_shape("src", src, "B S")
        if not (src != PAD).any(axis=-1).all():
            raise ValueError("a source is empty: there is nothing to read; leave it out")
        if max_new_tokens > self.config.max_seq_len:
            raise ValueError(f"max_new_tokens is {max_new_tokens}, but max_seq_len is "
                             f"{self.config.max_seq_len}: ask for fewer")
        step = decoding_step(self.params, src=src, config=self.config, state=self.state)
        sizes = {"batch_size": len(src), "max_new_tokens": max_new_tokens}
        if beam_size == 1:
            return greedy(step, **sizes)
        return beam_search(step, beam_size=beam_size, length_penalty=length_penalty, **sizes)

    def summary(self):
        """A table of every parameter's name, shape and count, as text."""
        return tree_table(self.params)

    def save(self, path, **others):
        """Write the configuration and the parameters to path: all of it, or nothing.

        others: what else the file's metadata shall hold, such as a tokenizer's to_dict().
        """
        arrays = {**dict(tree_items(self.params, "params")),
                  **dict(tree_items(self.state, "state"))}
        save_arrays(path, arrays, {"model": self.kind, "config": asdict(self.config), **others})

    @classmethod
    def load(cls, path):
        """The model that save, or a Trainer, wrote to path.

        Raises FileNotFoundError when there is none, CheckpointError when it cannot be trusted or
        is not an encoder-decoder's.
        """
        arrays, metadata = load_arrays(path)
        expect_same_settings(path, "model", metadata.get("model"), cls.kind)
        try:
            config = EncoderDecoderConfig(**metadata["config"])
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{path} holds no usable configuration ({error}): it was written "
                                  f"by another version of this package") from error
        dtype = next(iter(arrays.values())).dtype if arrays else np.float32
        model = cls(config, dtype=dtype)
        model.params = take_tree(path, arrays, "params", model.params)
        model.state = take_tree(path, arrays, "state", model.state)
        return model


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

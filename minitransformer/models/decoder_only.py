"""The decoder alone: a language model, of GPT-2's or Llama's shape by its configuration."""

from dataclasses import KW_ONLY, dataclass
from typing import NamedTuple

import numpy as np

from minitransformer.functional import padding_mask
from minitransformer.kv_cache import KvCache
from minitransformer.layers import (
    encoder_block_init, token_embedding_backward, token_embedding_forward, token_embedding_init)
from minitransformer.layers.options import POSITIONS, norms_around
from minitransformer.models.blocks import BlocksCache, blocks_backward, blocks_forward
from minitransformer.models.config import ModelConfig
from minitransformer.models.head import head_backward, head_forward, head_init
from minitransformer.models.lean_decoding import lean_decoding_step
from minitransformer.models.model import Model
from minitransformer.sampling import sample, sample_steps
from minitransformer.shapes import expect_ids
from minitransformer.tree import is_frozen, no_gradients


@dataclass(frozen=True)
class DecoderOnlyConfig(ModelConfig):
    """The shape of a language model. Raises ValueError when made.

    GPT-2's: activation "gelu_tanh", positions "learned", tied_embeddings "output". Llama's: norm
    "rms", activation "swiglu", positions "rotary", n_kv_heads below n_heads, bias False.
    """

    vocab_size: int
    _: KW_ONLY
    tied_embeddings: str = "output"

    def __post_init__(self):
        super().__post_init__()
        if self.norm == "batch":
            raise ValueError('norm is "batch", but its means run over all tokens of the batch, the '
                             "later ones too: a language model would be shown what it has to "
                             'predict; choose "layer", "rms" or "none"')
        if self.tied_embeddings == "all":
            raise ValueError('tied_embeddings is "all", but there is no encoder: choose "output" '
                             'or "none"')


def decoder_only_init(rng, *, config, dtype=np.float32):
    """The parameter tree {"embedding", "blocks", "norm", "output"}; a tied output is absent."""
    table = token_embedding_init(rng, vocab_size=config.vocab_size, d_model=config.d_model,
                                 dtype=dtype)
    return {
        "embedding": {**table, **POSITIONS[config.positions].init(rng, config, dtype)},
        "blocks": [encoder_block_init(rng, config=config, dtype=dtype)
                   for _ in range(config.n_layers)],
        **head_init(rng, config=config, n_out=config.vocab_size, dtype=dtype),
    }


class DecoderOnlyCache(NamedTuple):
    embedding: NamedTuple
    blocks: list  # each block's cache, as in BlocksCache
    head: NamedTuple
    frozen: list  # the gradients of the lowest blocks, as in BlocksCache: None for each array
    frozen_embedding: dict | None  # likewise the embedding's; None where it learns


def decoder_only_forward(params, *, ids, config, dropout_seed=None, kv_cache=None):
    """logits[b, t] scores the token after ids[b, : t + 1].

    ids (B, T) -> logits (B, T, V), cache. dropout_seed (seed, step), or None for evaluation.
    kv_cache: a list of KvCache, one a block, for decoding; ids then holds only the new tokens, and
    there is no backward. Raises ValueError for ids out of range or a sequence that is too long.
    Source: Radford et al. 2018; with other options, Touvron et al. 2023.
    """
    norm, _ = norms_around(config)
    embedding = params["embedding"]
    frozen_embedding = no_gradients(embedding) if is_frozen(embedding) else None
    start = 0 if kv_cache is None else kv_cache[0].length
    mask = padding_mask(ids, config.pad_id) if kv_cache is None else None     # (B, 1, 1, T)
    x, embedding_cache = token_embedding_forward(
        embedding, ids=ids, config=config, start=start,
        dropout_key=dropout_seed and (*dropout_seed, 0))                      # (B, T, D)
    x, blocks_cache = blocks_forward(
        params["blocks"], x, config=config, mask=mask, causal=True, dropout_seed=dropout_seed,
        kv_cache=kv_cache, dx_needed=frozen_embedding is None)                # (B, T, D)
    table = embedding["table"] if config.tied_embeddings == "output" else None
    logits, head_cache = head_forward(params, x, table, norm=norm)            # (B, T, V)
    return logits, DecoderOnlyCache(embedding_cache, blocks_cache.blocks, head_cache,
                                    blocks_cache.frozen, frozen_embedding)


# A chain; a tied table is used at both ends, so it gets both gradients: those of the rows that were
# looked up and, transposed, that of the output.
def decoder_only_backward(dlogits, cache):
    """dlogits (B, T, V) -> dparams, built like params."""
    dhead, dx, dtable = head_backward(dlogits, cache.head)                    # (B, T, D)
    dblocks, dx = blocks_backward(dx, BlocksCache(cache.blocks, cache.frozen))  # (B, T, D)
    dembedding = cache.frozen_embedding or token_embedding_backward(dx, cache.embedding)
    if dtable is not None:
        dembedding["table"] = dembedding["table"] + dtable  # (V, D) [decoder_only.dtable]
    return {"embedding": dembedding, "blocks": dblocks, **dhead}


def decoder_only_step(params, *, config):
    """The step function of minitransformer.sampling: the forward, over the new tokens alone.

    Everything that it needs of the tokens before is in a KV cache of its own. It shows what a step
    is; models take that of lean_decoding, which gives the same numbers.
    """
    kv_cache = [KvCache() for _ in params["blocks"]]

    def step(ids, rows):
        """ids (N, T), rows (N,) -> logits (N, V)."""
        for block in kv_cache:
            block.reorder(rows)
        logits, _ = decoder_only_forward(params, ids=ids, config=config,
                                         kv_cache=kv_cache)                   # (N, T, V)
        logits = logits[:, -1].copy()                                         # (N, V)
        if config.pad_id >= 0:
            logits[:, config.pad_id] = -np.inf  # no token: it is never written
        return logits

    return step


class DecoderOnly(Model):
    """A language model: it reads ids and says what may come next."""

    kind, config_class = "decoder_only", DecoderOnlyConfig
    init = staticmethod(decoder_only_init)

    def forward(self, ids, dropout_seed=None):
        """(logits (B, T, V), cache); dropout_seed (seed, step), or None for evaluation."""
        return decoder_only_forward(self.params, ids=ids, config=self.config,
                                    dropout_seed=dropout_seed)

    def logits(self, batch, dropout_seed=None):
        """As forward, of a Batch's tgt; it has no src."""
        return self.forward(batch.tgt, dropout_seed)

    def gradients(self, dlogits, cache):
        """dlogits (B, T, V) -> dparams."""
        return decoder_only_backward(dlogits, cache)

    def generate(self, prompts, *, max_new_tokens, **choice):
        """Continue each prompt, a list of ids: a list of lists of the new ids.

        choice: stop, seed, temperature, top_k, top_p and repetition_penalty as in `sample`.
        Raises ValueError when prompt and new tokens together exceed max_seq_len, and for an id out
        of range; TypeError for ids that are not whole.
        """
        self._expect_room(prompts, max_new_tokens)
        return sample(self.decoding_step(), prompts, max_new_tokens=max_new_tokens, **choice)

    def stream(self, prompts, *, max_new_tokens, **choice):
        """As generate, but yields {prompt's number: its next id} as soon as they are drawn."""
        self._expect_room(prompts, max_new_tokens)
        return sample_steps(self.decoding_step(), prompts, max_new_tokens=max_new_tokens, **choice)

    def decoding_step(self):
        """The step function of minitransformer.sampling: that of decoder_only_step, but quicker."""
        return lean_decoding_step(self.params, config=self.config)

    def _expect_room(self, prompts, max_new_tokens):
        for n, prompt in enumerate(prompts):
            if len(prompt):
                expect_ids(f"prompt {n}", prompt, self.config.vocab_size)
        longest = max(map(len, prompts), default=0) + max_new_tokens
        if longest > self.config.max_seq_len:
            raise ValueError(f"the longest prompt and max_new_tokens make {longest} tokens, but "
                             f"max_seq_len is {self.config.max_seq_len}: ask for fewer")

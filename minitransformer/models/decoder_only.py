"""The decoder alone: a language model, of GPT-2's or Llama's shape by its configuration."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from minitransformer.data.tokenizers import PAD
from minitransformer.functional import padding_mask
from minitransformer.kv_cache import KvCache
from minitransformer.layers import (
    encoder_block_backward, encoder_block_forward, encoder_block_init,
    projection_backward, projection_forward, projection_init,
    token_embedding_backward, token_embedding_forward, token_embedding_init)
from minitransformer.layers.options import POSITIONS, Norm, expect_config, norms_around
from minitransformer.models.model import Model
from minitransformer.models.recompute import block_forward, whole
from minitransformer.sampling import sample, sample_steps


@dataclass(frozen=True)
class DecoderOnlyConfig:
    """The shape of a language model. Raises ValueError when made.

    GPT-2's: activation "gelu_tanh", positions "learned", tied_embeddings "output". Llama's: norm
    "rms", activation "swiglu", positions "rotary", n_kv_heads below n_heads.
    """

    vocab_size: int
    d_model: int = 128
    n_heads: int = 4
    n_layers: int = 4
    d_ff: int = 512
    max_seq_len: int = 256
    dropout: float = 0.1
    norm: str = "layer"
    norm_placement: str = "pre"
    activation: str = "gelu"
    positions: str = "sinusoidal"
    tied_embeddings: str = "output"
    n_kv_heads: int | None = None  # as many as n_heads
    attention: str = "auto"  # by tiles, where that is quicker
    recompute: bool = False  # less memory, for the time of another forward

    def __post_init__(self):
        expect_config(self)
        if self.norm == "batch":
            raise ValueError('norm is "batch", but its means run over all tokens of the batch, the '
                             "later ones too: a language model would be shown what it has to "
                             'predict; choose "layer", "rms" or "none"')
        if self.tied_embeddings == "all":
            raise ValueError('tied_embeddings is "all", but there is no encoder: choose "output" '
                             'or "none"')


def decoder_only_init(rng, *, config, dtype=np.float32):
    """The parameter tree {"embedding", "blocks", "norm", "output"}; a tied output is absent."""
    D, (norm, _) = config.d_model, norms_around(config)
    table = token_embedding_init(rng, vocab_size=config.vocab_size, d_model=D, dtype=dtype)
    params = {
        "embedding": {**table, **POSITIONS[config.positions].init(rng, config, dtype)},
        "blocks": [encoder_block_init(rng, config=config, dtype=dtype)
                   for _ in range(config.n_layers)],
        "norm": norm.init(D, dtype),
    }
    if config.tied_embeddings == "none":
        params["output"] = projection_init(rng, d_in=D, d_out=config.vocab_size, dtype=dtype)
    return params


class DecoderOnlyCache(NamedTuple):
    norm: Norm
    embedding: NamedTuple
    blocks: list
    final_norm: NamedTuple
    output: NamedTuple
    tied: bool


def decoder_only_forward(params, *, ids, config, dropout_seed=None, kv_cache=None):
    """logits[b, t] scores the token after ids[b, : t + 1].

    ids (B, T) -> logits (B, T, V), cache. dropout_seed (seed, step), or None for evaluation.
    kv_cache: a list of KvCache, one a block, for decoding; ids then holds only the new tokens, and
    there is no backward. Raises ValueError for ids out of range or a sequence that is too long.
    Source: Radford et al. 2018; with other options, Touvron et al. 2023.
    """
    norm, _ = norms_around(config)
    start = 0 if kv_cache is None else kv_cache[0].length
    mask = padding_mask(ids, PAD) if kv_cache is None else None               # (B, 1, 1, T)
    x, embedding_cache = token_embedding_forward(
        params["embedding"], ids=ids, config=config, start=start,
        dropout_key=dropout_seed and (*dropout_seed, 0))                      # (B, T, D)
    block_caches = []
    for i, block in enumerate(params["blocks"]):
        x, block_cache = block_forward(encoder_block_forward, config)(
            block, x, config=config, mask=mask, causal=True,
            dropout_key=dropout_seed and (*dropout_seed, 1 + i),
            kv_cache=None if kv_cache is None else kv_cache[i])               # (B, T, D)
        block_caches.append(block_cache)
    x, norm_cache = norm.forward(params["norm"], x)                           # (B, T, D)
    tied = config.tied_embeddings == "output"
    output = {"w": params["embedding"]["table"].T} if tied else params["output"]
    logits, output_cache = projection_forward(output, x)                      # (B, T, V)
    return logits, DecoderOnlyCache(norm, embedding_cache, block_caches, norm_cache, output_cache,
                                    tied)


# A chain; a tied table is used at both ends, so it gets both gradients: those of the rows that were
# looked up and, transposed, that of the output.
def decoder_only_backward(dlogits, cache):
    """dlogits (B, T, V) -> dparams, built like params."""
    doutput, dx = projection_backward(dlogits, cache.output)                  # (B, T, D)
    dnorm, dx = cache.norm.backward(dx, cache.final_norm)                     # (B, T, D)
    dblocks = []
    for block_cache in reversed(cache.blocks):
        dblock, dx = encoder_block_backward(dx, whole(block_cache))           # (B, T, D)
        dblocks.insert(0, dblock)
    dembedding = token_embedding_backward(dx, cache.embedding)
    dparams = {"embedding": dembedding, "blocks": dblocks, "norm": dnorm}
    if cache.tied:
        dembedding["table"] = dembedding["table"] + doutput["w"].T  # (V, D) [decoder_only.dtable]
        return dparams
    return {**dparams, "output": doutput}


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
        Raises ValueError when prompt and new tokens together exceed max_seq_len.
        """
        self._expect_room(prompts, max_new_tokens)
        return sample(self.decoding_step(), prompts, max_new_tokens=max_new_tokens, **choice)

    def stream(self, prompts, *, max_new_tokens, **choice):
        """As generate, but yields {prompt's number: its next id} as soon as they are drawn."""
        self._expect_room(prompts, max_new_tokens)
        return sample_steps(self.decoding_step(), prompts, max_new_tokens=max_new_tokens, **choice)

    def decoding_step(self):
        """The step function of minitransformer.sampling: it runs over the new tokens alone.

        Everything that it needs of the tokens before is in a KV cache of its own.
        """
        kv_cache = [KvCache() for _ in self.params["blocks"]]

        def step(ids, rows):
            """ids (N, T), rows (N,) -> logits (N, V)."""
            for block in kv_cache:
                block.reorder(rows)
            logits, _ = decoder_only_forward(self.params, ids=ids, config=self.config,
                                             kv_cache=kv_cache)               # (N, T, V)
            logits = logits[:, -1].copy()                                     # (N, V)
            logits[:, PAD] = -np.inf  # padding is no token: it is never written
            return logits

        return step

    def _expect_room(self, prompts, max_new_tokens):
        longest = max(map(len, prompts), default=0) + max_new_tokens
        if longest > self.config.max_seq_len:
            raise ValueError(f"the longest prompt and max_new_tokens make {longest} tokens, but "
                             f"max_seq_len is {self.config.max_seq_len}: ask for fewer")

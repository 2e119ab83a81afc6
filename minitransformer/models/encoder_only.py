"""The encoder alone: it reads a sequence of ids or of features, and says what it is."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from minitransformer.data.tokenizers import PAD
from minitransformer.layers import (
    encoder_block_backward, encoder_block_forward, encoder_block_init,
    projection_backward, projection_forward, projection_init,
    token_embedding_backward, token_embedding_forward, token_embedding_init)
from minitransformer.layers.options import (
    POOLINGS, POSITIONS, Norm, Pair, expect_config, norms_around)
from minitransformer.models.feature_embedding import (
    feature_embedding_backward, feature_embedding_forward, feature_embedding_init)
from minitransformer.models.model import Model
from minitransformer.models.recompute import block_forward, whole
from minitransformer.models.norm_state import state_after, state_init, with_state
from minitransformer.shapes import expect_shape
from minitransformer.tree import tree_items


@dataclass(frozen=True)
class EncoderOnlyConfig:
    """The shape of an encoder. Raises ValueError when made.

    What goes in: token ids (vocab_size) or vectors of n_features numbers, one of the two. What
    comes out: n_classes scores, or as many as the vocabulary has entries, to name a masked word;
    for the whole sequence (pooling "mean") or for each of its tokens ("none").
    """

    vocab_size: int | None = None
    n_features: int | None = None
    n_classes: int | None = None  # the vocabulary's entries
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
    pooling: str = "mean"
    tied_embeddings: str = "none"
    n_kv_heads: int | None = None  # as many as n_heads
    attention: str = "auto"  # by tiles, where that is quicker
    recompute: bool = False  # less memory, for the time of another forward

    def __post_init__(self):
        expect_config(self)
        if (self.vocab_size is None) == (self.n_features is None):
            raise ValueError(f"vocab_size is {self.vocab_size} and n_features {self.n_features}, "
                             f"expected one of them: the model reads ids or vectors")
        if self.n_classes is None and self.vocab_size is None:
            raise ValueError("n_classes is None, but without a vocabulary there is nothing else "
                             "to tell apart: say how many classes there are")
        if self.tied_embeddings == "all":
            raise ValueError('tied_embeddings is "all", but there is no decoder: choose "output" '
                             'or "none"')
        if self.tied_embeddings == "output" and self.n_classes is not None:
            raise ValueError(f'tied_embeddings is "output", but the output has n_classes '
                             f'{self.n_classes}: only scores of the vocabulary (n_classes None) '
                             f'can share its table; choose "none"')


def encoder_only_init(rng, *, config, dtype=np.float32):
    """The parameter tree {"embedding", "blocks", "norm", "output"}; a tied output is absent."""
    D, (norm, _) = config.d_model, norms_around(config)
    if config.vocab_size is not None:
        embedding = token_embedding_init(rng, vocab_size=config.vocab_size, d_model=D, dtype=dtype)
    else:
        embedding = feature_embedding_init(rng, n_features=config.n_features, d_model=D,
                                           dtype=dtype)
    params = {
        "embedding": {**embedding, **POSITIONS[config.positions].init(rng, config, dtype)},
        "blocks": [encoder_block_init(rng, config=config, dtype=dtype)
                   for _ in range(config.n_layers)],
        "norm": norm.init(D, dtype),
    }
    if config.tied_embeddings == "none":
        params["output"] = projection_init(rng, d_in=D, d_out=config.n_classes or config.vocab_size,
                                           dtype=dtype)
    return params


class EncoderOnlyCache(NamedTuple):
    embedding: NamedTuple
    blocks: list
    norm: Norm
    final_norm: NamedTuple
    pooling: Pair
    pooled: NamedTuple
    output: NamedTuple
    from_ids: bool
    tied: bool


def encoder_only_forward(params, features=None, *, ids=None, mask=None, config, dropout_seed=None,
                         state=None):
    """Embed, pass through the blocks, normalize (pre-norm only), pool, project to scores.

    features (B, T, C), or ids (B, T) -> logits (B, n) or, with pooling "none", (B, T, n), cache.
    mask (B, T) True = real token; None: every id but PAD, every feature. Other tokens are neither
    attended to nor pooled. dropout_seed (seed, step), or None for evaluation. state: what the
    norms remember besides params (model.state), None for nothing.
    Raises ValueError when not just what the configuration reads is given, for ids out of range,
    features that are not finite, a sequence that is too long; TypeError for a mask of another type.
    Source: Devlin et al. 2019 (ids), Dosovitskiy et al. 2021 (features), without their class token.
    """
    from_ids = config.vocab_size is not None
    _expect_input(features, ids, from_ids)
    params = with_state(params, state)
    dropout_key = dropout_seed and (*dropout_seed, 0)
    mask = _real_tokens(features, ids, mask)                                  # (B, T)
    block_mask = mask[:, None, None, :]                                       # (B, 1, 1, T)
    norm, _ = norms_around(config, mask=block_mask, training=dropout_seed is not None)
    if from_ids:
        x, embedding_cache = token_embedding_forward(
            params["embedding"], ids=ids, config=config, dropout_key=dropout_key)  # (B, T, D)
    else:
        x, embedding_cache = feature_embedding_forward(
            params["embedding"], features, config=config, dropout_key=dropout_key)  # (B, T, D)
    block_caches = []
    for i, block in enumerate(params["blocks"]):
        x, block_cache = block_forward(encoder_block_forward, config)(
            block, x, config=config, mask=block_mask,
            dropout_key=dropout_seed and (*dropout_seed, 1 + i))              # (B, T, D)
        block_caches.append(block_cache)
    x, norm_cache = norm.forward(params["norm"], x)                           # (B, T, D)
    pooling, tied = POOLINGS[config.pooling], config.tied_embeddings == "output"
    x, pooled_cache = pooling.forward(x, mask=mask)                           # (B, D) or (B, T, D)
    output = {"w": params["embedding"]["table"].T} if tied else params["output"]
    logits, output_cache = projection_forward(output, x)                      # (B, n) or (B, T, n)
    return logits, EncoderOnlyCache(embedding_cache, block_caches, norm, norm_cache, pooling,
                                    pooled_cache, output_cache, from_ids, tied)


# A chain; a tied table is used at both ends, so it gets both gradients, as in the decoder. Ids have
# no gradient; features do, and it is what a front end of one's own would go on with.
def encoder_only_backward(dlogits, cache):
    """dlogits (B, n) or (B, T, n) -> dparams, dfeatures (B, T, C), None when ids went in."""
    doutput, dx = projection_backward(dlogits, cache.output)                  # (B, D) or (B, T, D)
    dx = cache.pooling.backward(dx, cache.pooled)                             # (B, T, D)
    dnorm, dx = cache.norm.backward(dx, cache.final_norm)                     # (B, T, D)
    dblocks, dfeatures = [], None
    for block_cache in reversed(cache.blocks):
        dblock, dx = encoder_block_backward(dx, whole(block_cache))           # (B, T, D)
        dblocks.insert(0, dblock)
    if cache.from_ids:
        dembedding = token_embedding_backward(dx, cache.embedding)
    else:
        dembedding, dfeatures = feature_embedding_backward(dx, cache.embedding)  # (B, T, C)
    dparams = {"embedding": dembedding, "blocks": dblocks, "norm": dnorm}
    if cache.tied:
        dembedding["table"] = dembedding["table"] + doutput["w"].T            # (V, D)
        return dparams, None  # tied to a table, so ids went in
    return {**dparams, "output": doutput}, dfeatures


def _expect_input(features, ids, from_ids):
    """Raise ValueError unless just the one that the configuration reads is given."""
    if (ids is None) == from_ids or (features is None) != from_ids:
        given = [name for name, x in (("features", features), ("ids", ids)) if x is not None]
        raise ValueError(f"got {' and '.join(given) or 'neither features nor ids'}, but this model "
                         f"reads {'ids' if from_ids else 'features'}: its configuration says so")


def _real_tokens(features, ids, mask):
    """The mask (B, T), made where none is given. Raises ValueError, TypeError for another kind."""
    if ids is not None:
        expect_shape("ids", ids, "B T")
    else:
        expect_shape("features", features, "B T C")
    size = np.shape(features if ids is None else ids)[:2]                     # (B, T)
    if mask is None:
        return np.ones(size, bool) if ids is None else np.asarray(ids) != PAD
    mask = np.asarray(mask)                                                   # (B, T)
    if mask.dtype != bool:
        raise TypeError(f"mask must be boolean (True = real token), got {mask.dtype}")
    expect_shape("mask", mask, "B T", B=size[0], T=size[1])
    return mask


class EncoderOnly(Model):
    """An encoder with a head: it classifies sequences, or names each of their tokens.

    A target of -1 does not count: a token that was not masked, an example without a label.
    """

    kind, config_class = "encoder_only", EncoderOnlyConfig
    init, init_state = staticmethod(encoder_only_init), staticmethod(state_init)
    ignore_index = -1  # class 0 is a class

    def forward(self, features=None, dropout_seed=None, *, ids=None, mask=None):
        """(logits, cache), as encoder_only_forward; features take the type of the parameters."""
        if features is not None:
            features = np.asarray(features, dtype=self.dtype)                 # (B, T, C)
        return encoder_only_forward(self.params, features, ids=ids, mask=mask, config=self.config,
                                    dropout_seed=dropout_seed, state=self.state)

    def logits(self, batch, dropout_seed=None):
        """As forward, of a batch with features, ids (one of them None) and mask."""
        return self.forward(batch.features, dropout_seed, ids=batch.ids, mask=batch.mask)

    def gradients(self, dlogits, cache):
        """dlogits, of the logits' shape -> dparams."""
        return encoder_only_backward(dlogits, cache)[0]

    def new_state(self, cache):
        """The running statistics that a forward in training has left in its cache."""
        return state_after(cache, self.state)

    def predict(self, features=None, *, ids=None, mask=None):
        """The class with the highest score: (B,), or (B, T) with pooling "none"."""
        return np.argmax(self.forward(features, ids=ids, mask=mask)[0], axis=-1)

    @property
    def dtype(self):
        """The type of the parameters."""
        return next(x.dtype for _, x in tree_items(self.params))

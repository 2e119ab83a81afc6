"""The encoder alone: it reads a sequence of ids or of features, and says what it is."""

from dataclasses import KW_ONLY, dataclass
from typing import NamedTuple

import numpy as np

from minitransformer.layers import (
    encoder_block_init, token_embedding_backward, token_embedding_forward, token_embedding_init)
from minitransformer.layers.options import IDENTITY, NORMS, POSITIONS, Norm, norms_around
from minitransformer.models.blocks import BlocksCache, blocks_backward, blocks_forward
from minitransformer.models.config import ModelConfig
from minitransformer.models.feature_embedding import (
    feature_embedding_backward, feature_embedding_forward, feature_embedding_init)
from minitransformer.models.head import head_backward, head_forward, head_init
from minitransformer.models.norm_state import with_state
from minitransformer.shapes import expect_shape
from minitransformer.tree import is_frozen, no_gradients


@dataclass(frozen=True)
class EncoderOnlyConfig(ModelConfig):
    """The shape of an encoder. Raises ValueError when made.

    What goes in: token ids (vocab_size) or vectors of n_features numbers, one of the two. What
    comes out: n_classes scores, or as many as the vocabulary has entries, to name a masked word;
    for the whole sequence (pooling "mean") or for each of its tokens ("none"). embedding_norm: the
    embeddings are normalized before the first block, as in BERT.
    """

    vocab_size: int | None = None
    n_features: int | None = None
    n_classes: int | None = None  # the vocabulary's entries
    _: KW_ONLY
    pooling: str = "mean"
    embedding_norm: bool = False

    def __post_init__(self):
        super().__post_init__()
        if (self.vocab_size is None) == (self.n_features is None):
            raise ValueError(f"vocab_size is {self.vocab_size} and n_features {self.n_features}, "
                             f"expected one of them: the model reads ids or vectors")
        if self.embedding_norm and self.norm == "batch":
            raise ValueError('embedding_norm is True and norm is "batch", whose running means are '
                             'kept for the blocks alone: choose another norm')
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
    """{"embedding", "embedding_norm", "blocks", "norm", "output"}; what is not used is absent."""
    D = config.d_model
    if config.vocab_size is not None:
        embedding = token_embedding_init(rng, vocab_size=config.vocab_size, d_model=D, dtype=dtype)
    else:
        embedding = feature_embedding_init(rng, n_features=config.n_features, d_model=D,
                                           dtype=dtype)
    embedding_norm = _embedding_norm(config).init(D, dtype)
    return {
        "embedding": {**embedding, **POSITIONS[config.positions].init(rng, config, dtype)},
        **({"embedding_norm": embedding_norm} if embedding_norm else {}),
        "blocks": [encoder_block_init(rng, config=config, dtype=dtype)
                   for _ in range(config.n_layers)],
        **head_init(rng, config=config, n_out=config.n_classes or config.vocab_size, dtype=dtype),
    }


class EncoderEmbeddingCache(NamedTuple):
    embedding: NamedTuple
    from_ids: bool
    norm: Norm
    normed: NamedTuple


def encoder_embedding_forward(params, features=None, *, ids=None, mask=None, config,
                              dropout_seed=None):
    """Ids (B, T) or features (B, T, C) -> x (B, T, D), cache: what the first block reads.

    params: the model's tree, of which "embedding" and "embedding_norm" are read. The norm stands
    behind the dropout, where there is one. The rest as in encoder_only_forward.
    """
    key = {"config": config, "dropout_key": dropout_seed and (*dropout_seed, 0)}
    from_ids = config.vocab_size is not None
    if from_ids:
        x, embedding_cache = token_embedding_forward(params["embedding"], ids=ids,
                                                     **key)                   # (B, T, D)
    else:
        x, embedding_cache = feature_embedding_forward(params["embedding"], features,
                                                       **key)                 # (B, T, D)
    norm = _embedding_norm(config)
    x, normed = norm.forward(params.get("embedding_norm"), x, mask=mask,
                             training=dropout_seed is not None, eps=config.norm_eps)
    return x, EncoderEmbeddingCache(embedding_cache, from_ids, norm, normed)


# A chain. Ids have no gradient; features do, and it is what a front end of one's own goes on with.
def encoder_embedding_backward(dout, cache):
    """dout (B, T, D) -> dparams, dfeatures (B, T, C), None when ids went in."""
    dnorm, dx = cache.norm.backward(dout, cache.normed)                       # (B, T, D)
    if cache.from_ids:
        dembedding, dfeatures = token_embedding_backward(dx, cache.embedding), None
    else:
        dembedding, dfeatures = feature_embedding_backward(dx, cache.embedding)  # (B, T, C)
    dparams = {"embedding": dembedding}
    return ({**dparams, "embedding_norm": dnorm} if dnorm else dparams), dfeatures


class EncoderOnlyCache(NamedTuple):
    embedding: EncoderEmbeddingCache
    blocks: list  # each block's cache, as in BlocksCache
    head: NamedTuple
    frozen: list  # the gradients of the lowest blocks, as in BlocksCache: None for each array
    frozen_embedding: dict | None  # the gradient below the blocks, None for each array, or None

    @property
    def final_norm(self):
        """The cache of the norm behind the last block."""
        return self.head.final_norm


def encoder_only_forward(params, features=None, *, ids=None, mask=None, config, dropout_seed=None,
                         state=None):
    """Embed, pass through the blocks, normalize (pre-norm only), pool, project to scores.

    features (B, T, C), or ids (B, T) -> logits (B, n) or, with pooling "none", (B, T, n), cache.
    mask (B, T) True = real token; None: every id but pad_id, every feature. Other tokens are
    neither attended to nor pooled. dropout_seed (seed, step), or None for evaluation. state: what
    the norms remember besides params (model.state), None for nothing.
    Raises ValueError when not just what the configuration reads is given, for ids out of range,
    features that are not finite, a sequence that is too long; TypeError for a mask of another type.
    Source: Devlin et al. 2019 (ids), Dosovitskiy et al. 2021 (features), without their class token.
    """
    _expect_input(features, ids, config.vocab_size is not None)
    params = with_state(params, state)
    mask = _real_tokens(features, ids, mask, config.pad_id)                   # (B, T)
    block_mask = mask[:, None, None, :]                                       # (B, 1, 1, T)
    x, embedding_cache = encoder_embedding_forward(
        params, features, ids=ids, mask=block_mask, config=config,
        dropout_seed=dropout_seed)                                            # (B, T, D)
    below = {name: part for name, part in params.items() if name.startswith("embedding")}
    learns = features is not None or not is_frozen(below)  # features may want their gradient
    x, blocks_cache = blocks_forward(params["blocks"], x, config=config, mask=block_mask,
                                     dropout_seed=dropout_seed, dx_needed=learns)  # (B, T, D)
    norm, _ = norms_around(config, mask=block_mask, training=dropout_seed is not None)
    table = params["embedding"]["table"] if config.tied_embeddings == "output" else None
    logits, head_cache = head_forward(params, x, table, norm=norm, pooling=config.pooling,
                                      mask=mask)                              # (B, n) or (B, T, n)
    return logits, EncoderOnlyCache(embedding_cache, blocks_cache.blocks, head_cache,
                                    blocks_cache.frozen, None if learns else no_gradients(below))


# A chain; a tied table is used at both ends, so it gets both gradients, as in the decoder.
def encoder_only_backward(dlogits, cache):
    """dlogits (B, n) or (B, T, n) -> dparams, dfeatures (B, T, C), None when ids went in."""
    dhead, dx, dtable = head_backward(dlogits, cache.head)                    # (B, T, D)
    dblocks, dx = blocks_backward(dx, BlocksCache(cache.blocks, cache.frozen))  # (B, T, D)
    dparams, dfeatures = cache.frozen_embedding, None
    if dparams is None:
        dparams, dfeatures = encoder_embedding_backward(dx, cache.embedding)  # (B, T, C)
    if dtable is not None:
        dembedding = dparams["embedding"]
        dembedding["table"] = dembedding["table"] + dtable                    # (V, D)
    return {**dparams, "blocks": dblocks, **dhead}, dfeatures


def _embedding_norm(config):
    return NORMS[config.norm] if config.embedding_norm else IDENTITY


def _expect_input(features, ids, from_ids):
    """Raise ValueError unless just the one that the configuration reads is given."""
    if (ids is None) == from_ids or (features is None) != from_ids:
        given = [name for name, x in (("features", features), ("ids", ids)) if x is not None]
        raise ValueError(f"got {' and '.join(given) or 'neither features nor ids'}, but this model "
                         f"reads {'ids' if from_ids else 'features'}: its configuration says so")


def _real_tokens(features, ids, mask, pad_id):
    """The mask (B, T), made where none is given. Raises ValueError, TypeError for another kind."""
    if ids is not None:
        expect_shape("ids", ids, "B T")
    else:
        expect_shape("features", features, "B T C")
    size = np.shape(features if ids is None else ids)[:2]                     # (B, T)
    if mask is None:
        return np.ones(size, bool) if ids is None else np.asarray(ids) != pad_id
    mask = np.asarray(mask)                                                   # (B, T)
    if mask.dtype != bool:
        raise TypeError(f"mask must be boolean (True = real token), got {mask.dtype}")
    expect_shape("mask", mask, "B T", B=size[0], T=size[1])
    return mask

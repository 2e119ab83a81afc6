"""Feature embedding: vectors that were measured, not looked up, made as wide as the model."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from minitransformer.functional import dropout_backward, dropout_forward, dropout_rng
from minitransformer.layers import projection_backward, projection_forward, projection_init
from minitransformer.layers.options import POSITIONS
from minitransformer.shapes import expect_length, expect_shape


class FeatureEmbeddingCache(NamedTuple):
    projection: NamedTuple
    positions: NamedTuple
    dropout: NamedTuple
    add_backward: Callable


def feature_embedding_init(rng, *, n_features, d_model, dtype=np.float32):
    """{"w" (C, D), "b" (D,)}, a projection of C = n_features to D = d_model."""
    return projection_init(rng, d_in=n_features, d_out=d_model, dtype=dtype)


def feature_embedding_forward(params, features, *, config, dropout_key=None):
    """x = dropout(features w + b + positions[: T]); unlike a token's row it is not scaled.

    features (B, T, C) -> x (B, T, D), cache. dropout_key (seed, step, layer), or None for
    evaluation. Raises ValueError for NaN or infinity, another number of features than w takes, or
    T above max_seq_len. Source: Dosovitskiy et al. 2021, eq. 1, without the class token.
    """
    expect_shape("features", features, "B T C", C=config.n_features)
    expect_length(np.shape(features)[1], config.max_seq_len)
    if not np.isfinite(features).all():
        where = [int(i) for i in np.argwhere(~np.isfinite(features))[0]]
        raise ValueError(f"features hold {np.asarray(features)[tuple(where)]} at [sequence, token, "
                         f"feature] {where}: every number must be finite, padding's too")
    x, projection_cache = projection_forward(params, features)             # (B, T, D)
    positions = POSITIONS[config.positions]
    x, positions_cache = positions.add(params, x, config, 0)               # (B, T, D)
    x, dropout_cache = dropout_forward(x, rate=config.dropout, rng=dropout_rng(dropout_key, 0),
                                       training=dropout_key is not None)   # (B, T, D)
    return x, FeatureEmbeddingCache(projection_cache, positions_cache, dropout_cache,
                                    positions.add_backward)


# Backwards: the dropout mask; then the sum hands the same gradient to the positions, where they
# are learned, and to the projection, which passes it on by [linear.dx] [linear.dw] [linear.db].
def feature_embedding_backward(dout, cache):
    """dout (B, T, D) -> dparams, dfeatures (B, T, C)."""
    dx = dropout_backward(dout, cache.dropout)                             # (B, T, D)
    dprojection, dfeatures = projection_backward(dx, cache.projection)     # (B, T, C)
    return {**dprojection, **cache.add_backward(dx, cache.positions)}, dfeatures

"""Add and norm: how a sublayer's branch joins the main path."""

from typing import NamedTuple

from minitransformer.functional import dropout_backward, dropout_forward, dropout_rng
from minitransformer.functional import residual_backward, residual_forward
from minitransformer.layers.options import Norm


class AddAndNormCache(NamedTuple):
    dropout: NamedTuple
    residual: NamedTuple
    norm: NamedTuple
    after: Norm


def add_and_norm_forward(params, x, branch, *, after, rate, dropout_key=None, site=0):
    """y = after(x + dropout(branch)).

    x, branch (B, T, D) -> y (B, T, D), cache. after: the norm behind the sum and params its
    parameters; with pre-norm it is the identity. dropout_key (seed, step, layer) and site choose
    the mask; None: evaluation. Source: Vaswani et al. 2017, 3.1 and 5.4.
    """
    branch, dropout_cache = dropout_forward(branch, rate=rate, training=dropout_key is not None,
                                            rng=dropout_rng(dropout_key, site))    # (B, T, D)
    total, residual_cache = residual_forward(x, branch)                            # (B, T, D)
    out, norm_cache = after.forward(params, total)                                 # (B, T, D)
    return out, AddAndNormCache(dropout_cache, residual_cache, norm_cache, after)


# Upwards: the norm, then the sum, which sends one and the same gradient both ways, then the mask
# on the branch's side alone.
def add_and_norm_backward(dout, cache):
    """dout (B, T, D) -> dparams, dx (B, T, D), dbranch (B, T, D)."""
    dparams, dtotal = cache.after.backward(dout, cache.norm)                       # (B, T, D)
    dx, dbranch = residual_backward(dtotal, cache.residual)      # (B, T, D) [add_and_norm.dx]
    dbranch = dropout_backward(dbranch, cache.dropout)      # (B, T, D) [add_and_norm.dbranch]
    return dparams, dx, dbranch

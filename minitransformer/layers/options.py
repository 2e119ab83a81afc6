"""The one table of options: what a block may be built from, by name.

A block asks here for a pair and never branches on a name. Everything the 2017 Transformer needs
is in functional/; to change a norm, an activation or the positions is to choose another line of
these tables.
"""

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from minitransformer import variants
from minitransformer.functional import (
    attention_backward, embedding_backward, embedding_forward, layer_norm_backward,
    layer_norm_forward, relu_backward, relu_forward, sinusoidal_positions)
from minitransformer.tables import Table
from minitransformer.tree import is_frozen, no_gradients
from minitransformer.variants import attention_by_length as by_length


class Norm(NamedTuple):
    """A triple with a parameter tree, and what it remembers besides (running statistics).

    init(d_model, dtype), forward(params, x, *, mask, training, eps) with mask as attention has it,
    backward(dout, cache), state(d_model, dtype): {} or {"mean", "variance"}, which forward finds
    in params as well and leaves, renewed, in cache.running.
    """

    init: Callable
    forward: Callable
    backward: Callable
    state: Callable = lambda d_model, dtype: {}


def _layer_norm_init(d_model, dtype):
    return {"gain": np.ones(d_model, dtype), "bias": np.zeros(d_model, dtype)}  # (D,) each


def _layer_norm_forward(params, x, *, mask=None, training=False, eps=1e-5):
    return layer_norm_forward(x, params["gain"], params["bias"], eps=eps,
                              trainable=params["gain"].flags.writeable)


def _layer_norm_backward(dout, cache):
    dx, dgain, dbias = layer_norm_backward(dout, cache)
    return {"gain": dgain, "bias": dbias}, dx


def _rms_norm_init(d_model, dtype):
    return {"gain": np.ones(d_model, dtype)}  # (D,)


def _rms_norm_forward(params, x, *, mask=None, training=False, eps=1e-5):
    return variants.rms_norm_forward(x, params["gain"], eps=eps,
                                     trainable=params["gain"].flags.writeable)


def _rms_norm_backward(dout, cache):
    dx, dgain = variants.rms_norm_backward(dout, cache)
    return {"gain": dgain}, dx


def _batch_norm_state(d_model, dtype):
    return {"mean": np.zeros(d_model, dtype), "variance": np.ones(d_model, dtype)}  # (D,) each


def _batch_norm_forward(params, x, *, mask=None, training=False, eps=1e-5):
    if mask is not None and mask.shape[1:3] != (1, 1):
        raise ValueError(f"batch norm takes a padding mask, (B, 1, 1, T), got {mask.shape}: its "
                         f"means run over all tokens, so it cannot hide some from others")
    running = (params["mean"], params["variance"]) if "mean" in params else None
    return variants.batch_norm_forward(
        x, params["gain"], params["bias"], running=running, training=training, eps=eps,
        mask=None if mask is None else np.broadcast_to(mask[:, 0, 0], x.shape[:-1]))


def _batch_norm_backward(dout, cache):
    dx, dgain, dbias = variants.batch_norm_backward(dout, cache)  # dx itself asks for all three
    dparams = {"gain": dgain, "bias": dbias}
    return no_gradients(dparams) if is_frozen(cache.gain) else dparams, dx


IDENTITY = Norm(init=lambda d_model, dtype: {},
                forward=lambda params, x, **others: (x, None),
                backward=lambda dout, cache: ({}, dout))

NORMS = {
    "layer": Norm(_layer_norm_init, _layer_norm_forward, _layer_norm_backward),
    "rms": Norm(_rms_norm_init, _rms_norm_forward, _rms_norm_backward),
    "batch": Norm(_layer_norm_init, _batch_norm_forward, _batch_norm_backward, _batch_norm_state),
    "none": IDENTITY,
}
NORM_PLACEMENTS = ("pre", "post")
CAUSAL_NORMS = {**NORMS, "batch": NORMS["layer"]}  # a mean over all tokens shows the future


def norms_around(config, *, mask=None, training=False, causal=False):
    """(before, after): the norms before a sublayer and after its residual sum; one is the identity.

    "post" is the paper's: norm(x + sublayer(x)). "pre" is x + sublayer(norm(x)), which trains
    deep stacks without care, since the residual path is then free of norms from end to end.
    mask and training are for a norm that asks for them; causal: no token may hear of later ones.
    """
    norm = (CAUSAL_NORMS if causal else NORMS)[config.norm]
    norm = norm._replace(forward=functools.partial(norm.forward, mask=mask, training=training,
                                                   eps=config.norm_eps))
    return (norm, IDENTITY) if config.norm_placement == "pre" else (IDENTITY, norm)


class Activation(NamedTuple):
    """A pair without parameters: forward(x), backward(dout, cache).

    x is width times as wide as what comes out.
    """

    forward: Callable
    backward: Callable
    width: int = 1


def _swiglu_forward(x):
    F = x.shape[-1] // 2
    return variants.swiglu_forward(x[..., :F], x[..., F:])  # gate, up: (..., F) each


def _swiglu_backward(dout, cache):
    return np.concatenate(variants.swiglu_backward(dout, cache), axis=-1)  # (..., 2 F)


ACTIVATIONS = {
    "relu": Activation(relu_forward, relu_backward),
    "gelu": Activation(variants.gelu_forward, variants.gelu_backward),
    "gelu_tanh": Activation(variants.gelu_tanh_forward, variants.gelu_tanh_backward),
    "silu": Activation(variants.silu_forward, variants.silu_backward),
    "swiglu": Activation(_swiglu_forward, _swiglu_backward, width=2),
}


class Positions(NamedTuple):
    """Three places where an order can enter; each does nothing by default.

    On embeddings: init(rng, config, dtype) -> params, add(params, x, config, start) -> x, cache and
    add_backward(dout, cache) -> dparams; x itself gets dout. On queries and keys: turn(x, start,
    **rope) -> x, cache and turn_backward(dout, cache) -> dx, rope being base and interleaved of
    variants.rotary. On scores: on_scores(n_heads, T, S), further keywords of attention_forward.
    start: the place of the first token.
    """

    init: Callable = lambda rng, config, dtype: {}
    add: Callable = lambda params, x, config, start: (x, None)
    add_backward: Callable = lambda dout, cache: {}
    turn: Callable = lambda x, start, **rope: (x, None)
    turn_backward: Callable = lambda dout, cache: dout
    on_scores: Callable = lambda n_heads, T, S: {}


def _add_sinusoids(params, x, config, start):
    table = sinusoidal_positions(config.max_seq_len, config.d_model)            # (max, D)
    return x + table[start:start + x.shape[1]].astype(x.real.dtype), None       # (B, T, D)


def _learned_init(rng, config, dtype):
    table = rng.normal(0, 0.02, (config.max_seq_len, config.d_model))           # (max, D)
    return {"positions": table.astype(dtype)}


def _add_learned(params, x, config, start):
    places = np.arange(start, start + x.shape[1])                               # (T,)
    rows, cache = embedding_forward(params["positions"], ids=places)            # (T, D)
    return x + rows, cache                                                      # (B, T, D)


def _add_learned_backward(dout, cache):
    if is_frozen(cache.table):
        return {"positions": None}
    return {"positions": embedding_backward(np.sum(dout, axis=0), cache)}       # (max, D)


def _alibi(n_heads, T, S):
    def score_bias(t, t_end, s, s_end):  # of one tile: the whole is 800 MiB at length 5120
        return variants.alibi_bias(n_heads, T, S, slice(t, t_end), slice(s, s_end))  # (H, t, s)

    return {"score_bias": score_bias}


def _turn(x, start, **rope):
    return variants.rotary_forward(x, positions=np.arange(start, start + x.shape[2]), **rope)


POSITIONS = Table({
    "sinusoidal": Positions(add=_add_sinusoids),
    "learned": Positions(_learned_init, _add_learned, _add_learned_backward),
    "rotary": Positions(turn=_turn, turn_backward=variants.rotary_backward),
    "alibi": Positions(on_scores=_alibi),
    "none": Positions(),
})


class Pair(NamedTuple):
    """A pair without parameters, chosen by its name."""

    forward: Callable
    backward: Callable


# As attention; score_bias is a function of a tile's bounds.
ATTENTIONS = Table({
    "auto": Pair(by_length.attention_by_length_forward,
                 by_length.attention_by_length_backward),
    "plain": Pair(by_length.plain_attention_forward, attention_backward),
    "blockwise": Pair(variants.blockwise_attention_forward,
                      variants.blockwise_attention_backward),
})
TIED_EMBEDDINGS = ("none", "output", "all")
# What a head reads, each token's vector or one of the sequence: forward(x, *, mask), x (B, T, D).
POOLINGS = Table({
    "mean": Pair(variants.mean_pooling_forward, variants.mean_pooling_backward),  # (B, D)
    "none": Pair(lambda x, mask: (x, None), lambda dout, cache: dout),            # (B, T, D)
})


def embedding_options(config):
    """(the factor of a token's row, its Positions): sqrt(d_model), or 1 for some made elsewhere."""
    scale = math.sqrt(config.d_model) if config.scale_embeddings else 1.0
    return scale, POSITIONS[config.positions]


def attention_sizes(config):
    """What multi_head_attention_init takes: d_model; d_kv, K times the key/value heads; bias."""
    n_kv_heads = config.n_heads if config.n_kv_heads is None else config.n_kv_heads
    return {"d_model": config.d_model, "d_kv": config.d_model // config.n_heads * n_kv_heads,
            "bias": config.bias}


def self_attention_options(config):
    """What multi_head_attention_forward takes of a configuration, where tokens have places."""
    positions = POSITIONS[config.positions]
    turn = functools.partial(positions.turn, base=config.rope_base,
                             interleaved=config.rope_interleaved)
    return {"n_heads": config.n_heads, "positions": positions._replace(turn=turn),
            "attention": config.attention}


def feed_forward_sizes(config):
    """What feed_forward_init takes: d_model, d_ff, the activation, which may need more, bias."""
    return {"d_model": config.d_model, "d_ff": config.d_ff, "activation": config.activation,
            "bias": config.bias}

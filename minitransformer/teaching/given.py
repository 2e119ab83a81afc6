"""The halves of pairs that the lessons give in their text, so that no exercise asks for them.

They are written here as there, from pairs that the reader has: nothing in this file is a function
of the package under another name.
"""

import numpy as np

from minitransformer.functional import dropout_forward, linear_forward, relu_forward
from minitransformer.functional import residual_forward
from minitransformer.functional.dropout import DropoutCache
from minitransformer.functional.relu import ReluCache
from minitransformer.layers import (
    add_and_norm_forward, feed_forward_forward, multi_head_attention_forward)
from minitransformer.layers.add_and_norm import AddAndNormCache
from minitransformer.layers.decoder_block import DecoderBlockCache
from minitransformer.layers.feed_forward import FeedForwardCache
from minitransformer.layers.options import norms_around
from minitransformer.layers.tied_embeddings import TiedEmbeddingsCache

# From lesson 02: log-softmax, x minus the logarithm of the sum of its powers.


def my_log_softmax_forward(x):
    """x (..., V) -> log_probs (..., V), cache."""
    shifted = x - np.max(x.real, axis=-1, keepdims=True)                     # (..., V)
    log_probs = shifted - np.log(np.sum(np.exp(shifted), axis=-1, keepdims=True))  # (..., V)
    return log_probs, (log_probs,)


def my_log_softmax_backward(dout, cache):
    """dout (..., V) -> dx (..., V)."""
    (log_probs,) = cache
    return dout - np.exp(log_probs) * np.sum(dout, axis=-1, keepdims=True)   # (..., V)


# From lesson 07: ReLU's forward, the residual, dropout's backward, and the two layers around them.


def my_relu_forward(x):
    """x (...) -> out (...), cache."""
    positive = x.real > 0                                                    # (...)
    return x * positive, ReluCache(positive)


def my_residual_forward(x, branch):
    """x (...), branch (...) -> out (...); nothing to remember."""
    return x + branch, ()


def my_residual_backward(dout, cache):
    """dout (...) -> dx (...), dbranch (...)."""
    return dout, dout


def my_dropout_backward(dout, cache):
    """dout (...) -> dx (...): the same factor as on the way forward."""
    (factor,) = cache
    return dout if factor is None else dout * factor                         # (...)


def my_feed_forward_forward(params, x, *, activation):
    """params, x (B, T, D) -> out (B, T, D), cache. The lessons know one activation, "relu"."""
    if activation != "relu":
        raise ValueError(f"the lesson's feed-forward has ReLU, not {activation!r}")
    up, down = params["up"], params["down"]
    hidden, up_cache = linear_forward(x, up["w"], up["b"])                   # (B, T, F)
    active, active_cache = relu_forward(hidden)                              # (B, T, F)
    out, down_cache = linear_forward(active, down["w"], down["b"])           # (B, T, D)
    return out, FeedForwardCache(up_cache, active_cache, down_cache, activation)


def my_add_and_norm_forward(params, x, branch, *, after, rate, dropout_key=None, site=0):
    """params, x and branch (B, T, D) -> out (B, T, D), cache."""
    if dropout_key is None or rate == 0:
        dropped, dropout_cache = branch, DropoutCache(None)                  # (B, T, D)
    else:
        rng = np.random.default_rng([*dropout_key, site])
        dropped, dropout_cache = dropout_forward(branch, rate=rate, rng=rng)  # (B, T, D)
    total, residual_cache = residual_forward(x, dropped)                     # (B, T, D)
    out, norm_cache = after.forward(params, total)                           # (B, T, D)
    return out, AddAndNormCache(dropout_cache, residual_cache, norm_cache, after)


# From lesson 08: the decoder block's forward, and a table that is copied to where it is used.


def my_decoder_block_forward(params, x, memory, *, config, mask=None, memory_mask=None,
                             dropout_key=None):
    """params, x (B, T, D), memory (B, S, D) -> out (B, T, D), cache."""
    before, after = norms_around(config)

    def attend(name, inside, memory, **masks):
        return multi_head_attention_forward(params[name], inside, memory, n_heads=config.n_heads,
                                            **masks)

    sublayers = {
        "self_attention": lambda name, x: attend(name, x, None, mask=mask, causal=True),
        "cross_attention": lambda name, x: attend(name, x, memory, mask=memory_mask),
        "feed_forward": lambda name, x: feed_forward_forward(params[name], x,
                                                             activation=config.activation)}
    caches = []
    for site, (name, sublayer) in enumerate(sublayers.items()):
        inside, before_cache = before.forward(params[f"before_{name}"], x)   # (B, T, D)
        branch, cache = sublayer(name, inside)                               # (B, T, D)
        x, after_cache = add_and_norm_forward(
            params[f"after_{name}"], x, branch, after=after, rate=config.dropout,
            dropout_key=dropout_key, site=site)                              # (B, T, D)
        caches += [before_cache, cache, after_cache]
    return x, DecoderBlockCache(before, *caches)


def my_tied_embeddings_forward(params, *, tied_embeddings):
    """params, what is shared standing once -> the full tree, cache."""
    table = params["decoder"]["embedding"]["table"]                          # (V, D)
    full = {side: dict(params[side]) for side in ("encoder", "decoder")}
    if tied_embeddings != "none":
        full["decoder"]["output"] = {"w": table.T}                           # (D, V)
    if tied_embeddings == "all":
        full["encoder"]["embedding"] = {"table": table}                      # (V, D)
    return full, TiedEmbeddingsCache(tied_embeddings)


# {half: the function}; every other half is the solution of an exercise.
GIVEN = {name.removeprefix("my_"): function for name, function in list(globals().items())
         if name.startswith("my_")}

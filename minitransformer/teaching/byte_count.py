"""Where the bytes are: arrays that a cache keeps, by name; and what formulas say of them.

Two names may mean the same memory (a layer's input that three projections share, a view of an
array): it counts once, under the first name. Lesson 21 holds count and formula together.
"""

import functools
import tracemalloc

import numpy as np

MIB = 2 ** 20


def kept_arrays(value, without=()):
    """{name: array} of the distinct arrays that a cache, or any tree of values, keeps alive.

    A view stands for the array that it looks into. without: a tree (parameters) whose arrays are
    left out. Names are paths, such as "attention.q.x".
    """
    seen = {id(array) for array in kept_arrays(without).values()} if len(without) else set()
    found = {}

    def walk(name, value):
        if isinstance(value, np.ndarray):
            while isinstance(value.base, np.ndarray):
                value = value.base
            if id(value) not in seen:
                seen.add(id(value))
                found[name] = value
            return
        for key, child in _children(value):
            walk(f"{name}.{key}" if name else str(key), child)

    walk("", value)
    return found


def _children(value):
    if isinstance(value, functools.partial):  # a norm that has been told its mask
        value = value.keywords
    if isinstance(value, dict):
        return value.items()
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return value._asdict().items()
    return enumerate(value) if isinstance(value, (list, tuple)) else ()


def kept_bytes(value, without=()):
    """{name: bytes} of kept_arrays."""
    return {name: array.nbytes for name, array in kept_arrays(value, without).items()}


def traced_peak(function):
    """(what function() returns, the most bytes that it held at one time beyond those before)."""
    tracing = tracemalloc.is_tracing()
    if not tracing:
        tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        result = function()
        return result, tracemalloc.get_traced_memory()[1] - before
    finally:
        if not tracing:
            tracemalloc.stop()


# The formulas, in bytes, for the model as the package has it by default: pre-norm with layer norm,
# ReLU, sinusoids, one key/value head a query head. u = n B T D bytes is one array as large as x.


def encoder_block_bytes(config, *, B, T, n=4, training=True):
    """{name: bytes} that one encoder block's cache keeps; n: bytes a number.

    training: with dropout's factors, if config.dropout is above 0.
    """
    _expect_default(config)
    u, row = n * B * T * config.d_model, n * B * T
    kept = {"before.forward.mask": B * T, "before_attention.normalized": u,
            "before_attention.std": row}
    kept |= _attention_bytes("attention", config, B=B, T=T, S=T, n=n)
    kept |= _dropout_bytes("after_attention", config, u, training)
    return kept | _feed_forward_bytes(config, B=B, T=T, n=n, training=training)


def decoder_block_bytes(config, *, B, T, S, n=4, training=True):
    """As encoder_block_bytes, of one decoder block; the memory (B, S, D) counts as kept."""
    _expect_default(config)
    u, row, tiles = n * B * T * config.d_model, n * B * T, config.attention == "blockwise"
    kept = {"before_self_attention.normalized": u, "before_self_attention.std": row}
    kept |= _attention_bytes("self_attention", config, B=B, T=T, S=T, n=n)
    kept |= {"self_attention.attention.tiles.mask": B * T} if tiles else {}
    kept |= _dropout_bytes("after_self_attention", config, u, training)
    kept |= {"before_cross_attention.normalized": u, "before_cross_attention.std": row}
    kept |= _attention_bytes("cross_attention", config, B=B, T=T, S=S, n=n)
    kept |= {"cross_attention.k.x": n * B * S * config.d_model}
    kept |= {"cross_attention.attention.tiles.mask": B * S} if tiles else {}
    kept |= _dropout_bytes("after_cross_attention", config, u, training)
    return kept | _feed_forward_bytes(config, B=B, T=T, n=n, training=training)


def model_bytes(config, *, B, S, T, n=4, training=True):
    """{name: bytes} that the cache of encoder_decoder_forward keeps, without the parameters.

    With config.recompute each block keeps its input alone, and the decoder's blocks the memory.
    ids are int64, and so are the batch's own arrays.
    """
    D = config.d_model
    sizes = {"encoder": ({"B": B, "T": S}, encoder_block_bytes),
             "decoder": ({"B": B, "T": T, "S": S}, decoder_block_bytes)}
    kept = {"encoder.norm.forward.mask": B * S}
    for stack, (lengths, block_bytes) in sizes.items():
        rows, length = n * B * lengths["T"], lengths["T"]
        kept[f"{stack}.embedding.embedding.ids"] = 8 * B * length
        kept |= _dropout_bytes(f"{stack}.embedding", config, rows * D, training)
        for i in range(config.n_layers):
            block = block_bytes(config, **lengths, n=n, training=training)
            if config.recompute:
                block = {"inputs.1": rows * D}
            else:
                block.pop("before.forward.mask", None)  # the whole encoder's, counted above
            if stack == "decoder" and i > 0:            # the memory and the masks are shared
                block = {name: size for name, size in block.items()
                         if name != "cross_attention.k.x" and not name.endswith("tiles.mask")}
            elif stack == "decoder" and config.recompute:
                block |= {"inputs.2": n * B * S * D, "options.mask": B * T,
                          "options.memory_mask": B * S}
            kept |= {f"{stack}.blocks.{i}.{name}": size for name, size in block.items()}
        kept |= {f"{stack}.final_norm.normalized": rows * D, f"{stack}.final_norm.std": rows}
    return kept | {"decoder.output.x": n * B * T * D}


def step_bytes(config, parameters, *, B, S, T, n=4, training=True):
    """{part: bytes} of a training step with Adam, and "the peak", the most at one time.

    parameters: how many numbers there are to learn. Two moments may be the largest: at the loss
    (the logits, the shifted logits and their exponentials), and at the end of backward (all
    gradients, dlogits, and the working arrays of a block). The working arrays are an estimate.
    """
    table, P = n * B * T * config.tgt_vocab_size, n * parameters
    sizes = {"B": B, "n": n, "training": training}
    caches = sum(model_bytes(config, S=S, T=T, **sizes).values())
    working = 8 * n * B * max(S, T) * config.d_model
    if config.attention == "plain":
        working += 3 * n * B * config.n_heads * max(S, T) ** 2
    if config.recompute:
        working += sum(decoder_block_bytes(config, T=T, S=S, **sizes).values())
    found = {"parameters": P, "moments": 2 * P, "gradients": P, "caches": caches,
             "logits": table, "working arrays": working}
    loss, backward = 3 * P + caches + 3 * table, 4 * P + caches + table + working
    return found | {"at the loss": loss, "in backward": backward, "the peak": max(loss, backward)}


def layer_peak_bytes(attention, *, T, D, H, B=1, n=4):
    """The most bytes of one multi-head self-attention's forward and backward, beyond x, dout and
    parameters; tiles' own few are left out.

    plain: four arrays of T x T numbers a head (the weights, their gradient, that of the scores and
    a product on the way), seven as large as x, one gradient of a projection. blockwise: fourteen
    as large as x (q, k, v, the heads' output, out; the gradients of the last but one and of q, k,
    v; of x from k, v, q, two of these added, all added), all four projections' gradients.
    """
    u, projection = n * B * T * D, n * (D * D + D)
    if attention == "plain":
        return 4 * n * B * H * T * T + 7 * u + projection
    return 14 * u + 4 * projection + n * B * H * T


def _attention_bytes(name, config, *, B, T, S, n):
    """Of the layer: its input, q, k, v, and what attention keeps; merged heads go into out."""
    u, source, H = n * B * T * config.d_model, n * B * S * config.d_model, config.n_heads
    kept = {"q.x": u, "attention.q": u, "attention.k": source, "attention.v": source}
    if config.attention == "plain":
        kept |= {"attention.weights": n * B * H * T * S, "out.x": u}
    else:
        kept |= {"attention.out": u, "attention.log_total": n * B * H * T}
    return {f"{name}.{key}": size for key, size in kept.items()}


def _feed_forward_bytes(config, *, B, T, n, training):
    u, wide = n * B * T * config.d_model, B * T * config.d_ff
    kept = {"before_feed_forward.normalized": u, "before_feed_forward.std": n * B * T,
            "feed_forward.up.x": u, "feed_forward.activation.positive": wide,
            "feed_forward.down.x": n * wide}
    return kept | _dropout_bytes("after_feed_forward", config, u, training)


def _dropout_bytes(name, config, u, training):
    return {f"{name}.dropout.factor": u} if training and config.dropout else {}


def _expect_default(config):
    expected = {"norm": ("layer",), "norm_placement": ("pre",), "activation": ("relu",),
                "positions": ("sinusoidal",), "n_kv_heads": (None, config.n_heads),
                "attention": ("plain", "blockwise")}
    for name, choices in expected.items():
        if getattr(config, name) not in choices:
            raise ValueError(f"{name} is {getattr(config, name)!r}: the formula knows "
                             f"{' or '.join(map(repr, choices))} only")

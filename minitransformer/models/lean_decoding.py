"""A decoder's next token without what only training needs: the same numbers, and sooner.

The forward pass checks shapes and keeps caches for a backward. Over a batch of texts that costs
nothing; for one token of a small model it is most of the time. So here the forward of one new token
a row is written a second time: what does not change from token to token is prepared once, and a
block is some forty calls of NumPy on x (N, D). A single row is x (D,), because NumPy adds and
scales a plain row in half the time of a table with one row. A prompt goes through the usual
forward, which fills the KV caches. That both give the same is tested for every option.
"""

import math

import numpy as np

from minitransformer.kv_cache import KvCache
from minitransformer.layers import token_embedding_forward
from minitransformer.layers.options import ACTIVATIONS, embedding_options, self_attention_options
from minitransformer.models.blocks import blocks_forward
from minitransformer.shapes import expect_ids, expect_length
from minitransformer.variants.adapters import merge


def lean_decoding_step(params, *, config):
    """The function step(ids, rows) of minitransformer.sampling for a decoder's parameters.

    It runs over the new tokens alone: what it needs of those before is in KV caches of its own. It
    holds copies of some parameters: when they change, make a new step. It raises what
    decoder_only_forward does.
    """
    params = merge(params)  # adapters, where there are any
    kv_cache = [KvCache() for _ in params["blocks"]]
    embed, head = _embedding(params["embedding"], config), _head(params, config)
    order = _order(config, params["embedding"]["table"].dtype)
    blocks = [_block(block, config, order, cache)
              for block, cache in zip(params["blocks"], kv_cache)]

    def step(ids, rows):
        """ids (N, T), rows (N,) -> logits (N, V)."""
        start = kv_cache[0].length
        if start and rows.tolist() != list(range(len(kv_cache[0].k))):
            for cache in kv_cache:
                cache.reorder(rows)
        if start and ids.shape[1] == 1:
            x = embed(ids, start)                                              # (N, D) or (D,)
            for block in blocks:
                x = block(x)                                                   # (N, D) or (D,)
        else:
            x, _ = token_embedding_forward(params["embedding"], ids=ids, config=config,
                                           start=start)                        # (N, T, D)
            x, _ = blocks_forward(params["blocks"], x, config=config, causal=True,
                                  kv_cache=kv_cache)                           # (N, T, D)
            x = x[:, -1]                               # (N, D) only the last token's logits count
        logits = head(x).reshape(len(rows), -1)                                # (N, V)
        if config.pad_id >= 0:
            logits[:, config.pad_id] = -np.inf  # no token: it is never written
        return logits

    return step


def _embedding(params, config):
    """The function (ids (N, 1), place) -> x (N, D), or (D,) for one row."""
    table, (scale, positions) = params["table"], embedding_options(config)
    nothing = np.zeros((1, config.max_seq_len, config.d_model), table.dtype)   # (1, max, D)
    places = positions.add(params, nothing, config, 0)[0][0]                   # (max, D) added

    def embed(ids, place):
        expect_length(place + 1, config.max_seq_len)
        tokens = ids[:, 0].tolist()
        if min(tokens) < 0 or max(tokens) >= len(table):  # on few numbers Python is quicker
            expect_ids("ids", ids, len(table))
        x = table[tokens[0] if len(tokens) == 1 else tokens] * scale           # (N, D) or (D,)
        x += places[place]                                                     # (N, D) or (D,)
        return x

    return embed


def _order(config, dtype):
    """(turn, bias): how positions turn queries and keys, and what they add to scores; or None.

    turn(x, place) gives x (N, heads, K) turned as rotary_forward does; bias is (H, 1, max), whose
    last T columns are those of T keys.
    """
    positions, T, K = (self_attention_options(config)["positions"], config.max_seq_len,
                       config.d_model // config.n_heads)
    score_bias = positions.on_scores(config.n_heads, 1, T).get("score_bias")
    bias = None if score_bias is None else score_bias(0, 1, 0, T).astype(dtype)  # (H, 1, max)
    _, angles = positions.turn(np.zeros((1, 1, T, K), dtype), 0)
    if angles is None:
        return None, bias
    # Pairs: (a, b) -> (a, b) cos + (b, a) (-sin, sin), over the last axis or the one before.
    axis, shape, swapped = ((-1, (K // 2, 2), np.s_[..., ::-1]) if angles.interleaved else
                            (-2, (2, K // 2), np.s_[..., ::-1, :]))
    cos = np.stack([angles.cos, angles.cos], axis)                             # (max, *shape)
    sin = np.stack([-angles.sin, angles.sin], axis)                            # (max, *shape)

    def turn(x, place):
        pairs = x.reshape(*x.shape[:2], *shape)                                # (N, heads, *shape)
        turned = pairs * cos[place]                                            # (N, heads, *shape)
        turned += pairs[swapped] * sin[place]                                  # (N, heads, *shape)
        return turned.reshape(x.shape)                                         # (N, heads, K)

    return turn, bias


def _block(params, config, order, cache):
    """encoder_block_forward of one token a row, as a function of x."""
    before_attention = _norm(params["before_attention"], config)
    after_attention = _norm(params["after_attention"], config)
    before_feed_forward = _norm(params["before_feed_forward"], config)
    after_feed_forward = _norm(params["after_feed_forward"], config)
    attention = _attention(params["attention"], config, order, cache)
    up, down = (_projection(params["feed_forward"][name]) for name in ("up", "down"))
    activation = ACTIVATIONS[config.activation].forward

    def block(x):
        x = after_attention(x + attention(before_attention(x)))                # (N, D) or (D,)
        hidden, _ = activation(up(before_feed_forward(x)))                     # (N, F) or (F,)
        return after_feed_forward(x + down(hidden))                            # (N, D) or (D,)

    return block


def _attention(params, config, order, cache):
    """multi_head_attention_forward of one token a row, as a function of x that fills the cache.

    One product gives queries, keys and values, and 1 / sqrt(K) stands in the queries' weights.
    """
    H, K = config.n_heads, config.d_model // config.n_heads
    G = params["k"]["w"].shape[1] // K
    scale = 1 / math.sqrt(K)
    joined = {name: np.concatenate([params["q"][name] * scale, params["k"][name],
                                    params["v"][name]], axis=-1)
              for name in params["q"]}                             # w (D, (H + 2 G) K), b as wide
    project, out = _projection(joined), _projection(params["out"])
    turn, bias = order
    if bias is not None:
        bias = bias.reshape(G, H // G, -1)                                     # (G, H / G, max)

    def attention(x):
        heads = project(x).reshape(-1, H + 2 * G, K)                           # (N, H + 2 G, K)
        qk = heads[:, :H + G]                                                  # (N, H + G, K)
        if turn is not None:
            qk = turn(qk, cache.length)                                        # (N, H + G, K)
        k, v = cache.append(qk[:, H:], heads[:, H + G:])                       # (N, G, T, K) each
        q = qk[:, :H].reshape(-1, G, H // G, K)                                # (N, G, H / G, K)
        scores = q @ k.swapaxes(2, 3)                                          # (N, G, H / G, T)
        if bias is not None:
            scores += bias[..., -cache.length:]                                # (N, G, H / G, T)
        scores -= np.maximum.reduce(scores, axis=-1, keepdims=True)            # (N, G, H / G, T)
        np.exp(scores, out=scores)                                             # (N, G, H / G, T)
        mixed = scores @ v                                                     # (N, G, H / G, K)
        mixed /= np.add.reduce(scores, axis=-1, keepdims=True)                 # (N, G, H / G, K)
        return out(mixed.reshape(x.shape))                                     # (N, D) or (D,)

    return attention


def _norm(params, config):
    """The norm with these parameters as a function of x; without any, the identity."""
    if not params:
        return lambda x: x
    gain, D, eps = params["gain"], config.d_model, config.norm_eps
    # x.dot(mean) is the mean of each row; for one row np.mean takes ten times as long.
    means = {1: np.full(D, 1 / D, gain.dtype), 2: np.full((D, 1), 1 / D, gain.dtype)}

    def rms_norm(x):
        return x / np.sqrt((x * x).dot(means[x.ndim]) + eps) * gain            # (N, D) or (D,)

    def layer_norm(x):
        mean = means[x.ndim]  # x.dot(mean) is (N, 1), or a number
        x = x - x.dot(mean)                                                    # (N, D) or (D,)
        x /= np.sqrt((x * x).dot(mean) + eps)                                  # (N, D) or (D,)
        x *= gain                                                              # (N, D) or (D,)
        x += params["bias"]                                                    # (N, D) or (D,)
        return x

    return {"rms": rms_norm, "layer": layer_norm}[config.norm]


def _projection(params):
    """x w + b as a function of x."""
    w, b = params["w"], params.get("b")

    def projection(x):
        y = x.dot(w)                                                           # (N, E) or (E,)
        if b is not None:
            y += b                                                             # (N, E) or (E,)
        return y

    return projection


def _head(params, config):
    """head_forward of one token a row, as a function of x."""
    norm, tied = _norm(params["norm"], config), config.tied_embeddings == "output"
    output = _projection({"w": params["embedding"]["table"].T} if tied else params["output"])
    return lambda x: output(norm(x))                                           # (N, V) or (V,)

"""What the explorer shows of attention: a view is one kind of it, with every layer and head."""

import math
from typing import NamedTuple

import numpy as np

from minitransformer import functional, models
from minitransformer.data.batching import make_batch
from minitransformer.functional import (
    causal_mask, cross_entropy_backward, cross_entropy_forward, softmax_backward)
from minitransformer.functional.softmax import SoftmaxCache
from minitransformer.teaching.swap import swapped

QUANTITIES = ("weights", "scores", "dweights", "dscores")
MOST_TOKENS, MOST_NUMBERS = 80, 500_000  # more cannot be read, or makes the page slow


class View(NamedTuple):
    """One kind of attention. Rows ask, columns are asked; arrays hold some of QUANTITIES."""

    name: str
    rows: list           # T tokens
    columns: list        # S tokens
    row_title: str
    column_title: str
    arrays: dict         # name -> (L, H, T, S)
    masked: np.ndarray   # (L, H, T, S) bool: True = may not attend


def view_of_arrays(weights, tokens, *, scores=None, gradients=None):
    """A View of arrays (T, S), (H, T, S) or (L, H, T, S); scores of -inf are marked as masked.

    tokens, scores, gradients: as in explore. Raises ValueError for what does not fit together.
    """
    weights = np.asarray(weights, dtype=float)
    if not 2 <= weights.ndim <= 4 or 0 in weights.shape:
        raise ValueError(f"weights has shape {weights.shape}, expected (T, S), (H, T, S) or "
                         "(L, H, T, S), none of them 0; of a batch choose one text: weights[0]")
    if gradients is None:
        gradients = {}
    elif not isinstance(gradients, dict):
        gradients = {"weights": gradients}
    elif not {"weights", "scores"} & gradients.keys():
        raise ValueError(f"gradients has the keys {sorted(map(str, gradients))}, expected "
                         '"weights" (dweights), "scores" (dscores) or both')
    given = {"weights": weights, "scores": scores, "dweights": gradients.get("weights"),
             "dscores": gradients.get("scores")}
    arrays, shape = {}, (1,) * (4 - weights.ndim) + weights.shape
    masked = np.zeros(shape, dtype=bool)                                     # (L, H, T, S)
    for name, array in given.items():
        if array is None:
            continue
        array = np.asarray(array, dtype=float)
        if array.shape != weights.shape:
            raise ValueError(f"{name} has shape {array.shape}, but weights has shape "
                             f"{weights.shape}: the two must be the same")
        array = array.reshape(shape)                                         # (L, H, T, S)
        if name == "scores":
            masked = np.isneginf(array)                                      # (L, H, T, S)
            array = np.where(masked, 0.0, array)                             # (L, H, T, S)
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds NaN or infinity; only scores may hold -inf, which "
                             "means masked")
        arrays[name] = array
    rows, columns = _two_lists(tokens)
    for what, labels, size in [("row", rows, shape[2]), ("column", columns, shape[3])]:
        if len(labels) != size:
            raise ValueError(f"there are {len(labels)} {what} tokens, but weights has {size} "
                             f"{what}s; give one list for self-attention, or a pair "
                             "(who asks, who is asked)")
    return View("attention", rows, columns, "who asks", "who is asked", arrays, masked)


def _two_lists(tokens):
    """(rows, columns) of one list of tokens, or of a pair of lists."""
    tokens = list(tokens)
    pair = len(tokens) == 2 and not any(isinstance(part, (str, int, np.integer)) for part in tokens)
    rows, columns = tokens if pair else (tokens, tokens)
    return [str(token) for token in rows], [str(token) for token in columns]


def views_of_model(model, src, target, *, src_tokens, target_tokens):
    """The three kinds of attention of an EncoderDecoder, and the loss: (views, loss).

    src, target: lists of ids without START and END. The loss is the mean cross-entropy of the
    target and END; its gradients with respect to weights and scores are taken where the model's
    own backward passes through.
    """
    batch = make_batch([(src, target)])
    seen = {}  # id of an AttentionCache -> what was seen of this attention
    with _watched(seen):
        logits, cache = model.forward(batch.src, batch.tgt)                  # (1, T, V)
        loss, loss_cache = cross_entropy_forward(logits, targets=batch.targets)
        dlogits = cross_entropy_backward(1.0, loss_cache)                    # (1, T, V)
        models.encoder_decoder_backward(dlogits, cache)
    decoder_tokens = ["START", *target_tokens]
    kinds = [
        ("encoder", [block.attention for block in cache.encoder.blocks], src_tokens, src_tokens,
         "source asks", "source is asked"),
        ("decoder", [block.self_attention for block in cache.decoder.blocks], decoder_tokens,
         decoder_tokens, "target asks", "target is asked"),
        ("cross", [block.cross_attention for block in cache.decoder.blocks], decoder_tokens,
         src_tokens, "target asks", "source is asked")]
    views = []
    for name, caches, rows, columns, row_title, column_title in kinds:
        layers = [_seen_in(seen, layer.attention) for layer in caches]
        stacked = {key: np.concatenate([layer[key] for layer in layers]) for key in layers[0]}
        masked = stacked.pop("masked")                                       # (L, H, T, S)
        views.append(View(name, list(rows), list(columns), row_title, column_title, stacked,
                          masked))
    return views, float(loss)


def _watched(seen):
    """Inside the with block, every attention of the package writes into seen what it computes.

    The values are those of the package's own pair, or of the one that stands in for it just now.
    """
    forward, backward = functional.attention_forward, functional.attention_backward

    def watching_forward(q, k, v, *, mask=None, causal=False, score_bias=None):
        out, cache = forward(q, k, v, mask=mask, causal=causal, score_bias=score_bias)
        B, H, T, S = cache.weights.shape
        keys = np.repeat(k, H // k.shape[1], axis=1)                         # (B, H, S, K)
        scores = q @ keys.swapaxes(-1, -2) * (1 / math.sqrt(q.shape[-1]))    # (B, H, T, S)
        allowed = np.ones((B, H, T, S), dtype=bool) if mask is None else mask
        if causal:
            allowed = allowed & causal_mask(T, S)                            # (B, H, T, S)
        seen[id(cache)] = {
            "weights": cache.weights, "scores": scores if score_bias is None else
            scores + score_bias, "masked": np.broadcast_to(~allowed, (B, H, T, S))}
        kept.append(cache)  # as long as it lives, its id is its own
        return out, cache

    def watching_backward(dout, cache):
        values = np.repeat(cache.v, dout.shape[1] // cache.v.shape[1], axis=1)  # (B, H, S, K)
        dweights = dout @ values.swapaxes(-1, -2)                            # (B, H, T, S)
        seen[id(cache)]["dweights"] = dweights
        seen[id(cache)]["dscores"] = softmax_backward(dweights, SoftmaxCache(cache.weights))
        return backward(dout, cache)

    kept = []
    return swapped("attention", watching_forward, watching_backward)


def _seen_in(seen, cache):
    """What was seen of the attention that this cache belongs to."""
    if "dscores" not in seen.get(id(cache), {}):
        raise ValueError("the model computes its attention by other functions than the package's "
                         "attention_forward and attention_backward, so it cannot be watched")
    return seen[id(cache)]


def expect_modest(views):
    """Raise ValueError for more than the picture can show."""
    for view in views:
        if max(len(view.rows), len(view.columns)) > MOST_TOKENS:
            raise ValueError(f"there are {len(view.rows)} tokens that ask and {len(view.columns)} "
                             f"that are asked: the picture has room for {MOST_TOKENS}; take a "
                             "shorter text")
    numbers = sum(array.size for view in views for array in view.arrays.values())
    if numbers > MOST_NUMBERS:
        raise ValueError(f"this would put {numbers:,} numbers into the page, more than "
                         f"{MOST_NUMBERS:,}: take a shorter text, or fewer layers or heads")

"""Exercises 14.1 to 14.4: the way back through a rotation, and through a group of heads."""

import numpy as np

from minitransformer.functional import attention_backward, attention_forward
from minitransformer.functional.attention import AttentionCache
from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, call, pair_exercise
from minitransformer.variants import rotary_forward


def my_rotary_backward(dout, cache):
    """dout (B, H, T, K) -> dx (B, H, T, K): each pair is turned back by its angle."""
    cos, sin = cache.cos, cache.sin                              # (T, K / 2)
    da, db = dout[..., 0::2], dout[..., 1::2]                    # (B, H, T, K / 2) each
    dx = np.empty_like(dout)                                     # (B, H, T, K)
    dx[..., 0::2] = da * cos + db * sin
    dx[..., 1::2] = -da * sin + db * cos
    return dx


def rotary_inputs(rng):
    yield call(rng.normal(size=(2, 3, 5, 4)), positions=np.arange(5))
    yield call(rng.normal(size=(1, 2, 3, 6)), positions=np.array([4, 9, 2]), base=50.0)


def rotary_mistake(first, second, *, pairs=(slice(0, None, 2), slice(1, None, 2))):
    """my_rotary_backward with other lines for the two entries of a pair."""
    def backward(dout, cache):
        one, two = (p(dout.shape[-1]) if callable(p) else p for p in pairs)
        da, db, cos, sin = dout[..., one], dout[..., two], cache.cos, cache.sin
        dx = np.empty_like(dout)
        dx[..., one], dx[..., two] = first(da, db, cos, sin), second(da, db, cos, sin)
        return dx
    return backward


def turned_back_first(da, db, cos, sin):
    return da * cos + db * sin


def turned_back_second(da, db, cos, sin):
    return -da * sin + db * cos


def overwritten_half(dout, cache):
    """my_rotary_backward that works on a copy of dout, and reads what it has overwritten."""
    dx = dout.copy()
    dx[..., 0::2] = turned_back_first(dx[..., 0::2], dx[..., 1::2], cache.cos, cache.sin)
    dx[..., 1::2] = turned_back_second(dx[..., 0::2], dx[..., 1::2], cache.cos, cache.sin)
    return dx


def pairs_side_by_side(dout, cache):
    """All first entries, and behind them all second ones."""
    da, db, cos, sin = dout[..., 0::2], dout[..., 1::2], cache.cos, cache.sin
    return np.concatenate([turned_back_first(da, db, cos, sin),
                           turned_back_second(da, db, cos, sin)], axis=-1)


def my_grouped_attention_backward(dout, cache):
    """dout (B, H, T, K) -> dq (B, H, T, K), dk (B, G, S, K), dv (B, G, S, K)."""
    q, k, v, weights = cache
    B, G, S, K = k.shape
    share = q.shape[1] // G                                      # query heads a group
    dq, dk, dv = attention_backward(dout, AttentionCache(
        q, np.repeat(k, share, axis=1), np.repeat(v, share, axis=1), weights))
    dk = dk.reshape(B, G, share, S, K).sum(axis=2)               # (B, G, S, K)
    dv = dv.reshape(B, G, share, S, K).sum(axis=2)               # (B, G, S, K)
    return dq, dk, dv


def grouped_inputs(rng):
    for H, G in ((6, 2), (4, 4), (3, 1)):
        yield call(rng.normal(size=(2, H, 5, 8)), rng.normal(size=(2, G, 7, 8)),
                   rng.normal(size=(2, G, 7, 8)))


def grouped_mistake(gather, *, copies=np.repeat):
    """my_grouped_attention_backward with another way from H gradients to G; copies: of k and v."""
    def backward(dout, cache):
        q, k, v, weights = cache
        share = q.shape[1] // k.shape[1]
        wide = [copies(x, share, axis=1) for x in (k, v)]
        dq, *others = attention_backward(dout, AttentionCache(q, *wide, weights))
        return dq, *(gather(d, len(k), k.shape[1], share) for d in others)
    return backward


def added(d, B, G, share):
    return d.reshape(B, G, share, *d.shape[2:]).sum(axis=2)


def tiled(x, share, axis):
    return np.concatenate([x] * share, axis=axis)


def my_mebibytes():
    """2 arrays * 32 layers * 8 heads * 128 numbers * 8192 tokens * 2 bytes = 2^30 bytes."""
    return 2 * 32 * 8 * 128 * 8192 * 2 / 2 ** 20


ITEMS = (
    pair_exercise(
        "14.1", "the backward of rotary positions", 10,
        forward=rotary_forward,
        solution=my_rotary_backward,
        names="x",
        inputs=rotary_inputs,
        mistakes=(
            Mistake(rotary_mistake(lambda a, b, cos, sin: a * cos - b * sin,
                                   lambda a, b, cos, sin: a * sin + b * cos),
                    "This turns the same way as the forward. The gradient is turned back: the "
                    "sine changes its sign in both lines."),
            Mistake(rotary_mistake(turned_back_first,
                                   lambda a, b, cos, sin: a * sin + b * cos),
                    "The first line is right. In the second, b was used with -sin in the first "
                    "output: there the minus stands."),
            Mistake(rotary_mistake(lambda a, b, cos, sin: a * cos - b * sin,
                                   turned_back_second),
                    "The second line is right. In the first, a was used with +sin in the second "
                    "output: both terms have a plus."),
            Mistake(rotary_mistake(turned_back_first, turned_back_second,
                                   pairs=(lambda K: slice(0, K // 2),
                                          lambda K: slice(K // 2, None))),
                    "This takes the entries i and i + K/2 for a pair: here it is 2i and 2i + 1."),
            Mistake(overwritten_half,
                    "The second line reads what the first has just overwritten: take both halves "
                    "out of dout before you write."),
            Mistake(pairs_side_by_side,
                    "The numbers are right, but all first entries stand in front of all second "
                    "ones. Write them to where they came from, dx[..., 0::2] and dx[..., 1::2]."),
            Mistake(lambda dout, cache: dout,
                    "This is dout itself. A rotation keeps the length of a gradient, but not its "
                    "direction."),
        ),
        hints=("Where is the first entry of a pair, a, used? In both outputs: a cos - b sin and "
               "a sin + b cos. So da has two terms.",
               "da_of_x = da cos + db sin, with da and db the two entries of dout. And for b?",
               "dx = np.empty_like(dout); then fill dx[..., 0::2] and dx[..., 1::2]."),
    ),
    Prediction(
        "14.2", "Trained on 64 characters, asked to read 256: with which positions does the model "
        "lose least?",
        answer="alibi",
        choices=("sinusoidal", "learned", "rotary", "alibi", "none"),
        because="Its heads were trained to fade with distance, and go on fading. The others meet "
                "places or distances that no training text had. (That it loses least does not mean "
                "that it reads best within the 64.)",
    ),
    pair_exercise(
        "14.3", "the backward of grouped heads", 12,
        forward=attention_forward,
        solution=my_grouped_attention_backward,
        names="q k v",
        inputs=grouped_inputs,
        mistakes=(
            Mistake(grouped_mistake(lambda d, B, G, share:
                                    d.reshape(B, G, share, *d.shape[2:]).mean(axis=2)),
                    "Gradients that meet are added, not averaged."),
            Mistake(grouped_mistake(lambda d, B, G, share:
                                    d.reshape(B, G, share, *d.shape[2:])[:, :, -1]),
                    "Of each group only the last head's gradient has come through: the others "
                    "have been overwritten. They add."),
            Mistake(grouped_mistake(lambda d, B, G, share:
                                    d.reshape(B, G, share, *d.shape[2:])[:, :, 0]),
                    "Of each group only the first head's gradient has come through: all of them "
                    "add."),
            Mistake(grouped_mistake(lambda d, B, G, share:
                                    d.reshape(B, share, G, *d.shape[2:]).sum(axis=1)),
                    "This adds the heads 0, G, 2 G, ... A group is a run of neighbours: head h "
                    "uses key/value head h // share."),
            Mistake(grouped_mistake(added, copies=tiled),
                    "The copies stand in another order than the query heads: np.repeat puts the "
                    "copies of one head side by side, as the groups are; tiling does not."),
            Mistake(grouped_mistake(lambda d, B, G, share: d),
                    "There is still one gradient for each query head: add those of each group."),
        ),
        hints=("np.repeat(k, share, axis=1) gives each query head a copy of its keys. Then "
               "attention_backward can be used as for ordinary heads.",
               "A copy's backward is a sum: the share copies of one head stand side by side in "
               "axis 1. Give them an axis of their own.",
               "dk.reshape(B, G, share, S, K).sum(axis=2), and the same for dv."),
    ),
    Exercise(
        "14.4", "the bytes of a KV cache, by pencil", 5,
        solution=my_mebibytes,
        mistakes=(
            Mistake(lambda: 512, "Keys and values are kept, not one of them: twice as much."),
            Mistake(lambda: 4096, "This is with a key/value head for each query head: G is 8, not "
                                  "32."),
            Mistake(lambda: 2048, "A number takes 2 bytes here, not 4."),
            Mistake(lambda: 32, "This is one layer's: all 32 keep their own."),
            Mistake(lambda: 128, "This is one head's: in each layer all G = 8 keep their own."),
            Mistake(lambda: 1, "This is in units of 2^30 bytes. Asked is units of 2^20."),
            Mistake(lambda: 2 ** 30 / 1e6, "A mebibyte has 2^20 bytes, not 1,000,000."),
            Mistake(lambda: 2 ** 30, "These are the bytes: divide by 2^20."),
        ),
        hints=("Two arrays a layer, keys and values, each of G heads, K numbers wide, for T "
               "tokens.",
               "All factors are powers of two: add the exponents. 8192 = 2^13."),
    ),
)

"""Exercises of lesson 06, second half: the gradients of layer norm, and what it buys."""

import numpy as np

from minitransformer.functional import layer_norm_forward
from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, call, pair_exercise
from minitransformer.teaching.exercises.lesson_06.forward import row


def scale_and_shift_forward(normalized, gain, bias):
    """out = normalized * gain + bias: the last step of layer norm. The cache: normalized, gain."""
    return normalized * gain + bias, (normalized, gain)


def my_scale_and_shift_backward(dout, cache):
    """dout (..., D) -> dnormalized (..., D), dgain (D,), dbias (D,)."""
    normalized, gain = cache
    rows = tuple(range(dout.ndim - 1))                                            # all but the last
    return dout * gain, np.sum(dout * normalized, axis=rows), np.sum(dout, axis=rows)


def my_pencil_dx():
    """dx of cat: the gain first, then the two means, then the standard deviation."""
    normalized, gain, std = np.array([1, -1, -1, 1]), np.array([2, 1, 1, 1]), 3
    dnormalized = np.array([3, 5, -7, 0]) * gain                                  # 6, 5, -7, 0
    along_ones = np.mean(dnormalized)                                             # 1
    along_normalized = np.mean(dnormalized * normalized)                          # 2
    return (dnormalized - along_ones - normalized * along_normalized) / std       # 1, 2, -2, -1


def layer_norm_with_its_tuple(x, gain, bias, *, eps=1e-5):
    """The package's forward with the cache of 6.2, (normalized, std, gain)."""
    out, cache = layer_norm_forward(x, gain, bias, eps=eps)
    return out, cache[:3]


def my_layer_norm_backward(dout, cache):
    """dout (..., D) -> dx (..., D), dgain (D,), dbias (D,)."""
    normalized, std, gain = cache
    dnormalized, dgain, dbias = my_scale_and_shift_backward(dout, (normalized, gain))
    along_ones = np.mean(dnormalized, axis=-1, keepdims=True)                     # (..., 1)
    along_normalized = np.mean(dnormalized * normalized, axis=-1, keepdims=True)  # (..., 1)
    return (dnormalized - along_ones - normalized * along_normalized) / std, dgain, dbias


def scale_mistake(*, dnormalized=lambda dout, gain: dout * gain,
                  dgain=lambda dout, n: (dout * n).reshape(-1, n.shape[-1]).sum(axis=0),
                  dbias=lambda dout: dout.reshape(-1, dout.shape[-1]).sum(axis=0)):
    """my_scale_and_shift_backward with one gradient replaced by a wrong one."""
    def backward(dout, cache):
        normalized, gain = cache
        return dnormalized(dout, gain), dgain(dout, normalized), dbias(dout)
    return backward


def backward_mistake(dx, *, dgain=None):
    """my_layer_norm_backward with dx = dx(dn, n, std), or dgain, replaced by a wrong one."""
    def backward(dout, cache):
        n, std, gain = cache
        right_dx, right_dgain, dbias = my_layer_norm_backward(dout, cache)
        return (dx(dout * gain, n, std) if dx else right_dx,
                dgain(dout, cache) if dgain else right_dgain, dbias)
    return backward


def mean_of_dout(which):
    """my_layer_norm_backward with the first (0) or second (1) mean taken of dout for dn."""
    def backward(dout, cache):
        n, std, gain = cache
        _, dgain, dbias = my_layer_norm_backward(dout, cache)
        first, second = (dout if which == place else dout * gain for place in (0, 1))
        dx = (dout * gain - row(np.mean, first) - n * row(np.mean, second * n)) / std
        return dx, dgain, dbias
    return backward


def gain_outside(dout, cache):
    n, std, gain = cache
    _, dgain, dbias = my_layer_norm_backward(dout, cache)
    return gain * (dout - row(np.mean, dout) - n * row(np.mean, dout * n)) / std, dgain, dbias


ITEMS = (
    pair_exercise(
        "6.3", "the gradients of gain and bias", 8,
        forward=scale_and_shift_forward,
        solution=my_scale_and_shift_backward,
        names="normalized gain bias",
        inputs=lambda rng: [call(rng.normal(size=(*rows, 6)), *rng.normal(size=(2, 6)))
                            for rows in ((4,), (2, 3), (5, 2, 3))],
        mistakes=(
            Mistake(scale_mistake(dnormalized=lambda dout, gain: dout),
                    "normalized was multiplied by the gain on the way forward: so is its "
                    "gradient."),
            Mistake(scale_mistake(dnormalized=lambda dout, gain: dout / gain),
                    "The derivative of normalized * gain is the gain, not one over it."),
            Mistake(scale_mistake(dgain=lambda dout, n: dout * n),
                    "The gain is copied to every row: add up what all rows send back."),
            Mistake(scale_mistake(dgain=lambda dout, n: dout.reshape(-1, 6).sum(axis=0)),
                    "This is dbias. The gain is multiplied by normalized: each use sends back "
                    "dout * normalized."),
            Mistake(scale_mistake(dbias=lambda dout: dout),
                    "The bias is copied to every row: add up what all rows send back."),
            Mistake(scale_mistake(dbias=lambda dout: dout.reshape(-1, 6).mean(axis=0)),
                    "A copy's backward is a sum, not a mean."),
            Mistake(scale_mistake(dgain=lambda dout, n: (dout * n).sum(axis=0),
                                  dbias=lambda dout: dout.sum(axis=0)),
                    "There may be more axes in front than one: sum over all but the last, "
                    "axis=tuple(range(dout.ndim - 1))."),
            Mistake(scale_mistake(dgain=lambda dout, n: (dout * n).sum(axis=-1)),
                    "dgain has one number for each column: sum over the rows, not along them."),
        ),
        hints=("Where is gain[j] used? In every row, in column j, times normalized.",
               "tuple(range(dout.ndim - 1)) names every axis but the last.",
               "Return dout * gain, then the sums of dout * normalized and of dout."),
    ),
    Exercise(
        "6.4", "a row's gradient, with a pencil", 8,
        solution=my_pencil_dx,
        mistakes=(
            Mistake(lambda: np.array([5, 4, -8, -1]) / 3,
                    "The part along n is still there: subtract n times the mean of dn * n."),
            Mistake(lambda: np.array([4, 7, -5, -2]) / 3,
                    "The part along (1, 1, 1, 1) is still there: subtract the mean of dn."),
            Mistake(lambda: np.array([3, 6, -6, -3]),
                    "Divide by the standard deviation, 3."),
            Mistake(lambda: np.array([1, 2, -2, -1]) / 3,
                    "The standard deviation is 3; 9 is the variance."),
            Mistake(lambda: np.array([-2, 3, -1, -4]),
                    "The two numbers to subtract are means: divide each sum by 4."),
            Mistake(lambda: np.array([0.5, 2, -2, -0.5]),
                    "The gain is missing: begin with dn = dout * gain."),
            Mistake(lambda: np.array([1, 2, -2, -0.5]),
                    "The gain comes before the means, not after: begin with dn = dout * gain."),
            Mistake(lambda: np.array([7, 2, -10, 1]) / 3,
                    "Both parts are subtracted, the one along n too."),
            Mistake(lambda: np.array([3, 2, -10, -3]) / 3,
                    "The second mean is multiplied by n before it is subtracted."),
            Mistake(lambda: np.array([6, 5, -7, 0]) / 3,
                    "This is dn divided by the standard deviation: two parts are to be subtracted "
                    "from dn first."),
            Mistake(lambda: np.array([6, 5, -7, 0]),
                    "This is dn: now the two means, and the division by the standard deviation."),
        ),
        hints=("dn = dout * gain = (6, 5, -7, 0).",
               "The mean of dn is 1. The products dn * n are (6, -5, 7, 0); what is their mean?",
               "Each entry: (dn - 1 - 2 n) / 3."),
    ),
    pair_exercise(
        "6.5", "the backward of layer norm", 12,
        forward=layer_norm_with_its_tuple,
        solution=my_layer_norm_backward,
        builds="layer_norm_backward",
        names="x gain bias",
        inputs=lambda rng: [call(rng.normal(size=(4, 5)), *rng.normal(size=(2, 5))),
                            call(rng.normal(size=(2, 3, 6)), *rng.normal(size=(2, 6)), eps=0.1)],
        mistakes=(
            Mistake(gain_outside,
                    "The gain stands outside the means: multiply dout by it first, and take the "
                    "means of dn = dout * gain."),
            Mistake(lambda dout, cache: backward_mistake(
                        lambda dn, n, std: (dn - row(np.mean, dn) - n * row(np.mean, dn * n)) / std
                        )(dout, (*cache[:2], np.ones_like(cache[2]))),
                    "The gain is missing: begin with dn = dout * gain."),
            Mistake(mean_of_dout(0), "The first mean is that of dn, not of dout."),
            Mistake(mean_of_dout(1), "The second mean is that of dn * n, not of dout * n."),
            Mistake(backward_mistake(
                        lambda dn, n, std: dn - row(np.mean, dn) - n * row(np.mean, dn * n) / std),
                    "The whole difference is divided by std, not its last term alone: brackets."),
            Mistake(backward_mistake(
                        lambda dn, n, std: (dn - dn.mean(axis=0) - n * (dn * n).mean(axis=0)
                                            ) / std),
                    "The means run along the row, axis=-1, not down the columns."),
            Mistake(backward_mistake(lambda dn, n, std: (dn - row(np.mean, dn)) / std),
                    "The part along n is still there: the standard deviation is made of x too."),
            Mistake(backward_mistake(lambda dn, n, std: (dn - n * row(np.mean, dn * n)) / std),
                    "The mean of dn is not subtracted: the mean is made of x too."),
            Mistake(backward_mistake(lambda dn, n, std: dn / std),
                    "Mean and standard deviation are made of x too: two parts are to be "
                    "subtracted from dn."),
            Mistake(backward_mistake(
                        lambda dn, n, std: dn - row(np.mean, dn) - n * row(np.mean, dn * n)),
                    "The division by the standard deviation is missing."),
            Mistake(backward_mistake(
                        lambda dn, n, std: (dn - row(np.mean, dn) - n * row(np.mean, dn * n)
                                            ) / std**2),
                    "Divide by the standard deviation once: std is not the variance."),
            Mistake(backward_mistake(
                        lambda dn, n, std: (dn - row(np.mean, dn) + n * row(np.mean, dn * n)
                                            ) / std),
                    "Both parts are subtracted, the one along n too."),
            Mistake(backward_mistake(
                        lambda dn, n, std: (dn - row(np.sum, dn) - n * row(np.sum, dn * n)) / std),
                    "Two means are to be subtracted, not two sums."),
            Mistake(backward_mistake(
                        lambda dn, n, std: (dn - row(np.mean, dn) - row(np.mean, dn * n)) / std),
                    "The second mean is multiplied by n before it is subtracted."),
            Mistake(backward_mistake(
                        lambda dn, n, std: (dn - dn.mean() - n * (dn * n).mean()) / std),
                    "Each row has its own two means: axis=-1, keepdims=True."),
            Mistake(backward_mistake(
                        lambda dn, n, std: (dn - dn.mean(axis=-1) - n * (dn * n).mean(axis=-1)
                                            ) / std),
                    "The means need keepdims=True, to stand beside their rows."),
            Mistake(backward_mistake(None, dgain=lambda dout, cache: (
                        dout * cache[2] * cache[0]).reshape(-1, dout.shape[-1]).sum(axis=0)),
                    "dgain sums dout * normalized: the gain itself is not a factor of it."),
        ),
        hints=("normalized, std, gain = cache. dgain and dbias are those of 6.3.",
               "dnormalized = dout * gain; then two means of it over the row, each with axis=-1 "
               "and keepdims=True.",
               "(dnormalized - first mean - normalized * second mean) / std."),
    ),
    Prediction(
        "6.6", "The gain stands outside the means, and all gains are 1, as before the first step "
        "of training. What relative error does the gradient check show?",
        answer="about 1e-16",
        choices=("about 1e-16", "about 0.01", "about 0.3"),
        because="Where the gain is 1 it does not matter where it stands: both formulas are the "
                "same, and the check can only say so.",
    ),
    Prediction(
        "6.7", "The same model with layer norm and without, each with the learning rate that suits "
        "it best. How many bits per character does the norm save?",
        answer="next to nothing",
        choices=("next to nothing", "about 0.1", "about 0.4"),
        because="One head is no stack in which sizes could run away. What the norm buys here is "
                "room for error: the next plot shows it.",
    ),
)

"""Exercises of lesson 13, first half: RMS norm."""

import numpy as np

from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, call, pair_exercise
from minitransformer.variants import rms_norm_forward


def my_pencil_dx():
    """dx of cat: the gain first, then the part along n, then the division by the rms."""
    normalized, gain, rms = np.array([7, 1, 1, 7]) / 5, np.array([1, 1, 1, 2]), 5
    dnormalized = np.array([12, 6, -4, 1]) * gain                         # 12, 6, -4, 2
    along = np.mean(dnormalized * normalized)                             # 5
    return (dnormalized - along * normalized) / rms                       # 1, 1, -1, -1


def rms_norm_with_its_tuple(x, gain, *, eps=1e-5):
    """The package's forward with the cache of the lesson, (normalized, rms, gain)."""
    out, cache = rms_norm_forward(x, gain, eps=eps)
    return out, cache[:3]


def my_rms_norm_backward(dout, cache):
    """dout (..., D) -> dx (..., D), dgain (D,)."""
    normalized, rms, gain = cache
    dnormalized = dout * gain                                             # (..., D)
    along = np.mean(dnormalized * normalized, axis=-1, keepdims=True)     # (..., 1)
    dx = (dnormalized - normalized * along) / rms                         # (..., D)
    dgain = np.sum(dout * normalized, axis=tuple(range(dout.ndim - 1)))   # (D,)
    return dx, dgain


def row_mean(x):
    return np.mean(x, axis=-1, keepdims=True)


def backward_mistake(dx=None, *, dgain=None):
    """my_rms_norm_backward with dx = dx(dn, n, rms, dout, gain), or dgain, replaced."""
    def backward(dout, cache):
        n, rms, gain = cache
        right_dx, right_dgain = my_rms_norm_backward(dout, cache)
        return (dx(dout * gain, n, rms, dout, gain) if dx else right_dx,
                dgain(dout, n) if dgain else right_dgain)
    return backward


ITEMS = (
    Exercise(
        "13.1", "a row's gradient under RMS norm, with a pencil", 6,
        solution=my_pencil_dx,
        mistakes=(
            Mistake(lambda: np.array([0.2, 0.2, -1.8, -1.8]),
                    "You have taken out the mean of dn too, as layer norm does. RMS norm has no "
                    "mean to forget: only the part along n goes."),
            Mistake(lambda: np.array([12, 6, -4, 2]) / 5,
                    "This is dn / rms: the part along n is still in it."),
            Mistake(lambda: np.array([12, 6, -4, 2]),
                    "This is dn. Now take out its part along n, and divide by the rms."),
            Mistake(lambda: np.array([5, 5, -5, -5]),
                    "Divide by the rms, 5."),
            Mistake(lambda: np.array([1, 1, -1, -1]) / 5,
                    "The rms is 5; 25 is the mean of the squares."),
            Mistake(lambda: np.array([-16, 2, -8, -26]) / 5,
                    "What is subtracted is n times the mean of dn * n: divide the sum, 20, by 4."),
            Mistake(lambda: np.array([7, 1, -9, -3]) / 5,
                    "The mean of dn * n is multiplied by n before it is subtracted."),
            Mistake(lambda: np.array([19, 7, -3, 9]) / 5,
                    "The part along n is subtracted, not added."),
            Mistake(lambda: np.array([1.098, 1.014, -0.986, -1.102]),
                    "The gain is missing: begin with dn = dout * gain."),
            Mistake(lambda: np.array([1.098, 1.014, -0.986, -2.204]),
                    "The gain comes first, dn = dout * gain, and then the mean of dn * n."),
        ),
        hints=("dn = dout * gain = (12, 6, -4, 2).",
               "The products dn * n are (84, 6, -4, 14) / 5. What is their mean?",
               "Each entry: (dn - 5 n) / 5, and 5 n = (7, 1, 1, 7)."),
    ),
    pair_exercise(
        "13.2", "the backward of RMS norm", 8,
        forward=rms_norm_with_its_tuple,
        solution=my_rms_norm_backward,
        names="x gain",
        inputs=lambda rng: [call(rng.normal(size=(4, 5)), rng.normal(size=5)),
                            call(rng.normal(size=(2, 3, 6)), rng.normal(size=6), eps=0.3)],
        mistakes=(
            Mistake(backward_mistake(lambda dn, n, rms, dout, gain: (
                        dn - row_mean(dn) - n * row_mean(dn * n)) / rms),
                    "You have taken out the mean of dn, as layer norm does. RMS norm subtracts no "
                    "mean on the way forward, so none goes on the way back."),
            Mistake(backward_mistake(lambda dn, n, rms, dout, gain: dn / rms),
                    "The rms is made of x too: take out of dn its part along n."),
            Mistake(backward_mistake(lambda dn, n, rms, dout, gain: gain * (
                        dout - n * row_mean(dout * n)) / rms),
                    "The gain stands outside the mean: multiply dout by it first, and take the "
                    "mean of dn * n with dn = dout * gain."),
            Mistake(backward_mistake(lambda dn, n, rms, dout, gain: (
                        dout - n * row_mean(dout * n)) / rms),
                    "The gain is missing: begin with dn = dout * gain."),
            Mistake(backward_mistake(lambda dn, n, rms, dout, gain: (
                        dn - n * row_mean(dn * n)) / rms**2),
                    "Divide by the rms once: it is a root already."),
            Mistake(backward_mistake(lambda dn, n, rms, dout, gain: dn - n * row_mean(dn * n)),
                    "The division by the rms is missing."),
            Mistake(backward_mistake(lambda dn, n, rms, dout, gain: (
                        dn - n * row_mean(dn * n) / rms)),
                    "The whole difference is divided by the rms, not its last term alone: "
                    "brackets."),
            Mistake(backward_mistake(lambda dn, n, rms, dout, gain: (
                        dn - n * np.sum(dn * n, axis=-1, keepdims=True)) / rms),
                    "A mean is to be subtracted, not a sum."),
            Mistake(backward_mistake(lambda dn, n, rms, dout, gain: (
                        dn + n * row_mean(dn * n)) / rms),
                    "The part along n is subtracted, not added."),
            Mistake(backward_mistake(lambda dn, n, rms, dout, gain: (
                        dn - row_mean(dn * n)) / rms),
                    "The mean of dn * n is multiplied by n before it is subtracted."),
            Mistake(backward_mistake(lambda dn, n, rms, dout, gain: (
                        dn - n * np.mean(dn * n, axis=0)) / rms),
                    "The mean runs along the row, axis=-1, not down the columns."),
            Mistake(backward_mistake(dgain=lambda dout, n: dout * n),
                    "The gain is copied to every row: add up what all rows send back."),
            Mistake(backward_mistake(dgain=lambda dout, n: np.sum(
                        dout, axis=tuple(range(dout.ndim - 1)))),
                    "This would be the gradient of a bias. The gain is multiplied by normalized: "
                    "each use sends back dout * normalized."),
        ),
        hints=("normalized, rms, gain = cache; dnormalized = dout * gain.",
               "One mean is left of layer norm's two: that of dnormalized * normalized, with "
               "axis=-1 and keepdims=True.",
               "dx = (dnormalized - normalized * along) / rms; dgain as in lesson 06."),
    ),
    Prediction(
        "13.3", "Forward and backward of one norm on 2048 rows of 512 numbers. RMS norm's time "
        "divided by layer norm's: about what?",
        answer="0.75",
        choices=("0.3", "0.75", "1"),
        because="It saves the mean and its subtraction on the way forward, and one mean and a sum "
                "for the bias on the way back. The division, the squares and the gain are left.",
    ),
)

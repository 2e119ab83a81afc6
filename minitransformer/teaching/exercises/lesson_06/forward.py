"""Exercises of lesson 06, first half: the forward of layer norm."""

import numpy as np

from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, call


def my_layer_norm_forward(x, gain, bias, *, eps=1e-5):
    """x (..., D), gain (D,), bias (D,) -> out (..., D), cache (normalized, std, gain)."""
    centered = x - np.mean(x, axis=-1, keepdims=True)                             # (..., D)
    std = np.sqrt(np.mean(centered * centered, axis=-1, keepdims=True) + eps)     # (..., 1)
    normalized = centered / std                                                   # (..., D)
    return normalized * gain + bias, (normalized, std, gain)


def forward_inputs(rng):
    """Rows of a matrix; more axes, another eps; a complex step; float32, far from zero."""
    def gain_and_bias(D):
        return rng.normal(size=D), rng.normal(size=D)
    yield call(rng.normal(size=(4, 5)), *gain_and_bias(5))
    yield call(rng.normal(size=(2, 3, 6)), *gain_and_bias(6), eps=0.1)
    yield call(rng.normal(size=(4, 5)) + 0.1j * rng.normal(size=(4, 5)), *gain_and_bias(5))
    # Whole numbers whose mean is exact, in whatever order one adds: only the variance can go wrong.
    far = (10_000 + rng.integers(-9, 10, size=(3, 8))).astype(np.float32)
    yield call(far, *(array.astype(np.float32) for array in gain_and_bias(8)))


def row(reduce, x, **options):
    return reduce(x, axis=-1, keepdims=True, **options)


def gain_in_the_cache(x, gain, bias, *, eps=1e-5):
    out, (normalized, std, gain) = my_layer_norm_forward(x, gain, bias, eps=eps)
    return out, (normalized * gain, std, gain)


def forward_mistake(*, mean=lambda x: row(np.mean, x), center=True, out=lambda n, gain, bias:
                    n * gain + bias, std=lambda x, c, eps: np.sqrt(row(np.mean, c * c) + eps),
                    kept=lambda c, n, std: (n, std)):
    """my_layer_norm_forward with one of its steps replaced by a wrong one."""
    def forward(x, gain, bias, *, eps=1e-5):
        centered = x - mean(x)
        with np.errstate(invalid="ignore"):
            spread = std(x, centered, eps)
            normalized = (centered if center else x) / spread
        return out(normalized, gain, bias), (*kept(centered, normalized, spread), gain)
    return forward


ITEMS = (
    Prediction(
        "6.1", "The entries of a row have the variance 1 and the mean m, in float32. From which m "
        "on, roughly, is E[x²] - E[x]² wrong by as much as the variance itself?",
        answer=3000,
        because="A float32 keeps 24 binary digits, so a number near m² is rounded by about "
                "m² / 10,000,000. That is 1 where m is about 3000.",
    ),
    Exercise(
        "6.2", "the forward of layer norm", 10,
        solution=my_layer_norm_forward,
        builds="layer_norm_forward",
        cases=forward_inputs,
        results=("out", "cache"),
        mistakes=(
            Mistake(forward_mistake(std=lambda x, c, eps: np.sqrt(row(np.sum, c * c) / (
                        c.shape[-1] - 1) + eps)),
                    "The variance is divided by D here, not by D - 1."),
            Mistake(forward_mistake(std=lambda x, c, eps: np.sqrt(row(np.mean, c * c)) + eps),
                    "eps stands inside the root: it is added to the variance."),
            Mistake(forward_mistake(std=lambda x, c, eps: np.sqrt(row(np.mean, c * c))),
                    "eps is not used yet: add it to the variance, before the root."),
            Mistake(forward_mistake(std=lambda x, c, eps: row(np.mean, c * c) + eps),
                    "The row is divided by its variance: take the root first."),
            Mistake(forward_mistake(std=lambda x, c, eps: np.sqrt(row(np.sum, c * c) + eps)),
                    "The variance is the mean of the squares, not their sum."),
            Mistake(forward_mistake(mean=lambda x: x.mean(axis=0), std=lambda x, c, eps: np.sqrt(
                        np.mean(c * c, axis=0) + eps)),
                    "Each token's row has its own mean: take it over axis=-1, not over axis 0."),
            Mistake(forward_mistake(mean=np.mean, std=lambda x, c, eps: np.sqrt(
                        np.mean(c * c) + eps)),
                    "This is one mean for the whole array: each row needs its own (axis=-1)."),
            Mistake(forward_mistake(mean=lambda x: x.mean(axis=-1)),
                    "The means need keepdims=True, to stand beside their rows."),
            Mistake(forward_mistake(center=False),
                    "The mean is in the variance, but it has not been subtracted from the row."),
            Mistake(forward_mistake(std=lambda x, c, eps: np.sqrt(row(np.mean, x * x) + eps)),
                    "The variance is the mean of centered * centered, not of x * x."),
            Mistake(forward_mistake(kept=lambda c, n, std: (c, std)),
                    "The first entry of the cache is centered: the backward needs normalized."),
            Mistake(forward_mistake(kept=lambda c, n, std: (n, row(np.mean, c * c))),
                    "The second entry of the cache is the variance: the backward needs its root."),
            Mistake(gain_in_the_cache,
                    "The cache holds normalized as it was before the gain."),
            Mistake(forward_mistake(out=lambda n, gain, bias: (n + bias) * gain),
                    "First times the gain, then plus the bias."),
            Mistake(forward_mistake(out=lambda n, gain, bias: n * gain),
                    "The bias is not added yet."),
            Mistake(forward_mistake(out=lambda n, gain, bias: n),
                    "The gain and the bias are not used yet."),
            Mistake(forward_mistake(std=lambda x, c, eps: np.sqrt(row(np.var, x) + eps)),
                    "np.var takes the length of a complex number, so the complex step does not "
                    "come through: write np.mean(centered * centered, ...)."),
            Mistake(forward_mistake(std=lambda x, c, eps: np.sqrt(
                        row(np.mean, x * x) - row(np.mean, x) ** 2 + eps)),
                    "E[x²] - E[x]² loses its digits where the mean is large: subtract the mean "
                    "first, then square."),
        ),
        hints=("Four lines: centered, std, normalized, out. Both means need axis=-1, "
               "keepdims=True.",
               "std = np.sqrt(np.mean(centered * centered, ...) + eps).",
               "Return normalized * gain + bias, (normalized, std, gain)."),
    ),
)

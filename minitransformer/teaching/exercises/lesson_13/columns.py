"""Exercises of lesson 13, second half: batch norm, and what the norms are good for."""

import numpy as np

from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, call, pair_exercise


def my_batch_norm_forward(x, gain, bias, *, mask, eps=1e-5):
    """x (..., D), gain, bias (D,), mask (...) -> out (..., D), (normalized, std, gain, mask)."""
    real = x[mask]                                                        # (N, D)
    mean = np.mean(real, axis=0)                                          # (D,)
    centered = real - mean                                                # (N, D)
    std = np.sqrt(np.mean(centered * centered, axis=0) + eps)             # (D,)
    normalized = (x - mean) / std                                         # (..., D)
    return normalized * gain + bias, (normalized, std, gain, mask)


def my_batch_norm_backward(dout, cache):
    """dout (..., D) -> dx (..., D), dgain (D,), dbias (D,)."""
    normalized, std, gain, mask = cache
    rows = tuple(range(dout.ndim - 1))                                    # every axis but the last
    N = np.sum(mask)
    dbias = np.sum(dout, axis=rows)                                       # (D,)
    dgain = np.sum(dout * normalized, axis=rows)                          # (D,)
    dnormalized = dout * gain                                             # (..., D)
    shared = (gain * dbias + normalized * gain * dgain) / N               # (..., D)
    return (dnormalized - mask[..., None] * shared) / std, dgain, dbias   # (..., D)


def inputs(rng):
    """Two axes of tokens, then one; each with padding, and another eps."""
    mask = np.array([[True, True, True], [True, False, False]])
    yield call(rng.normal(size=(2, 3, 4)), *rng.normal(size=(2, 4)), mask=mask)
    yield call(rng.normal(size=(6, 5)) + 2, *rng.normal(size=(2, 5)), eps=0.3,
               mask=np.array([True, False, True, True, False, True]))


def forward_inputs(rng):
    """inputs; float32, far from zero; a complex step."""
    yield from inputs(rng)
    # Whole numbers whose mean is exact, in whatever order one adds: only the variance can go wrong.
    far = (10_000 + rng.integers(-9, 10, size=(6, 3))).astype(np.float32)
    yield call(far, *rng.normal(size=(2, 3)).astype(np.float32),
               mask=np.array([True, False, True, True, False, True]))
    args, options = next(inputs(rng))
    yield call(args[0] + 0.1j * rng.normal(size=args[0].shape), *args[1:], **options)


def columns_of(x):
    return x.reshape(-1, x.shape[-1])


def forward_mistake(*, among=lambda x, mask: x[mask], spread=None, normalized=None,
                    out=lambda n, gain, bias: n * gain + bias, kept=None):
    """my_batch_norm_forward with one of its steps replaced by a wrong one."""
    def forward(x, gain, bias, *, mask, eps=1e-5):
        real = among(x, mask)
        mean = np.mean(real, axis=0)
        centered = real - mean
        with np.errstate(invalid="ignore"):
            std = (spread(real, centered, eps) if spread else
                   np.sqrt(np.mean(centered * centered, axis=0) + eps))
        n = normalized(x, mean, std, mask) if normalized else (x - mean) / std
        cache = kept(n, std, gain, mask) if kept else (n, std, gain, mask)
        return out(n, gain, bias), cache
    return forward


def row_means(x, gain, bias, *, mask, eps=1e-5):
    """Layer norm: the statistics of each row."""
    centered = x - np.mean(x, axis=-1, keepdims=True)
    std = np.sqrt(np.mean(centered * centered, axis=-1, keepdims=True) + eps)
    return centered / std * gain + bias, (centered / std, std, gain, mask)


def with_text_axis(x, gain, bias, *, mask, eps=1e-5):
    """The statistics of each text, where there is an axis of texts."""
    real = mask[..., None]
    count = np.sum(real, axis=-2, keepdims=True)
    centered = x - np.sum(x * real, axis=-2, keepdims=True) / count
    std = np.sqrt(np.sum(centered * centered * real, axis=-2, keepdims=True) / count + eps)
    return centered / std * gain + bias, (centered / std, std, gain, mask)


def divided_by_all(x, gain, bias, *, mask, eps=1e-5):
    """Sums over the real rows, divided by the number of all rows."""
    real = mask[..., None]
    centered = x - np.mean(columns_of(x * real), axis=0)
    std = np.sqrt(np.mean(columns_of(centered * centered * real), axis=0) + eps)
    return centered / std * gain + bias, (centered / std, std, gain, mask)


def backward_mistake(change):
    """my_batch_norm_backward with dx = change(dn, n, std, mask (..., 1), N, sums)."""
    def backward(dout, cache):
        n, std, gain, mask = cache
        _, dgain, dbias = my_batch_norm_backward(dout, cache)
        return (change(dout * gain, n, std, mask[..., None], np.sum(mask), gain, dout),
                dgain, dbias)
    return backward


def down(x):
    """The sum down the columns, over every axis but the last."""
    return np.sum(columns_of(x), axis=0)


def parameters_of_real_rows(dout, cache):
    dx, _, _ = my_batch_norm_backward(dout, cache)
    return (dx, *my_batch_norm_backward(dout * cache[3][..., None], cache)[1:])


ITEMS = (
    Exercise(
        "13.4", "the forward of batch norm, with padding", 12,
        solution=my_batch_norm_forward,
        cases=forward_inputs,
        results=("out", "cache"),
        mistakes=(
            Mistake(forward_mistake(among=lambda x, mask: columns_of(x)),
                    "Mean and variance are taken over padding too: take them over the real rows, "
                    "x[mask]."),
            Mistake(divided_by_all,
                    "The padded rows are left out of the sums, but not of their number: divide by "
                    "the number of real rows, as the mean over x[mask] does."),
            Mistake(with_text_axis,
                    "These are the statistics of each text alone: here all real rows of all texts "
                    "share one mean and one standard deviation."),
            Mistake(forward_mistake(spread=lambda real, c, eps: np.sqrt(
                        np.mean(real * real, axis=0) - np.mean(real, axis=0) ** 2 + eps)),
                    "E[x^2] - E[x]^2 is lost in rounding, far from zero in float32 (lesson 06): "
                    "subtract the mean first, then square."),
            Mistake(row_means,
                    "These are the statistics of each row, as in layer norm: here every column "
                    "has one mean and one standard deviation."),
            Mistake(forward_mistake(normalized=lambda x, mean, std, mask:
                                    (x - mean) / std * mask[..., None]),
                    "The padded rows are set to zero: they are to be normalized like the others, "
                    "with the same mean and standard deviation."),
            Mistake(forward_mistake(spread=lambda real, c, eps: np.sqrt(
                        np.sum(c * c, axis=0) / (len(c) - 1) + eps)),
                    "Divide by the number of real rows, not by one less: that variance is for the "
                    "running statistics only."),
            Mistake(forward_mistake(spread=lambda real, c, eps: np.sqrt(
                        np.mean(c * c, axis=0)) + eps),
                    "eps stands inside the root: it is added to the variance."),
            Mistake(forward_mistake(spread=lambda real, c, eps: np.sqrt(np.mean(c * c, axis=0))),
                    "eps is not used yet: add it to the variance, before the root."),
            Mistake(forward_mistake(spread=lambda real, c, eps: np.mean(c * c, axis=0) + eps),
                    "The columns are divided by their variance: take the root first."),
            Mistake(forward_mistake(spread=lambda real, c, eps: np.sqrt(
                        np.var(real, axis=0) + eps)),
                    "np.var takes the length of a complex number, so the complex step does not "
                    "come through: write np.mean(centered * centered, axis=0)."),
            Mistake(forward_mistake(out=lambda n, gain, bias: n * gain),
                    "The bias is not added yet."),
            Mistake(forward_mistake(out=lambda n, gain, bias: (n + bias) * gain),
                    "First times the gain, then plus the bias."),
            Mistake(forward_mistake(kept=lambda n, std, gain, mask: (n * gain, std, gain, mask)),
                    "The cache holds normalized as it was before the gain."),
        ),
        hints=("x[mask] with a boolean mask picks the real rows and puts them below one another: "
               "(N, D).",
               "mean and std are those of x[mask] over axis=0, (D,) each; normalized = (x - mean) "
               "/ std is for all rows.",
               "Return normalized * gain + bias, (normalized, std, gain, mask)."),
    ),
    pair_exercise(
        "13.5", "the backward of batch norm, with padding", 12,
        forward=my_batch_norm_forward,
        solution=my_batch_norm_backward,
        names="x gain bias",
        inputs=inputs,
        mistakes=(
            Mistake(backward_mistake(lambda dn, n, std, mask, N, gain, dout:
                        (dn - (down(dn) + n * down(dn * n)) / N) / std),
                    "The padded rows did not move the statistics, so they get no share: multiply "
                    "what is subtracted by mask[..., None]."),
            Mistake(backward_mistake(lambda dn, n, std, mask, N, gain, dout:
                        mask * (dn - (down(dn) + n * down(dn * n)) / N) / std),
                    "A padded row acts on its own output: its gradient is dn / std, not zero."),
            Mistake(backward_mistake(lambda dn, n, std, mask, N, gain, dout:
                        (dn - mask * (down(dn * mask) + n * down(dn * mask * n)) / N) / std),
                    "The sums run over all rows: a padded row's output was made with the shared "
                    "mean and standard deviation, so what it sends back belongs in them."),
            Mistake(backward_mistake(lambda dn, n, std, mask, N, gain, dout:
                        (dn - mask * (down(dn) + n * down(dn * n)) / mask.size) / std),
                    "Divide by the number of real rows, not of all rows: the mean was one over N "
                    "times a sum."),
            Mistake(parameters_of_real_rows,
                    "The padded rows used gain and bias like the others: the sums run over all "
                    "rows."),
            Mistake(lambda dout, cache: tuple(
                        my_batch_norm_backward(dout, cache)[i] for i in (0, 2, 1)),
                    "dgain and dbias are exchanged: return dx, dgain, dbias."),
            Mistake(backward_mistake(lambda dn, n, std, mask, N, gain, dout:
                        (dn - np.mean(dn, -1, keepdims=True)
                         - n * np.mean(dn * n, -1, keepdims=True)) / std),
                    "These means run along each row, as in layer norm: here the sums run down the "
                    "columns, over all rows."),
            Mistake(backward_mistake(lambda dn, n, std, mask, N, gain, dout:
                        (dn - mask * (down(dout) + n * down(dout * n)) / N) / std),
                    "The shares lack the gain: the sum of dn is gain * dbias, and that of dn * n "
                    "is gain * dgain."),
            Mistake(backward_mistake(lambda dn, n, std, mask, N, gain, dout: dn / std),
                    "Mean and standard deviation are made of x too: the two shares are to be "
                    "subtracted from dn."),
            Mistake(backward_mistake(lambda dn, n, std, mask, N, gain, dout:
                        (dn - mask * n * down(dn * n) / N) / std),
                    "The sum of dn is missing: every real row has moved the mean."),
            Mistake(backward_mistake(lambda dn, n, std, mask, N, gain, dout:
                        (dn - mask * down(dn) / N) / std),
                    "The sum of dn * n is missing: every real row has moved the standard "
                    "deviation."),
            Mistake(backward_mistake(lambda dn, n, std, mask, N, gain, dout:
                        (dout - mask * (down(dout) + n * down(dout * n)) / N) / std),
                    "The gain is missing: begin with dn = dout * gain."),
            Mistake(backward_mistake(lambda dn, n, std, mask, N, gain, dout:
                        (dn - mask * (down(dn) + n * down(dn * n))) / std),
                    "The two sums are to be divided by N, the number of real rows."),
            Mistake(backward_mistake(lambda dn, n, std, mask, N, gain, dout:
                        dn - mask * (down(dn) + n * down(dn * n)) / N),
                    "The division by the standard deviation is missing."),
        ),
        hints=("dgain and dbias are those of layer norm: sums over all rows, padded ones "
               "included. N = np.sum(mask).",
               "With dn = dout * gain, the sum of dn is gain * dbias, and that of dn * normalized "
               "is gain * dgain.",
               "(dn - mask[..., None] * (gain * dbias + normalized * gain * dgain) / N) / std."),
    ),
    Prediction(
        "13.6", "A translator with batch norm in its encoder has been trained for some steps. Now "
        "one forgets the running statistics and leaves them as they were at the start, mean 0 and "
        "variance 1. Which of its losses is wrong?",
        answer="in evaluation only",
        choices=("in training only", "in evaluation only", "both"),
        because="Training never reads the running statistics, it only writes them. That is why the "
                "loss that one watches says nothing.",
    ),
    Prediction(
        "13.7", "A small translator with residuals everywhere learns for 100 steps, with clipped "
        "gradients and two blocks on each side. Each norm gets the best of its four learning "
        "rates. Which model has the lowest validation loss?",
        answer="no norm",
        choices=("layer norm", "RMS norm", "batch norm in the encoder", "no norm"),
        because="With two blocks little can run away, and clipping catches what does. It is not "
                "the whole answer: look at the other panel, at the largest rate, and at eight "
                "blocks.",
    ),
)

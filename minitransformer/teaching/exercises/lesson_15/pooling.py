"""Exercises of lesson 15, first half: mean pooling."""

import numpy as np

from minitransformer.teaching.exercise import Exercise, Mistake, call, pair_exercise
from minitransformer.variants import mean_pooling_forward


def my_pencil_dx():
    """dx of four tokens, the third of them padding: the real ones share dy, the padding gets 0."""
    dy, real = np.array([6, -3]), np.array([True, True, False, True])
    return np.where(real[:, None], dy / 3, 0)                             # (T, D)


def my_mean_pooling_backward(dout, cache):
    """dout (B, D) -> dx (B, T, D)."""
    mask, count = cache                                                   # (B, T), (B, 1)
    share = dout / count                                                  # (B, D)
    return share[:, None, :] * mask[:, :, None]                           # (B, T, D)


def backward_mistake(dx):
    """my_mean_pooling_backward with dx(dout, mask, count) in its place."""
    def backward(dout, cache):
        return dx(dout, *cache)
    return backward


def masks(rng):
    """Cases whose sizes differ: with padding inside and at the end, and without any."""
    real = np.array([[True] * 4, [True, False, True, False], [True, True, True, False]])
    return [call(rng.normal(size=(3, 4, 5)), mask=real),
            call(rng.normal(size=(2, 6, 3)), mask=np.arange(6) < np.array([[2], [5]]))]


ROWS = np.array([[1], [1], [0], [1]])  # the real tokens of 15.1

ITEMS = (
    Exercise(
        "15.1", "the gradient of a mean, with a pencil", 5,
        solution=my_pencil_dx,
        mistakes=(
            Mistake(lambda: np.tile([2.0, -1.0], (4, 1)),
                    "The padding has no part in the mean, so nothing comes back to it: its row is "
                    "0."),
            Mistake(lambda: np.tile([1.5, -0.75], (4, 1)),
                    "You have divided by all four tokens, the padding among them. Three are real, "
                    "and the padding's row is 0."),
            Mistake(lambda: ROWS * [1.5, -0.75],
                    "The padding's row is right. The mean was taken over three tokens, so divide "
                    "by 3."),
            Mistake(lambda: ROWS * [6.0, -3.0],
                    "Each token went into the mean with the factor 1/3, and comes back with it."),
            Mistake(lambda: np.tile([6.0, -3.0], (4, 1)),
                    "This would be the gradient of a sum over all tokens. The mean has the factor "
                    "1/3, and the padding has no part in it."),
            Mistake(lambda: np.array([[2.0, -1.0], [2.0, -1.0], [2.0, -1.0], [0.0, 0.0]]),
                    "The share is right, but here the third token is the padding, not the last."),
            Mistake(lambda: np.array([2.0, -1.0]),
                    "This is the share of one real token. dx has a row for each of the four "
                    "tokens."),
        ),
        hints=("How many tokens are real? Each went into the mean with one over that number.",
               "The real tokens all get the same row: dy / 3.",
               "The third token is padding: its row is (0, 0)."),
    ),
    pair_exercise(
        "15.2", "the backward of mean pooling", 8,
        forward=mean_pooling_forward,
        solution=my_mean_pooling_backward,
        names="x",
        inputs=masks,
        mistakes=(
            Mistake(backward_mistake(lambda dout, mask, count: np.broadcast_to(
                        (dout / count)[:, None, :], (*mask.shape, dout.shape[1])).copy()),
                    "Padding gets a gradient here. It had no part in the mean: multiply by the "
                    "mask."),
            Mistake(backward_mistake(lambda dout, mask, count: np.broadcast_to(
                        (dout / mask.shape[1])[:, None, :], (*mask.shape, dout.shape[1])).copy()),
                    "This is the backward of a mean over all T tokens. Divide by the number of "
                    "real ones, and give nothing to the padding."),
            Mistake(backward_mistake(lambda dout, mask, count: (
                        dout / mask.shape[1])[:, None, :] * mask[..., None]),
                    "Divide by the number of real tokens, count, and not by T."),
            Mistake(backward_mistake(lambda dout, mask, count: dout[:, None, :] * mask[..., None]),
                    "This is the backward of a sum. The mean has the factor 1 / count."),
            Mistake(backward_mistake(lambda dout, mask, count: (
                        dout / np.sum(count))[:, None, :] * mask[..., None]),
                    "Each sequence has its own number of real tokens: do not add them up over the "
                    "batch."),
            Mistake(backward_mistake(lambda dout, mask, count: (
                        dout * count)[:, None, :] * mask[..., None]),
                    "The forward divides by count, so the backward does: you have multiplied."),
            Mistake(backward_mistake(lambda dout, mask, count: (
                        dout / count)[:, None, :] * ~mask[..., None]),
                    "The mask is the wrong way round: True is a real token, which gets its share."),
            Mistake(backward_mistake(lambda dout, mask, count: dout / count),
                    "This is the share of one token, (B, D). dx has one for each token: give the "
                    "share an axis for T, share[:, None, :], and multiply by the mask."),
        ),
        hints=("mask, count = cache; count is (B, 1), so dout / count is each real token's share.",
               "share[:, None, :] has the shape (B, 1, D), mask[:, :, None] has (B, T, 1).",
               "Their product broadcasts to (B, T, D): the share where the token is real, else 0."),
    ),
)

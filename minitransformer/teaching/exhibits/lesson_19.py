"""Exhibits of lesson 19: shares that do not add up, and a rollout without the skip path."""

import numpy as np

from minitransformer.teaching.exercise import call
from minitransformer.teaching.museum import Exhibit


def shares_of_the_input(gradient, x, baseline):
    steps = (np.arange(64) + 0.5) / 64
    mean = sum(gradient(baseline + s * (x - baseline)) for s in steps) / 64
    return x * mean                                       # and where is the baseline?


def rollout_of_bare_attention(weights):
    shares = np.eye(weights.shape[-1])                    # (T, T)
    for layer in weights:
        shares = layer.mean(axis=0) @ shares              # the residual goes past attention
    return shares


def score_forward(x, *, gain):
    """A curved score of each row: sum over d of gain_d x_d²."""
    return np.sum(gain * x * x, axis=-1), (x, gain)                        # (N,)


def score_backward(dout, cache):
    x, gain = cache
    return 2 * dout[:, None] * gain * x                                    # (N, D)


def stack_forward(x, *, weights):
    """Blocks that hand on half of what came in, and half of what their heads have mixed."""
    for layer in weights:
        x = (x + layer.mean(axis=0) @ x) / 2                               # (T, D)
    return x, weights


def stack_backward(dout, weights):
    return rollout_of_bare_attention(weights).T @ dout                     # (T, D)


def scores(rng):
    return call(1 + rng.uniform(size=(6, 4)), gain=np.array([0.5, 0.2, 0.3, 0.4]))


def stacks(rng):
    weights = rng.uniform(size=(3, 2, 9, 9)) ** 2
    return call(rng.normal(size=(9, 4)), weights=weights / weights.sum(axis=-1, keepdims=True))


EXHIBITS = (
    Exhibit(
        "shares_of_the_input", "19", "integrated gradients times the input",
        forward=score_forward, backward=score_backward, fault=shares_of_the_input, inputs=scores,
        breaks="the mean gradient belongs to the step from the baseline to the input. Multiplied "
               "by the input itself, the shares are those of another question, and do not add up. "
               "With a baseline of zeros nobody notices.",
        caught_by=("completeness",),
        missed_by=("the gradient check", "a check with dout = ones", "a look at the shapes",
                   "a falling loss"),
    ),
    Exhibit(
        "bare_rollout", "19", "rollout without the residual",
        forward=stack_forward, backward=stack_backward, fault=rollout_of_bare_attention,
        inputs=stacks,
        breaks="a block adds to its stream, it does not replace it. Without the identity every "
               "token soon seems to be the same mixture of all, whoever it was.",
        caught_by=("the gradient check", "a check with dout = ones", "a token's share of itself"),
        missed_by=("a look at the shapes", "a falling loss"),
    ),
)

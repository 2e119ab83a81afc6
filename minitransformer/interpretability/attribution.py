"""Attribution: how much of a score each input token is answerable for.

A score is a weighted sum of a model's logits: one logit, or the difference of two. Each method
gives one number a token, (T,); they differ in what they mean by "answerable".
"""

from typing import NamedTuple

import numpy as np

ROWS = 16           # points of a path that go through the model at once
STEPS, MOST_STEPS = 16, 1024
TOLERANCE = 0.01    # of the score's change


class Attributions(NamedTuple):
    """What integrated_gradients found."""

    tokens: np.ndarray  # (T,)
    start: float        # the score at the baseline
    end: float          # the score at the tokens themselves
    steps: int          # points on the path that were needed

    @property
    def gap(self):
        """|sum of tokens - (end - start)| / |end - start|: 0 for an exact integral."""
        change = self.end - self.start
        return abs(float(np.sum(self.tokens, dtype=np.float64)) - change) / abs(change)


def score(function, answer, x=None):
    """The score of answer for x (B, T, D), function.x for None: (B,).

    function: an Embedded. answer: the number of a logit, or a weight for each of the n logits.
    Raises ValueError for an answer that is not there or of another length.
    """
    logits, _ = function.forward(function.x if x is None else x)              # (B, n)
    return logits @ _weights(answer, logits)                                  # (B,)


def score_gradient(function, answer, x=None):
    """The gradient of the score for x (B, T, D), function.x for None: (B, T, D)."""
    logits, cache = function.forward(function.x if x is None else x)          # (B, n)
    dlogits = np.broadcast_to(_weights(answer, logits), logits.shape)         # (B, n)
    return function.backward(dlogits, cache)                                  # (B, T, D)


# To first order, taking the vector x_t away (x_t -> 0) changes the score by -gradient_t · x_t. So
# the product says what x_t has contributed, if the score is linear in it as far as the origin.
def gradient_times_input(function, answer):
    """a_t = sum over d of x_td * dscore / dx_td: (T,). [attribution.gradient_times_input]

    It is the derivative of the score when x_t alone grows by the factor 1 + h. function, answer: as
    in score. Source: Shrikumar et al. 2017, where it is the method to be improved.
    """
    gradient = score_gradient(function, answer)                               # (1, T, D)
    return np.sum(function.x * gradient, axis=-1)[0]                          # (T,)


# Along the straight path x(s) = b + s (x - b) the score is a function of one variable, so
#     score(x) - score(b) = integral from 0 to 1 of d score(x(s)) / ds
#                         = integral of sum_td (x - b)_td * gradient_td(x(s))
# and the integral of a sum is the sum of the integrals: token t's part is a_t. The parts add up to
# the score's change, whatever the model is, as far as the integral is exact.
def integrated_gradients(function, answer, *, baseline=None):
    """a_t = sum_d (x - b)_td * integral_0^1 dscore/dx_td(b + s (x - b)) ds: an Attributions.

    baseline b (1, T, D) or a shape that broadcasts to it; None: function.average. Zeros will not
    do for a model that normalizes: norm(s x) leaves norm(0) within sqrt(eps) of the way, behind
    L such norms within eps^(L / 2). The integral is taken at Gauss-Legendre points, 16 and then
    twice as many each time, until the attributions add up to the score's change within 1%
    [attribution.completeness].
    Raises ArithmeticError where 1024 points do not reach that; ValueError for a baseline that does
    not fit, or that has the score of the tokens themselves. Source: Sundararajan et al. 2017.
    """
    x = function.x                                                            # (1, T, D)
    baseline = function.average if baseline is None else baseline
    try:
        baseline = np.broadcast_to(np.asarray(baseline, x.dtype), x.shape)    # (1, T, D)
    except ValueError:
        raise ValueError(f"baseline has shape {np.shape(baseline)}, which does not broadcast to "
                         f"the embedded tokens' {x.shape}") from None
    start, end = (float(score(function, answer, at)[0]) for at in (baseline, x))
    if start == end:
        raise ValueError(f"the baseline has the same score as the tokens, {end:.6g}: there is no "
                         f"change to share out; choose another baseline or another answer")
    steps = STEPS
    while True:
        points, weights = np.polynomial.legendre.leggauss(steps)              # (N,) in -1 .. 1
        points, weights = (points + 1) / 2, weights / 2                       # (N,) in 0 .. 1
        tokens = path_integral(function, answer, baseline, points, weights)   # (T,)
        found = Attributions(tokens, start, end, steps)
        if found.gap <= TOLERANCE:
            return found
        if steps >= MOST_STEPS:
            raise ArithmeticError(
                f"with {steps} points the attributions add up to {np.sum(tokens):.6g}, but the "
                f"score changes by {end - start:.6g}: the gradient is too uneven on the way from "
                f"this baseline; choose another one")
        steps *= 2


def path_integral(function, answer, baseline, points, weights):
    """sum_d (x - b)_td * sum_i weights_i * gradient_td(b + points_i (x - b)): (T,).

    baseline b (1, T, D); points and weights (N,): a rule for the integral from 0 to 1.
    """
    away = function.x - baseline                                              # (1, T, D)
    total = np.zeros(away.shape, np.float64)                                  # (1, T, D)
    for first in range(0, len(points), ROWS):
        s = points[first:first + ROWS, None, None].astype(away.dtype)         # (R, 1, 1)
        gradient = score_gradient(function, answer, baseline + s * away)      # (R, T, D)
        total += np.tensordot(weights[first:first + ROWS], gradient, 1)       # (1, T, D)
    return np.sum(away * total, axis=-1)[0]                                   # (T,)


def occlusion(function, answer):
    """score(x) - score(x with the average token in place t): (T,), by T + 1 forwards.

    No gradient: each token is really taken out, alone. What two tokens say both, and each would be
    enough, is found nowhere. Source: Zeiler and Fergus 2014, for patches of an image.
    """
    x, T = function.x, function.x.shape[1]
    without = np.repeat(x, T, axis=0)                                         # (T, T, D)
    without[np.arange(T), np.arange(T)] = function.average[0]                 # (T, D)
    return score(function, answer)[0] - score(function, answer, without)      # (T,)


def _weights(answer, logits):
    """answer as weights (n,) of the logits (B, n)."""
    n = logits.shape[-1]
    if np.ndim(answer) == 0:
        if not 0 <= answer < n:
            raise ValueError(f"answer is {answer}, but the logits are numbered 0 to {n - 1}")
        weights = np.zeros(n, logits.real.dtype)                              # (n,)
        weights[answer] = 1
        return weights
    if np.shape(answer) != (n,):
        raise ValueError(f"answer has shape {np.shape(answer)}, expected a number, or a weight for "
                         f"each of the {n} logits")
    return np.asarray(answer, logits.real.dtype)                              # (n,)

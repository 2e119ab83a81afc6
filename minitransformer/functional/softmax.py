"""Softmax and log-softmax over the last axis."""

from typing import NamedTuple

import numpy as np


class SoftmaxCache(NamedTuple):
    probs: np.ndarray  # (..., N)


def softmax_forward(x):
    """p_i = exp(x_i) / sum_j exp(x_j).

    x (..., N) -> p (..., N), cache. Subtracting the row's maximum changes nothing in exact
    arithmetic (it cancels) and keeps exp from overflowing. An entry -inf gets probability 0; a row
    of nothing else has no probabilities and gives NaN.
    """
    probs = np.exp(x - np.max(x.real, axis=-1, keepdims=True))  # (..., N)
    probs /= np.sum(probs, axis=-1, keepdims=True)              # (..., N)
    return probs, SoftmaxCache(probs)


# Each x_j moves every p_i of its row: dp_i / dx_j = p_i (1[i = j] - p_j). Summed against dout:
#     dx_j = sum_i dout_i p_i (1[i = j] - p_j) = p_j (dout_j - sum_i dout_i p_i)
# The Jacobian diag(p) - p pᵀ is never built. The subtracted mean of dout under p says that a
# gradient that is the same for all i changes nothing: the probabilities always add up to 1.
def softmax_backward(dout, cache):
    """dout (..., N) -> dx (..., N)."""
    (probs,) = cache
    dx = dout * probs                                           # (..., N)
    dx -= probs * np.sum(dx, axis=-1, keepdims=True)            # (..., N) [softmax.dx]
    return dx


class LogSoftmaxCache(NamedTuple):
    log_probs: np.ndarray  # (..., N)


def log_softmax_forward(x):
    """y_i = x_i - log sum_j exp(x_j), without ever taking the logarithm of a rounded 0.

    x (..., N) -> y (..., N), cache.
    """
    shifted = x - np.max(x.real, axis=-1, keepdims=True)                              # (..., N)
    log_probs = shifted - np.log(np.sum(np.exp(shifted), axis=-1, keepdims=True))     # (..., N)
    return log_probs, LogSoftmaxCache(log_probs)


# dy_i / dx_j = 1[i = j] - p_j with p = softmax(x) = exp(y), so
#     dx_j = dout_j - p_j sum_i dout_i
def log_softmax_backward(dout, cache):
    """dout (..., N) -> dx (..., N)."""
    (log_probs,) = cache
    total = np.sum(dout, axis=-1, keepdims=True)                # (..., 1)
    return dout - np.exp(log_probs) * total                     # (..., N) [log_softmax.dx]

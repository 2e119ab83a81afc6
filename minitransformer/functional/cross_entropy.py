"""Cross-entropy: how surprised the model is by the right answer. Only here is anything / N."""

from typing import NamedTuple

import numpy as np

from minitransformer.functional.softmax import log_softmax_forward
from minitransformer.shapes import expect_fraction, expect_ids, expect_same_shape


class CrossEntropyCache(NamedTuple):
    log_probs: np.ndarray  # (..., V)
    targets: np.ndarray    # (...) int, 0 where ignored
    counted: np.ndarray    # (...) bool, False where ignored
    label_smoothing: float
    normalizer: float      # N, what the sum was divided by


def cross_entropy_forward(logits, *, targets, ignore_index=None, label_smoothing=0.0,
                          normalizer=None):
    """loss = -(1/N) sum_n sum_v q_nv log p_nv,   p = softmax(logits),
    q_nv = (1 - label_smoothing) 1[v = target_n] + label_smoothing / V.

    logits (..., V), targets (...) int -> loss (scalar, in nats), cache. Positions whose target is
    ignore_index count nothing. N is the number of counted positions, or normalizer where it is
    given (the count of a larger batch of which this is a part). No counted position: loss 0.
    Raises ValueError when shapes differ or a number is out of range, TypeError for targets not int.
    Source: label smoothing as in Szegedy et al. 2016, section 7, uniform over all V.
    """
    targets = np.asarray(targets)                                                  # (...)
    expect_same_shape("targets", targets, "logits without its last axis", logits[..., 0])
    counted = np.ones(targets.shape, bool) if ignore_index is None else targets != ignore_index
    expect_ids("targets", targets[counted], logits.shape[-1])
    targets = np.where(counted, targets, 0)                                        # (...)
    expect_fraction("label_smoothing", label_smoothing)
    normalizer = max(int(np.sum(counted)), 1) if normalizer is None else normalizer
    if not normalizer > 0:
        raise ValueError(f"normalizer is {normalizer}, expected a count above 0")

    log_probs, _ = log_softmax_forward(logits)                                     # (..., V)
    losses = -np.take_along_axis(log_probs, targets[..., None], axis=-1)[..., 0]   # (...)
    if label_smoothing:
        spread = -np.mean(log_probs, axis=-1)                                      # (...)
        losses = (1 - label_smoothing) * losses + label_smoothing * spread         # (...)
    loss = np.sum(losses[counted]) / normalizer                                    # scalar
    return loss, CrossEntropyCache(log_probs, targets, counted, label_smoothing, normalizer)


# For one counted position with logits x, and sum_v q_v = 1:
#     loss = -sum_v q_v (x_v - log sum_j exp(x_j)) = log sum_j exp(x_j) - sum_v q_v x_v
#     dx_v = p_v - q_v
# divided by N and times dout. An ignored position moves the loss by nothing: its row is 0.
def cross_entropy_backward(dout, cache):
    """dout (scalar) -> dlogits (..., V) = dout (p - q) / N."""
    log_probs, targets, counted, label_smoothing, normalizer = cache
    dlogits = np.exp(log_probs, order="C")  # row by row, so that rows is a view   # (..., V)
    dlogits -= label_smoothing / dlogits.shape[-1]                                 # (..., V)
    rows = dlogits.reshape(-1, dlogits.shape[-1])                                  # (R, V), a view
    rows[np.arange(len(rows)), targets.reshape(-1)] -= 1 - label_smoothing         # (R,)
    scale = counted[..., None] * (dout / normalizer)                               # (..., 1)
    dlogits *= scale.astype(dlogits.dtype)                                         # (..., V)
    return dlogits  # [cross_entropy.dlogits]

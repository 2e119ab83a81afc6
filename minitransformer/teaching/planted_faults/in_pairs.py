"""Fourteen faults in the backwards of `functional`'s pairs."""

import math

import numpy as np

from minitransformer.functional import (
    attention_backward,
    cross_entropy_backward,
    layer_norm_backward,
    linear_backward,
    softmax_backward,
)
from minitransformer.teaching.planted_faults.fault import Fault


def linear_with_mean_bias(dout, cache):
    dx, dw, db = linear_backward(dout, cache)
    rows = dout.size // dout.shape[-1]
    return dx, dw, None if db is None else db / rows             # a mean, where a sum is right


def linear_with_square_w(dout, cache):
    dx, dw, db = linear_backward(dout, cache)
    square = cache.w.shape[0] == cache.w.shape[1]
    return dout @ cache.w if square else dx, dw, db              # w instead of wᵀ, where it fits


def softmax_without_row_sum(dout, cache):
    return dout * cache.probs


def softmax_over_batch(dout, cache):
    return softmax_backward(dout, cache) / len(dout)             # 1/B inside a layer


def layer_norm_gain_outside(dout, cache):
    _, dgain, dbias = layer_norm_backward(dout, cache)
    normalized, std, gain, _ = cache
    along_ones = np.mean(dout, axis=-1, keepdims=True)
    along_normalized = np.mean(dout * normalized, axis=-1, keepdims=True)
    return gain * (dout - along_ones - normalized * along_normalized) / std, dgain, dbias


def layer_norm_without_eps(dout, cache):
    variance = cache.std ** 2 - 1e-5                             # (..., 1), what it was before eps
    return layer_norm_backward(dout, cache._replace(std=np.sqrt(variance)))


def layer_norm_bias_per_position(dout, cache):
    dx, dgain, _ = layer_norm_backward(dout, cache)
    return dx, dgain, np.sum(dout, axis=0)                       # (T, D), where (D,) is right


def attention_with_float32_scale(dout, cache):
    dq, dk, dv = attention_backward(dout, cache)
    scale = 1 / math.sqrt(cache.q.shape[-1])
    return dq / scale * np.float32(scale), dk / scale * np.float32(scale), dv


def relu_of_gradient(dout, cache):
    return dout * (dout > 0)                                     # the sign of dout, not of x


def dropout_in_place(dout, cache):
    if cache.factor is not None:
        dout *= cache.factor                                     # somebody else's array
    return dout


def embedding_last_id_wins(dout, cache):
    dtable = np.zeros(cache.table.shape, dout.dtype)
    dtable[cache.ids] += dout                                    # of equal ids, only the last
    return dtable


def cross_entropy_counting_padding(dout, cache):
    return cross_entropy_backward(dout, cache._replace(normalizer=cache.targets.size))


def cross_entropy_without_smoothing(dout, cache):
    return cross_entropy_backward(dout, cache._replace(label_smoothing=0.0))


def cross_entropy_without_dout(dout, cache):
    return cross_entropy_backward(1.0, cache)


FAULTS = (
    Fault("mean_bias", "linear", linear_with_mean_bias, "the bias's gradient is a mean",
          "somebody thought of the loss, which is a mean over the tokens."),
    Fault("square_w", "linear", linear_with_square_w, "w instead of wᵀ where w is square",
          "a forgotten transpose. Where w is not square NumPy would have stopped, so that only the "
          "square ones have stayed wrong."),
    Fault("no_row_sum", "softmax", softmax_without_row_sum, "softmax without its row sum",
          "as if every output depended on its own input alone."),
    Fault("softmax_over_batch", "softmax", softmax_over_batch, "1/B in attention's softmax",
          "the loss is a mean, so somebody divides, and once too often. One of the three faults of "
          "the public project."),
    Fault("gain_outside", "layer_norm", layer_norm_gain_outside, "the gain outside the means",
          "the formula of another norm, taken over. One of the three faults of the public "
          "project."),
    Fault("no_eps", "layer_norm", layer_norm_without_eps, "layer norm's eps forgotten",
          "the backward computes the standard deviation again, without eps."),
    Fault("bias_per_position", "layer_norm", layer_norm_bias_per_position,
          "a sum over the batch alone", "the sum over the positions has been forgotten."),
    Fault("float32_scale", "attention", attention_with_float32_scale, "1/√K rounded to float32",
          "a constant made in float32 in a program that computes in float64."),
    Fault("relu_of_gradient", "relu", relu_of_gradient, "ReLU asks for the sign of dout",
          "the backward looks like the forward, applied to the gradient."),
    Fault("dropout_in_place", "dropout", dropout_in_place, "dropout writes into dout",
          "`dout *= factor` saves an array. But the skip path still needs it."),
    Fault("last_id_wins", "embedding", embedding_last_id_wins, "dtable[ids] += dout",
          "NumPy reads all rows, then writes: of equal ids the last one wins."),
    Fault("padding_counted", "cross_entropy", cross_entropy_counting_padding,
          "the padding counted in N", "the forward divides by the tokens that count, the backward "
          "by all positions."),
    Fault("no_smoothing", "cross_entropy", cross_entropy_without_smoothing,
          "label smoothing forgotten", "label smoothing was added to the forward later."),
    Fault("no_dout", "cross_entropy", cross_entropy_without_dout, "the loss's dout forgotten",
          "dout is 1 there, so why multiply? Until somebody scales the loss, or adds two of them."),
)

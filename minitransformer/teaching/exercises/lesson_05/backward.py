"""Exercises 5.5 to 5.7: the gradients of multi-head attention, and what a wrong split costs."""

import math

import numpy as np

from minitransformer.functional import attention_backward, merge_heads, split_heads
from minitransformer.layers import multi_head_attention_forward
from minitransformer.layers.projection import projection_backward
from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, pair_exercise
from minitransformer.teaching.exercises.lesson_05.forward import (
    layer_inputs, reshape_merge, reshape_split)


def my_score_gradient_of_head_one():
    """dmerged = dout w_outᵀ = (1, 1, 3, 0), so head 1 gets (3, 0); its three weights are 1/3."""
    weights = np.full(3, 1 / 3)
    dweights = np.array([[2, 0], [1, 1], [0, 3]]) @ np.array([3, 0])    # 6, 3, 0
    return weights * (dweights - weights @ dweights)                    # 1, 0, -1


def my_multi_head_attention_backward(dout, cache):
    """dout (B, T, D) -> dparams, dx (B, T, D), dmemory (B, S, D) or None."""
    n_heads = cache.attention.q.shape[1]
    dout_params, dmerged = projection_backward(dout, cache.out)
    dq, dk, dv = attention_backward(split_heads(dmerged, n_heads), cache.attention)
    dq_params, dx_q = projection_backward(merge_heads(dq), cache.q)
    dk_params, dsource_k = projection_backward(merge_heads(dk), cache.k)
    dv_params, dsource_v = projection_backward(merge_heads(dv), cache.v)
    dparams = {"q": dq_params, "k": dk_params, "v": dv_params, "out": dout_params}
    if cache.crosses:
        return dparams, dx_q, dsource_k + dsource_v
    return dparams, dx_q + dsource_k + dsource_v, None


def exchanged(dout, cache):
    dq, dk, dv = attention_backward(dout, cache)
    return dq, dv, dk


def backward_mistake(*, split=split_heads, merge=merge_heads, gather=None, project=True,
                     attend=attention_backward):
    """my_multi_head_attention_backward with one of its steps replaced by a wrong one."""
    def backward(dout, cache):
        dout_params, dmerged = projection_backward(dout, cache.out)
        dheads = split(dmerged if project else dout, cache.attention.q.shape[1])
        dq, dk, dv = attend(dheads, cache.attention)
        dq_params, dx = projection_backward(merge(dq), cache.q)
        dk_params, from_k = projection_backward(merge(dk), cache.k)
        dv_params, from_v = projection_backward(merge(dv), cache.v)
        dparams = {"q": dq_params, "k": dk_params, "v": dv_params, "out": dout_params}
        if gather:
            return dparams, *gather(dx, from_k, from_v, cache.crosses)
        if cache.crosses:
            return dparams, dx, from_k + from_v
        return dparams, dx + from_k + from_v, None
    return backward


ITEMS = (
    Exercise(
        "5.5", "the gradient of a head's scores, by pencil", 10,
        solution=my_score_gradient_of_head_one,
        mistakes=(
            Mistake(lambda: np.array([-1, -1, 2]) / 9,
                    "This is what head 0's half of the gradient would give: head 1 has the last "
                    "two columns."),
            Mistake(lambda: np.array([1 / 3, 0, -1 / 3]),
                    "The output projection has been skipped: first dmerged = dout w_outᵀ, then "
                    "split."),
            Mistake(lambda: np.array([2 / 9, -1 / 9, -1 / 9]),
                    "This is dout w_out, without the transpose: each entry of dmerged is dout "
                    "times a row of w_out."),
            Mistake(lambda: np.array([2.0, 1.0, 0.0]),
                    "This is weights * dweights: subtract the row's weighted mean first."),
            Mistake(lambda: np.array([3.0, 0.0, -3.0]),
                    "This is dweights minus their mean: multiply each by its weight."),
            Mistake(lambda: np.array([6.0, 3.0, 0.0]),
                    "This is dweights: the softmax is still to be passed."),
            Mistake(lambda: np.array([1.0, 0.0, -1.0]) / math.sqrt(2),
                    "This is one step too far: asked is the gradient of the scaled scores."),
        ),
        hints=("dmerged has one entry for each row of w_out: dout times that row.",
               "Of its four entries, the last two belong to head 1.",
               "dweights: that half times each value of head 1. Then the softmax, as in 4.4."),
    ),
    pair_exercise(
        "5.6", "the backward of multi-head attention", 15,
        forward=multi_head_attention_forward,
        solution=my_multi_head_attention_backward,
        builds="multi_head_attention_backward",
        names="params x memory",
        inputs=layer_inputs,
        mistakes=(
            Mistake(backward_mistake(project=False),
                    "dout has not passed the output projection: split the dx that "
                    "projection_backward(dout, cache.out) gives."),
            Mistake(backward_mistake(attend=exchanged),
                    "attention_backward returns dq, dk, dv, in this order."),
            Mistake(backward_mistake(split=reshape_split),
                    "Merging is undone by split_heads, not by a reshape."),
            Mistake(backward_mistake(merge=reshape_merge),
                    "Splitting is undone by merge_heads, not by a reshape."),
            Mistake(backward_mistake(gather=lambda q, k, v, crosses:
                                     (q, k + v) if crosses else (q, None)),
                    "Without a memory, x was used three times: all three gradients add."),
            Mistake(backward_mistake(gather=lambda q, k, v, crosses:
                                     (q, k + v) if crosses else ((q + k + v) / 3, None)),
                    "Gradients that meet are added, not averaged."),
            Mistake(backward_mistake(gather=lambda q, k, v, crosses:
                                     (q, v) if crosses else (q + k + v, None)),
                    "The memory was used twice: the gradient through the keys is missing."),
            Mistake(backward_mistake(gather=lambda q, k, v, crosses:
                                     (q, k) if crosses else (q + k + v, None)),
                    "The memory was used twice: the gradient through the values is missing."),
            Mistake(backward_mistake(gather=lambda q, k, v, crosses:
                                     (q, k + v) if crosses else (q + k + v, np.zeros_like(q))),
                    "Without a memory there is no gradient of it: return None."),
        ),
        hints=("Reversed order: the projection out, merge, attention, split, the projections v, k "
               "and q. projection_backward returns its parameters' gradients first.",
               "The backward of merge_heads is split_heads(..., cache.attention.q.shape[1]), and "
               "that of split_heads is merge_heads.",
               "With cache.crosses: dx from q alone, dmemory from k and v. Without: all three "
               "into dx, and None."),
    ),
    Prediction(
        "5.7", "The same small model, trained once with each split, 500 steps: on average the one "
        "split by reshape ...",
        answer="is about as good",
        choices=("does not learn", "is clearly worse", "is about as good"),
        because="Most of what helps to guess a character stands within a few places before it, "
                "and mostly that is in the same piece of the text.",
    ),
)

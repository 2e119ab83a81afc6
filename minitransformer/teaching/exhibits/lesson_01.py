"""Exhibits of lesson 01: two faults that NumPy forgives."""

from minitransformer.functional import linear_backward, linear_forward
from minitransformer.teaching.exercise import call
from minitransformer.teaching.museum import Exhibit


def center_forward(x):
    """y = x - mean of x over its row."""
    return x - x.mean(axis=-1, keepdims=True), None                # (N, D)


def center_backward_without_keepdims(dout, cache):
    return dout - dout.mean(axis=-1)                               # (N, D) - (N,): meets axis 1


def linear_backward_over_batch(dout, cache):
    dx, dw, db = linear_backward(dout, cache)
    return dx, dw / len(dout), db / len(dout)                      # 1/B inside a layer


EXHIBITS = (
    Exhibit(
        "missing_keepdims", "01", "a missing keepdims that broadcasting forgives",
        forward=center_forward,
        backward=center_backward_without_keepdims,
        fault=center_backward_without_keepdims,
        inputs=lambda rng: call(rng.normal(size=(3, 5))),
        training_inputs=lambda rng: call(rng.normal(size=(4, 4))),
        breaks="the means, one for each row, are subtracted along columns. While there are as "
               "many rows as columns NumPy says nothing; with other sizes it stops.",
        caught_by=("the gradient check",),
        missed_by=("a look at the shapes", "a falling loss"),
    ),
    Exhibit(
        "one_over_batch", "01", "1/B inside a layer",
        forward=linear_forward,
        backward=linear_backward_over_batch,
        fault=linear_backward_over_batch,
        inputs=lambda rng: call(rng.normal(size=(5, 3)), rng.normal(size=(3, 4)),
                                rng.normal(size=4)),
        breaks="dw and db are exactly B times too small, beside layers that are right: each layer "
               "learns at a speed of its own, which changes with the batch size.",
        caught_by=("the gradient check", "a check with dout = ones"),
        missed_by=("a look at the shapes", "a falling loss"),
    ),
)

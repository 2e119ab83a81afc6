"""Exhibit of lesson 16: a square matrix, used as it lies in the file."""

from minitransformer.functional import linear_backward, linear_forward
from minitransformer.teaching.exercise import call
from minitransformer.teaching.museum import Exhibit


def query_as_it_lies(x, *, weight, original):
    return linear_forward(x, weight, None)  # (outputs, inputs) in the file, and square: it fits


def query_backward(dout, cache):
    dx, _, _ = linear_backward(dout, cache)
    return dx


def loaded(rng):
    """A draw first: x would be the check's own probe otherwise, drawn with the same seed."""
    rng.normal(size=5)
    x, weight = rng.normal(size=(3, 4, 5)), rng.normal(size=(5, 5))
    return call(x, weight=weight, original=x @ weight.T)


EXHIBITS = (
    Exhibit(
        "query_as_it_lies", "16", "a square matrix that was not transposed",
        forward=query_as_it_lies,
        backward=query_backward,
        fault=query_as_it_lies,
        inputs=loaded,
        breaks="every attention asks other questions than it was trained to. The matrices of q, k, "
               "v and out are square, so nothing complains, and the backward belongs to the "
               "forward: every gradient is right, that of another model.",
        caught_by=("the original's numbers",),
        missed_by=("the gradient check", "a check with dout = ones", "a look at the shapes",
                   "a falling loss"),
    ),
)

"""Exercises of lesson 01: arrays and the chain rule."""

from minitransformer.functional import linear_backward, linear_forward
from minitransformer.teaching.exercise import Mistake, call, pair_exercise


def linear_inputs(rng):
    for leading in ((5,), (2, 5)):
        x = rng.normal(size=(*leading, 3))
        yield call(x, rng.normal(size=(3, 4)), rng.normal(size=4))


def rows(x):
    return x.reshape(-1, x.shape[-1])


def linear_mistake(dx=None, dw=None, db=None):
    """linear_backward with one of its three results replaced by a wrong one."""
    def backward(dout, cache):
        right = linear_backward(dout, cache)
        return tuple(wrong(dout, cache.x, cache.w) if wrong else r
                     for wrong, r in zip((dx, dw, db), right))
    return backward


ITEMS = (
    pair_exercise(
        "1.1", "the backward of a linear layer", 20,
        forward=linear_forward,
        solution=linear_backward,
        names="x w b",
        inputs=linear_inputs,
        mistakes=(
            Mistake(linear_mistake(dx=lambda dout, x, w: dout @ w),
                    "dx sums over the outputs e: the second operand must be w transposed."),
            Mistake(linear_mistake(dw=lambda dout, x, w: rows(dout).T @ rows(x)),
                    "dw has the operands the wrong way round: x transposed comes first."),
            Mistake(linear_mistake(db=lambda dout, x, w: dout),
                    "b is used in every row, so db is the sum over all rows."),
            Mistake(linear_mistake(db=lambda dout, x, w: dout.mean(tuple(range(dout.ndim - 1)))),
                    "db is a sum over the rows, not a mean: 1/N lives in cross-entropy alone."),
            Mistake(linear_mistake(dw=lambda dout, x, w: rows(x).T @ rows(dout) / len(x)),
                    "There is no division by the batch size here: "
                    "1/N lives in cross-entropy alone."),
        ),
        hints=("Write y_ne as a sum over d, and ask in which entries of y one x_nd is used.",
               "dw_de is a sum over the rows n of x_nd dout_ne. Which matrix product is that?",
               "With leading axes (2, 5, 3), flatten x and dout to rows first: "
               "x.reshape(-1, x.shape[-1])."),
    ),
)

"""Exercises of lesson 01: the chain rule for arrays, and the linear layer."""

import numpy as np

from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, call, pair_exercise
from minitransformer.teaching.exhibits.lesson_01 import center_forward


def add_bias_forward(x, b):
    """y = x + b: x (N, D), b (D,) -> y (N, D); nothing to remember."""
    return x + b, None


def my_add_bias_backward(dout, cache):
    """dout (N, D) -> dx (N, D), db (D,): b was copied to N rows, so its N gradients add."""
    return dout, dout.sum(axis=0)


def my_linear_forward(x, w, b=None):
    """y = x w + b: x (..., D), w (D, E), b (E,) or None -> y (..., E), cache."""
    out = x @ w                                       # (..., E)
    if b is not None:
        out = out + b                                 # (..., E)
    return out, (x, w, b)


def my_linear_backward(dout, cache):
    """dout (..., E) -> dx (..., D), dw (D, E), db (E,) or None."""
    x, w, b = cache
    rows = x.reshape(-1, x.shape[-1])                 # (N, D)
    drows = dout.reshape(-1, dout.shape[-1])          # (N, E)
    dx = dout @ w.T                                   # (..., D)
    dw = rows.T @ drows                               # (D, E)
    db = None if b is None else drows.sum(axis=0)     # (E,)
    return dx, dw, db


def skip_forward(x, w):
    """y = x w + x: x (N, D), w (D, D) -> y (N, D), cache."""
    return x @ w + x, (x, w)


def my_skip_backward(dout, cache):
    """dout (N, D) -> dx (N, D), dw (D, D)."""
    x, w = cache
    dx = dout @ w.T + dout                            # two uses of x: two gradients, added
    dw = x.T @ dout
    return dx, dw


def my_center_backward(dout, cache):
    """dout (..., D) -> dx (..., D)."""
    dmean = -dout.sum(axis=-1, keepdims=True)         # (..., 1): the mean was copied D times
    return dout + dmean / dout.shape[-1]              # used directly, and 1/D of it in the mean


def linear_inputs(rng):
    for leading in ((5,), (2, 5)):
        x = rng.normal(size=(*leading, 3))
        yield call(x, rng.normal(size=(3, 4)), rng.normal(size=4))
    yield call(x, rng.normal(size=(3, 4)), None)


def rows(x):
    return x.reshape(-1, x.shape[-1])


def linear_mistake(dx=None, dw=None, db=None):
    """my_linear_backward with one of its three results replaced by a wrong one."""
    def backward(dout, cache):
        right = my_linear_backward(dout, cache)
        return tuple(wrong(dout, *cache) if wrong else r
                     for wrong, r in zip((dx, dw, db), right))
    return backward


def skip_mistake(dx=None, dw=None):
    def backward(dout, cache):
        right = my_skip_backward(dout, cache)
        return tuple(wrong(dout, *cache) if wrong else r for wrong, r in zip((dx, dw), right))
    return backward


def center_inputs(rng):
    for shape in ((5, 3), (2, 5, 3)):
        yield call(rng.normal(size=shape))


ITEMS = (
    Prediction(
        "1.1", "x has 5120 rows of 512 numbers, and so has out. How many terabytes (10^12 bytes) "
        "does the Jacobian of out with respect to x take, at 4 bytes a number?",
        answer=(5120 * 512) ** 2 * 4 / 1e12,
        because="It holds one number for each pair of an output and an input: (5120 * 512)^2. "
                "The gradient dx itself takes 10 megabytes.",
    ),
    pair_exercise(
        "1.2", "the backward of a bias", 5,
        forward=add_bias_forward,
        solution=my_add_bias_backward,
        names="x b",
        inputs=lambda rng: [call(rng.normal(size=(5, 3)), rng.normal(size=3))],
        mistakes=(
            Mistake(lambda dout, cache: (dout, dout),
                    "b was copied to every row, so its gradients from all rows must be added."),
            Mistake(lambda dout, cache: (dout, dout.mean(axis=0)),
                    "db is a sum over the rows, not a mean: nothing in the forward divides by N."),
            Mistake(lambda dout, cache: (dout, dout.sum(axis=1)),
                    "b was copied along axis 0, from row to row: sum over that axis."),
            Mistake(lambda dout, cache: (dout, dout.sum(axis=0, keepdims=True)),
                    "b has the shape (D,), without an axis of size 1: leave keepdims out here."),
            Mistake(lambda dout, cache: (np.ones_like(dout), np.ones_like(dout).sum(axis=0)),
                    "1 is the derivative of the `+`. What a use sends back is that times dout."),
            Mistake(lambda dout, cache: (dout.sum(axis=0), dout),
                    "The gradients come in the order of the inputs: dx first, then db."),
        ),
        hints=("b[d] is used in out[0, d], out[1, d], ... out[N - 1, d]: once in every row.",
               "Each use sends back dout[n, d]. Add them over n, which is axis 0."),
    ),
    Exercise(
        "1.3", "the forward of a linear layer", 5,
        solution=my_linear_forward,
        builds="linear_forward",
        cases=linear_inputs,
        results=("out", "cache"),
        mistakes=(
            Mistake(lambda x, w, b=None: (x @ w.T + b, (x, w, b)),
                    "w is (inputs, outputs), so that x @ w fits without a transpose."),
            Mistake(lambda x, w, b=None: (x @ w, (x, w, b)), "The bias b is not added."),
            Mistake(lambda x, w, b=None: (x @ w + b, (x, w, b)),
                    "b may be None: then there is nothing to add."),
            Mistake(lambda x, w, b=None: (x @ w + b if b else x @ w, (x, w, b)),
                    "An array is neither true nor false: ask `if b is not None`."),
            Mistake(lambda x, w, b=None: (np.einsum("nd,de->ne", x, w) + b, (x, w, b)),
                    "x may have more axes in front: write x @ w, which leaves those alone."),
            Mistake(lambda x, w, b=None: (my_linear_forward(x, w, b)[0],
                                          (x, w, np.zeros(w.shape[1]) if b is None else b)),
                    "Where b is None, keep None in the cache: the backward has to know."),
            Mistake(lambda x, w, b=None: (my_linear_forward(x, w, b)[0], (w, x, b)),
                    "The cache is (x, w, b), in this order."),
            Mistake(lambda x, w, b=None: (my_linear_forward(x, w, b)[0],
                                          (my_linear_forward(x, w, b)[0], w, b)),
                    "The backward needs the input x: keep x in the cache, not out."),
        ),
        hints=("out = x @ w works for any number of leading axes, as it stands.",
               "Add b only if it is not None; then return out, (x, w, b)."),
    ),
    pair_exercise(
        "1.4", "the backward of a linear layer", 15,
        forward=my_linear_forward,
        solution=my_linear_backward,
        builds="linear_backward",
        names="x w b",
        inputs=linear_inputs,
        mistakes=(
            Mistake(linear_mistake(dx=lambda dout, x, w, b: dout @ w),
                    "dx sums over the outputs e: the second operand must be w transposed."),
            Mistake(linear_mistake(dw=lambda dout, x, w, b: rows(dout).T @ rows(x)),
                    "dw has the operands the wrong way round: x transposed comes first."),
            Mistake(linear_mistake(dw=lambda dout, x, w, b: x.T @ dout),
                    "x.T reverses all axes of an array with three: flatten x and dout to rows "
                    "first."),
            Mistake(linear_mistake(dw=lambda dout, x, w, b: x.reshape(len(w), -1) @ rows(dout)),
                    "A reshape is no transpose: it keeps the order in which the numbers are read. "
                    "Flatten x to (N, D), then take .T."),
            Mistake(linear_mistake(db=lambda dout, x, w, b: dout),
                    "b is used in every row, so db is the sum over all rows."),
            Mistake(linear_mistake(db=lambda dout, x, w, b: dout.sum(axis=0)),
                    "b is used in every row of every sequence: sum over all axes but the last."),
            Mistake(linear_mistake(db=lambda dout, x, w, b: rows(dout).sum(axis=0)),
                    "Where b was None there is no db: return None in its place."),
            Mistake(linear_mistake(db=lambda dout, x, w, b: rows(dout).mean(axis=0)),
                    "db is a sum over the rows, not a mean: nothing in the forward divides by N."),
            Mistake(linear_mistake(dw=lambda dout, x, w, b: rows(x).T @ rows(dout) / len(x)),
                    "dw is a sum over the rows: nothing in the forward divides by their number."),
        ),
        hints=("In the sum over n, d, e of x[n, d] w[d, e] dout[n, e], leave out the array whose "
               "gradient you want. Which letter is summed?",
               "`@` sums over the letter that stands inside. Where the letter stands outside, "
               "transpose: dx = dout @ w.T.",
               "With leading axes, flatten to rows first: rows = x.reshape(-1, x.shape[-1]), the "
               "same for dout, and dw = rows.T @ drows."),
    ),
    pair_exercise(
        "1.5", "a value used twice", 10,
        forward=skip_forward,
        solution=my_skip_backward,
        names="x w",
        inputs=lambda rng: [call(rng.normal(size=(5, 3)), rng.normal(size=(3, 3)))],
        mistakes=(
            Mistake(skip_mistake(dx=lambda dout, x, w: dout @ w.T),
                    "x is used a second time, in the `+ x`: that use sends a gradient back too."),
            Mistake(skip_mistake(dx=lambda dout, x, w: dout),
                    "x is used in x @ w as well: that use sends a gradient back too."),
            Mistake(skip_mistake(dx=lambda dout, x, w: dout @ w + dout),
                    "w is square here, so its shape cannot warn you: dx sums over the outputs e, "
                    "which takes w.T."),
            Mistake(skip_mistake(dx=lambda dout, x, w: (dout @ w.T) * dout),
                    "The gradients of two uses are added, not multiplied."),
            Mistake(skip_mistake(dx=lambda dout, x, w: dout @ w.T + 1),
                    "1 is the derivative of the `+ x`. What the use sends back is that times "
                    "dout."),
            Mistake(skip_mistake(dx=lambda dout, x, w: dout @ w.T + x),
                    "The `+ x` sends back dout times its derivative, which is 1: no x in it."),
            Mistake(skip_mistake(dw=lambda dout, x, w: dout.T @ x),
                    "w is square here, so its shape cannot warn you: dw is x.T @ dout."),
        ),
        hints=("x is used in two places. Find the gradient that each of them sends back.",
               "The use in x @ w sends dout @ w.T, as in a linear layer. What does `+ x` send?"),
    ),
    pair_exercise(
        "1.6", "subtracting the mean of a row", 10,
        forward=center_forward,
        solution=my_center_backward,
        names="x",
        inputs=center_inputs,
        mistakes=(
            Mistake(lambda dout, cache: dout,
                    "x is used a second time, in the mean: that use sends a gradient back too."),
            Mistake(lambda dout, cache: dout - dout.mean(axis=-1),
                    "A mean that is to be subtracted from its own row needs keepdims=True."),
            Mistake(lambda dout, cache: dout - dout.sum(axis=-1, keepdims=True),
                    "The mean divides by D, so the gradient that comes through it is divided by D "
                    "too."),
            Mistake(lambda dout, cache: dout + dout.mean(axis=-1, keepdims=True),
                    "The mean is subtracted, so the gradient that comes through it has a minus."),
            Mistake(lambda dout, cache: dout * (1 - 1 / dout.shape[-1]),
                    "An entry moves the mean of its row, and with it every output of that row, "
                    "not its own alone."),
            Mistake(lambda dout, cache: -dout.mean(axis=-1, keepdims=True) + 0 * dout,
                    "x is used directly too, in `x - mean`: that use sends back dout."),
            Mistake(lambda dout, cache: dout - dout.mean(axis=0, keepdims=True),
                    "Yours sums over axis 0. The forward's mean is over the last axis, so its "
                    "backward stays in a row."),
            Mistake(lambda dout, cache: dout - dout.mean(axis=1, keepdims=True),
                    "The last axis is axis 1 only in an array with two: write axis=-1."),
        ),
        hints=("Name the mean: out = x - mean. What are dmean and the two gradients of x?",
               "mean (N, 1) is copied along the row and subtracted: dmean is minus a sum over "
               "axis -1, with keepdims=True.",
               "mean is the sum of a row over D: it sends dmean / D back to each entry of the "
               "row. Add the gradient of the direct use, dout."),
    ),
    Prediction(
        "1.7", "Of the eight faulty backwards, how many does the probe dout = ones let pass?",
        answer=4, choices=tuple(range(9)),
        because="It sees neither the forgotten dout nor the rows in the wrong order, nor two of "
                "the three faults in centring, where the true gradient is 0.",
    ),
)

"""Exercise of lesson 17 on sound: the backward of a convolution."""

import numpy as np

from minitransformer.teaching.exercise import Mistake, call, pair_exercise
from minitransformer.variants import convolution_backward, convolution_forward


def my_convolution_backward(dout, cache):
    """As derived: the linear map's three gradients, and the windows added up where they lay."""
    windows, w, n_steps, stride, padding = cache
    W, C, D = w.shape
    B, N, _ = dout.shape
    drows = dout.reshape(-1, D)                                             # (B N, D)
    db = drows.sum(axis=0)                                                  # (D,)
    dw = (windows.reshape(-1, W * C).T @ drows).reshape(W, C, D)            # (W, C, D)
    dwindows = (dout @ w.reshape(W * C, D).T).reshape(B, N, W, C)           # (B, N, W, C)
    dpadded = np.zeros((B, n_steps + 2 * padding, C))                       # (B, T + 2 padding, C)
    for n in range(N):
        dpadded[:, n * stride:n * stride + W] += dwindows[:, n]             # (B, W, C)
    return dpadded[:, padding:padding + n_steps], dw, db


def with_dx(find):
    """my_convolution_backward with another dx: find(dwindows (B, N, W, C), cache)."""
    def backward(dout, cache):
        _, dw, db = convolution_backward(dout, cache)
        W, C, D = cache.w.shape
        dwindows = (dout @ cache.w.reshape(W * C, D).T).reshape(*dout.shape[:2], W, C)
        return find(dwindows, cache), dw, db
    return backward


def placed(dwindows, cache, *, add=True, stride=None, start=None):
    """dx from the windows' gradients, with one thing done otherwise."""
    B, N, W, C = dwindows.shape
    stride = cache.stride if stride is None else stride
    start = cache.padding if start is None else start
    dpadded = np.zeros((B, cache.n_steps + 2 * cache.padding, C))
    for n in range(N):
        place = slice(n * stride, n * stride + W)
        dpadded[:, place] = dwindows[:, n] + (dpadded[:, place] if add else 0)
    return dpadded[:, start:start + cache.n_steps]


def with_dw(dw_of):
    """convolution_backward with another dw."""
    def backward(dout, cache):
        dx, dw, db = convolution_backward(dout, cache)
        return dx, dw_of(dw, dout), db
    return backward


def with_db(db_of):
    """convolution_backward with another db."""
    def backward(dout, cache):
        dx, dw, _ = convolution_backward(dout, cache)
        return dx, dw, db_of(dout)
    return backward


def sounds(rng):
    """Inputs whose windows overlap, padded or not, one step or two at a time."""
    for n_steps, options in ((6, {"padding": 1}), (8, {"stride": 2, "padding": 1}), (7, {})):
        yield call(rng.normal(size=(9, n_steps, 5)), rng.normal(size=(3, 5, 4)),
                   rng.normal(size=4), **options)


ITEMS = (
    pair_exercise(
        "17.4", "the backward of a convolution", 14,
        forward=convolution_forward, solution=my_convolution_backward, names="x w b",
        inputs=sounds,
        mistakes=(
            Mistake(with_dx(lambda dwindows, cache: placed(dwindows, cache, add=False)),
                    "dw and db are right. Windows overlap, and a step gets a share from each that "
                    "shows it: add to dpadded, where you put one share over the other."),
            Mistake(with_dx(lambda dwindows, cache: placed(dwindows, cache, stride=1)),
                    "dw and db are right. Window n begins at n * stride of the padded sequence, "
                    "not at n."),
            Mistake(with_dx(lambda dwindows, cache: placed(dwindows, cache, start=0)),
                    "dw and db are right. dpadded has padding zeros before the first step: dx "
                    "begins at padding, not at 0."),
            Mistake(with_dx(lambda dwindows, cache: placed(dwindows[:, :, ::-1], cache)),
                    "dw and db are right. The share of place j goes to the step that stood at "
                    "place j: nothing is turned round."),
            Mistake(with_dw(lambda dw, dout: dw / dout.shape[1]),
                    "dx and db are right. dw is the sum over all windows, not their mean."),
            Mistake(with_dw(lambda dw, dout: dw[::-1]),
                    "dx and db are right. Places are in reversed order in your dw: row j of the "
                    "window met w[j]."),
            Mistake(with_db(lambda dout: dout.sum(axis=1)[0]),
                    "dx and dw are right. b was added for every window of every sequence: sum "
                    "over both axes, B and N."),
        ),
        hints=(
            "The forward is windows @ w + b with windows (B, N, W C) and w as (W C, D): dw, db and "
            "dwindows are lesson 01's three gradients. Only then comes something new.",
            "dwindows = (dout @ w.reshape(W * C, D).T).reshape(B, N, W, C): for each window and "
            "each of its W places, C numbers.",
            "Begin with dpadded = np.zeros((B, n_steps + 2 * padding, C)); for every n add "
            "dwindows[:, n] to dpadded[:, n * stride : n * stride + W]. dx is what lies between "
            "the paddings.",
        ),
    ),
)

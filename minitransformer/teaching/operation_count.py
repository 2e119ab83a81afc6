"""The operations of a training step: by formula, and by watching the real model multiply.

A parameter that is a Watched array makes everything computed from it Watched, and a subclass sees
every ufunc called on it. So the multiply-adds of each matrix product are counted from its shapes
where it happens, and timed. Lesson 22 holds count and formula together.
"""

import copy
import math
import sys
import time
from typing import NamedTuple

import numpy as np

from minitransformer.tree import tree_map


class Seen(NamedTuple):
    ufunc: str          # "matmul", "exp", "add.reduce"
    function: str       # of the package, that called it
    shapes: tuple       # of the inputs
    multiply_adds: int  # of a matrix product, else 0
    nbytes: int         # read and written, each array once
    seconds: float      # of processor time


class Watched(np.ndarray):
    """An array that writes down every ufunc in Watched.seen; what comes out is Watched too."""

    seen = None

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        if out is not None:
            options["out"] = tuple(map(_plain, out))
        inputs = tuple(map(_plain, inputs))
        options = {name: _plain(value) for name, value in options.items()}
        start = time.process_time()
        result = getattr(ufunc, method)(*inputs, **options)
        seconds = time.process_time() - start
        name = ufunc.__name__ + ("" if method == "__call__" else f".{method}")
        shapes = tuple(map(np.shape, inputs))
        nbytes = sum(np.asarray(x).nbytes for x in (*inputs, result))
        products = math.prod(np.shape(result)) * shapes[0][-1] if name == "matmul" else 0
        Watched.seen.append(Seen(name, _caller(), shapes, products, nbytes, seconds))
        if out is not None:
            return out[0]
        return result.view(Watched) if isinstance(result, np.ndarray) else result

    def __array_function__(self, function, types, args, kwargs):
        if function.__name__ in ("einsum", "dot", "inner", "tensordot", "vdot"):
            raise TypeError(f"np.{function.__name__} multiplies unseen: use @, or count it here")
        return super().__array_function__(function, types, args, kwargs)


def _plain(x):
    return x.view(np.ndarray) if isinstance(x, Watched) else x


def _caller():
    """The function of the package that is at work."""
    frame = sys._getframe(2)
    while frame and not _is_of_the_package(frame.f_globals.get("__name__", "")):
        frame = frame.f_back
    return frame.f_code.co_name if frame else ""


def _is_of_the_package(module_name):
    return module_name.startswith("minitransformer.") and module_name != __name__


def watch(function, params):
    """function(params), with params Watched: the list of all Seen, in order."""
    before, Watched.seen = Watched.seen, []
    try:
        function(tree_map(lambda x: x.view(Watched), params))
        return Watched.seen
    finally:
        Watched.seen = before


def watch_step(model, batch, **options):
    """All that a model's loss_and_grads(batch, **options) does: a list of Seen."""
    watched = copy.copy(model)

    def step(params):
        watched.params = params
        watched.loss_and_grads(batch, **options)

    return watch(step, model.params)


def operations(seen, function=None):
    """Operations of the matrix products, of one function or of all: two for a multiply-add."""
    return 2 * sum(s.multiply_adds for s in seen if function in (None, s.function))


# The formulas. A product (N, D) (D, E) takes N D E multiply-adds; B, S, T, D, F, V as everywhere.


def forward_multiply_adds(config, *, B, S, T):
    """{part: multiply-adds} of the matrix products of one forward pass of an encoder-decoder.

    src (B, S), tgt (B, T). Padding is computed as well, and so are the masked scores of plain
    attention. For as many key/value heads as heads, and a feed-forward of two matrices.
    """
    if config.n_kv_heads not in (None, config.n_heads) or config.attention == "blockwise":
        raise ValueError("the formula knows plain attention with n_kv_heads equal to n_heads only")
    D, F, V, L = config.d_model, config.d_ff, config.tgt_vocab_size, config.n_layers
    src, tgt = B * S, B * T                                     # tokens, padding included
    return {
        "encoder projections": L * 4 * src * D * D,             # q, k, v, out
        "encoder attention": L * 2 * src * S * D,               # scores, and mixing the values
        "encoder feed-forward": L * 2 * src * D * F,            # up, down
        "decoder projections": L * 6 * tgt * D * D,             # q, k, v, out; cross: q, out
        "memory projections": L * 2 * src * D * D,              # cross-attention's k and v
        "decoder attention": L * 2 * tgt * (T + S) * D,         # self, and cross
        "decoder feed-forward": L * 2 * tgt * D * F,
        "output": tgt * D * V,
    }


def step_operations(config, *, B, S, T):
    """Operations of the products of a training step: forward, and backward with twice as many."""
    return 2 * 3 * sum(forward_multiply_adds(config, B=B, S=S, T=T).values())


def attention_share(T, D, F):
    """The share of scores and mixing in the multiply-adds of an encoder block: T/(T + 2 D + F).

    Half of them where T = 2 D + F.
    """
    return T / (T + 2 * D + F)

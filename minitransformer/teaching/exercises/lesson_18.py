"""Exercises of lesson 18: an adapter's gradients, what it costs, and what to expect of transfer."""

import numpy as np

from minitransformer.teaching.exercise import (
    Exercise, Mistake, Prediction, call, pair_exercise)
from minitransformer.variants import low_rank_forward

X, DOWN, UP = np.array([[1, 3]]), np.array([[2], [-1]]), np.array([[4, 1]])  # of 18.1
DY, SCALE = np.array([[1, -2]]), 3


def my_pencil_gradients():
    """dx, ddown, dup of 18.1."""
    h = X @ DOWN                                                          # (1, 1) = -1
    dh = SCALE * DY @ UP.T                                                # (1, 1) = 6
    return dh @ DOWN.T, X.T @ dh, SCALE * h.T @ DY                        # (1, 2), (2, 1), (1, 2)


def my_low_rank_backward(dout, cache):
    """dout (N, E) -> dx (N, D), ddown (D, R), dup (R, E)."""
    x, h, down, up, scale, _ = cache
    dh = scale * dout @ up.T                                              # (N, R)
    return dh @ down.T, x.T @ dh, scale * h.T @ dout


def my_lora_cost(total, shapes, rank):
    """How many numbers learn, and the bytes of parameters, gradients and Adam's two moments.

    total: the numbers of the frozen model; shapes: (D, E) of each matrix that gets adapters of
    this rank. Every number takes 4 bytes.
    """
    learning = sum(rank * (D + E) for D, E in shapes)
    return learning, 4 * (total + learning) + 3 * 4 * learning


def backward_mistake(change):
    """my_low_rank_backward with some of its three gradients replaced by change(...)'s."""
    def backward(dout, cache):
        right = dict(zip(("dx", "ddown", "dup"), my_low_rank_backward(dout, cache)))
        wrong = change(dout, **cache._asdict(), **right)
        return tuple({**right, **wrong}.values())
    return backward


def pairs(rng):
    """Sizes that all differ, and a scale that is not 1."""
    for N, D, R, E, scale in ((3, 5, 2, 4, 2.5), (4, 6, 3, 7, -0.4)):
        yield call(rng.normal(size=(N, D)), rng.normal(size=(D, R)), rng.normal(size=(R, E)),
                   scale=scale)


def costs(rng):
    for layers, D, F, rank in ((2, 12, 48, 4), (3, 20, 30, 7)):
        total = int(rng.integers(10_000, 90_000))
        yield call(total, [(D, D), (D, F)] * layers, rank)


def cost_mistake(*, numbers=lambda D, E, r: r * (D + E), held=lambda total, n: total + n,
                 learning_bytes=12, all_learn=False):
    """my_lora_cost with one of its parts replaced by a wrong one."""
    def cost(total, shapes, rank):
        learning = sum(numbers(D, E, rank) for D, E in shapes)
        moving = total + learning if all_learn else learning
        return learning, 4 * held(total, learning) + learning_bytes * moving
    return cost


ITEMS = (
    Exercise(
        "18.1", "an adapter's three gradients, with a pencil", 7,
        solution=my_pencil_gradients,
        results=("dx", "ddown", "dup"),
        mistakes=(
            Mistake(lambda: (np.array([[12, -6]]), np.array([[6], [18]]), np.array([[-1, 2]])),
                    "dup has the scale in front as well: y = scale h up."),
            Mistake(lambda: (np.array([[4, -2]]), np.array([[2], [6]]), np.array([[-3, 6]])),
                    "The scale belongs to dh = scale dy upᵀ, so dx and ddown have it."),
            Mistake(lambda: (np.array([[36, -18]]), np.array([[18], [54]]), np.array([[-3, 6]])),
                    "The scale acts once, on dh; in dx and ddown it is there twice."),
            Mistake(lambda: (np.array([[12, -6]]), np.array([[6, 18]]), np.array([[-3, 6]])),
                    "The numbers are right, but ddown has the shape of down, (2, 1): a column."),
        ),
        hints=("First forward: h = x down is one number. Then backward: dh = scale dy upᵀ is one "
               "number too.",
               "h = 1·2 + 3·(−1) = −1 and dh = 3 (1·4 + (−2)·1) = 6.",
               "dup = scale hᵀ dy, ddown = xᵀ dh, dx = dh downᵀ."),
    ),
    pair_exercise(
        "18.2", "the backward of an adapter", 9,
        forward=low_rank_forward,
        solution=my_low_rank_backward,
        names="x down up",
        inputs=pairs,
        mistakes=(
            Mistake(backward_mistake(lambda dout, narrow, **_: {"dup": narrow.T @ dout}),
                    "dup lacks the scale, which stands before h up."),
            Mistake(backward_mistake(lambda dout, x, up, down, **_: {
                        "dx": dout @ up.T @ down.T, "ddown": x.T @ dout @ up.T}),
                    "dh lacks the scale, and with it dx and ddown: y = scale h up, so dh = scale "
                    "dout upᵀ."),
            Mistake(backward_mistake(lambda dout, ddown, scale, **_: {"ddown": ddown * scale}),
                    "ddown has the scale twice. It is in dh already."),
            Mistake(backward_mistake(lambda dout, x, **_: {"dx": np.zeros_like(x)}),
                    "x is frozen for nobody: whatever made it may learn. dx = dh downᵀ."),
            Mistake(backward_mistake(lambda dout, ddown, dup, **_: {
                        "ddown": ddown.T, "dup": dup.T}),
                    "A gradient has the shape of its array: ddown (D, R), dup (R, E)."),
        ),
        hints=("x, h, down, up, scale, _ = cache. Two linear layers, one behind the other: begin "
               "with the second.",
               "dh = scale * dout @ up.T is (N, R), and dup = scale * h.T @ dout is (R, E).",
               "Then the first: ddown = x.T @ dh and dx = dh @ down.T."),
    ),
    Prediction(
        "18.3", "down is random, up is zero. Which of the two does the first step of training "
        "move?",
        answer="up alone",
        choices=("up alone", "down alone", "both", "neither"),
        because="ddown = xᵀ (scale dout upᵀ) has the factor up, which is zero; dup = scale hᵀ dout "
                "has the factor h = x down, which is not.",
    ),
    Prediction(
        "18.4", "Adapters of rank 8 stand beside two matrices in each of MiniLM's six blocks. Of "
        "all its 22.6 million numbers, how many learn, the head included?",
        answer="about 0.3%",
        choices=("about 0.3%", "about 3%", "about 30%"),
        because="An adapter has 8 (384 + 384) = 6,144 numbers, and there are twelve; the head has "
                "2,310.",
    ),
    Exercise(
        "18.5", "what an adapter costs", 6,
        solution=my_lora_cost,
        cases=costs,
        results=("numbers that learn", "bytes"),
        mistakes=(
            Mistake(cost_mistake(numbers=lambda D, E, r: D * E),
                    "D E numbers are in the whole matrix. Its adapter is two thin ones, (D, rank) "
                    "and (rank, E)."),
            Mistake(cost_mistake(numbers=lambda D, E, r: r * D * E),
                    "down has D rank numbers and up rank E: add the two, do not multiply."),
            Mistake(cost_mistake(all_learn=True),
                    "Gradients and moments belong to what learns alone; the frozen numbers are "
                    "only held."),
            Mistake(cost_mistake(held=lambda total, n: n),
                    "The frozen model has to be in memory too: its numbers take 4 bytes each."),
            Mistake(cost_mistake(held=lambda total, n: total),
                    "The adapters themselves take 4 bytes a number, besides their gradients and "
                    "moments."),
            Mistake(cost_mistake(learning_bytes=4),
                    "Adam keeps two moments for each number that learns, besides its gradient."),
        ),
        hints=("down is (D, rank) and up (rank, E): rank (D + E) numbers for each matrix.",
               "Held: 4 bytes for each of the total, and for each number of the adapters.",
               "Besides, for what learns alone: 4 for the gradient, 8 for Adam's two moments."),
    ),
    Prediction(
        "18.6", "All of MiniLM goes on learning from 128 labelled questions. A new, small model "
        "learns from 1,024. Which is right more often on the test questions?",
        answer="MiniLM with 128",
        choices=("MiniLM with 128", "about the same", "the new one with 1,024"),
        because="MiniLM has seen words in a billion pairs of sentences, the new model in 1,024 "
                "questions. A word that it has never met tells it nothing.",
    ),
)

"""Exercise 9.1: the directional check; and what to expect of its one number."""

import numpy as np

from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, call
from minitransformer.tree import tree_items, tree_map


def my_directional_check(f, params, grads, direction):
    """What the backward claims for one direction, and what one complex forward pass measures."""
    h = 1e-30
    moved = tree_map(lambda w, u: w + 1j * h * u, params, direction)
    measured = f(moved).imag / h
    claimed = sum(np.sum(g * u) for (_, g), (_, u) in zip(tree_items(grads), tree_items(direction)))
    return claimed, measured


def small_model(params):
    """A number made of a tree of four arrays, complex-safe."""
    hidden = np.tanh(np.array([0.3, -1.2, 0.8]) @ params["up"]["w"] + params["up"]["b"])  # (4,)
    out = np.exp(hidden @ params["down"]["w"]) * params["down"]["gain"]                   # (2,)
    return np.sum(out * np.array([1.0, -0.5]))


def directional_inputs(rng):
    def tree():
        return {"up": {"w": rng.normal(size=(3, 4)), "b": rng.normal(size=4)},
                "down": {"w": rng.normal(size=(4, 2)), "gain": rng.normal(size=2)}}
    for _ in range(2):
        yield call(small_model, tree(), tree(), tree())
    blocks = [{"w": rng.normal(size=5)} for _ in range(9)]
    yield call(lambda blocks: np.sum(blocks[0]["w"] * blocks[1]["w"] * blocks[2]["w"]),
               blocks[:3], blocks[3:6], blocks[6:])


def dot(a, b):
    return sum(np.sum(x * y) for (_, x), (_, y) in zip(tree_items(a), tree_items(b)))


def check_mistake(*, move=lambda w, u: w + 1e-30j * u, read=lambda value: value.imag / 1e-30,
                  claim=dot):
    """my_directional_check with one of its steps replaced by a wrong one."""
    def check(f, params, grads, direction):
        return claim(grads, direction), read(f(tree_map(move, params, direction)))
    return check


def real_difference(f, params, grads, direction):
    h = 1e-6
    above, below = (f(tree_map(lambda w, u, s=s: w + s * h * u, params, direction))
                    for s in (1, -1))
    return dot(grads, direction), (above - below) / (2 * h)


ITEMS = (
    Exercise(
        "9.1", "the directional check", 12,
        solution=my_directional_check,
        results=("claimed", "measured"),
        cases=directional_inputs,
        tolerance=1e-12,
        mistakes=(
            Mistake(check_mistake(read=lambda value: value.imag),
                    "The imaginary part is h times the derivative: divide it by h."),
            Mistake(check_mistake(read=lambda value: value.real),
                    "The real part is the value of f. The derivative stands in the imaginary "
                    "part."),
            Mistake(check_mistake(move=lambda w, u: w + 1e-30j),
                    "This moves every parameter by the same ih: multiply by its own u."),
            Mistake(check_mistake(claim=lambda g, u: sum(np.sum(x) for _, x in tree_items(g))),
                    "The claim is the sum of gradient times direction, entry by entry."),
            Mistake(check_mistake(claim=lambda g, u: dot(g, g)),
                    "This is gradient times gradient: the direction is not in it."),
            Mistake(real_difference,
                    "This subtracts two values of f, and loses half of the digits. Step into the "
                    "imaginary direction: then nothing is subtracted."),
            Mistake(lambda f, params, grads, direction: my_directional_check(
                        f, params, grads, direction)[::-1],
                    "The two are exchanged: first what the backward claims, then what is "
                    "measured."),
        ),
        hints=("moved = tree_map(lambda w, u: w + 1j * h * u, params, direction) moves all of them "
               "at once. h may be 1e-30.",
               "measured = f(moved).imag / h, as in lesson 00.",
               "claimed: tree_items gives (name, array) pairs. Go through both trees with zip, and "
               "add np.sum(g * u)."),
    ),
    Prediction(
        "9.2", "The gradient of one array is a thousandth part as long as the whole gradient, and "
        "its sign is wrong. Which relative error does the directional check show, roughly?",
        answer=0.001,
        because="The error is twice as long as that array's gradient, and the relative error "
                "divides by twice the length of the whole. How the two lie to the direction adds a "
                "factor of chance.",
    ),
)

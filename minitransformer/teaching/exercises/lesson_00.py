"""Exercises of lesson 00: derivatives by differences and by the complex step."""

import numpy as np

from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, call


def wave(x):
    """A smooth function of one number that takes complex numbers too."""
    return np.exp(x) * np.sin(x)


def central_difference(f, x, h):
    """f(x + h) and f(x - h) err in opposite directions: their difference errs by h^2 only."""
    return (f(x + h) - f(x - h)) / (2 * h)


def complex_step(f, x):
    """f(x + ih) = f(x) + ih f'(x) + ...: the imaginary part holds the derivative, unsubtracted."""
    h = 1e-30
    return f(x + 1j * h).imag / h


def the_wrong_one():
    """unit. Every entry of a row moves the row's length, and so every entry of its direction.

    dout / length is the direct path alone: the path through the length is missing. The relative
    error is far from 0, so the gradient is wrong; it is not 1, so the sign alone is not to blame;
    and measured / claimed is another number in every entry, so neither is one factor.
    """
    return "unit", "missing term"


def points_and_steps(rng):
    for x in rng.uniform(0.5, 1.5, size=3):
        yield call(wave, float(x), 0.01)


def points(rng):
    for x in rng.uniform(0.5, 1.5, size=3):
        yield call(wave, float(x))


ITEMS = (
    Exercise(
        "0.1", "a central difference", 5,
        solution=central_difference,
        cases=points_and_steps,
        mistakes=(
            Mistake(lambda f, x, h: (f(x + h) - f(x)) / h,
                    "This is the forward difference: take the second point at x - h."),
            Mistake(lambda f, x, h: (f(x) - f(x - h)) / h,
                    "This is a backward difference: take the first point at x + h."),
            Mistake(lambda f, x, h: (f(x + h) - f(x - h)) / h,
                    "The two points are 2h apart: divide by 2 * h."),
            Mistake(lambda f, x, h: (f(x + h) - f(x - h)) / 2 * h,
                    "Python works from left to right: / 2 * h divides by 2 and multiplies by h. "
                    "Write / (2 * h)."),
            Mistake(lambda f, x, h: f(x + h) - f(x - h) / (2 * h),
                    "Python divides before it subtracts: put the difference in brackets."),
            Mistake(lambda f, x, h: f(x + h) - f(x - h) / 2 * h,
                    "Python divides before it subtracts: put the difference in brackets, "
                    "and 2 * h as well."),
        ),
        hints=("The slope between two points is the difference of heights over the distance.",
               "The points are x - h and x + h. How far apart are they?"),
    ),
    Exercise(
        "0.2", "the complex step", 5,
        solution=complex_step,
        cases=points,
        mistakes=(
            Mistake(lambda f, x: f(x + 1e-30j).imag,
                    "The imaginary part is h f'(x): divide it by h."),
            Mistake(lambda f, x: f(x + 1e-30j) / 1e-30,
                    "Take the imaginary part: only there does the derivative stand."),
            Mistake(lambda f, x: f(x + 1e-30j).real / 1e-30,
                    "The real part is f(x); the derivative stands in the imaginary part."),
            Mistake(lambda f, x: f(x + 1e-30).imag / 1e-30,
                    "The step must be imaginary: x + 1j * h. A real step of 1e-30 is lost in x, "
                    "and nothing need be subtracted."),
            Mistake(lambda f, x: f(1e-30j).imag / 1e-30,
                    "This is the derivative at 0: the step starts at x, so f gets x + 1j * h."),
            Mistake(lambda f, x: f(x + 0.01j).imag / 0.01,
                    "The formula is right, but the step is too long: the error left is of size "
                    "h^2. Nothing is subtracted, so h may be as small as 1e-30."),
        ),
        hints=("Python writes the imaginary unit 1j, and .imag takes the imaginary part.",
               "f(x + 1j * h) is f(x) + 1j * h * f'(x), up to terms of size h**2."),
    ),
    Prediction(
        "0.3",
        "The central difference of e^x sin x, with the best step h there is: how small does its "
        "relative error get?",
        "1e-11",
        "A long step errs by about h^2, a short one by about 1e-16 / h, since the difference of "
        "two nearly equal numbers keeps only their last digits. The two are equal near h = 5e-6, "
        "where each is about 2e-11.",
        choices=("1e-5", "1e-8", "1e-11", "1e-16"),
    ),
    Exercise(
        "0.4", "which derivative is wrong, and how", 15,
        solution=the_wrong_one,
        results=("the name", "the kind of fault"),
        mistakes=(
            Mistake(lambda: ("cube", "missing term"),
                    "The gradient of cube agrees with the complex step to 1e-16: it is right."),
            Mistake(lambda: ("log", "missing term"),
                    "The gradient of log agrees with the complex step to 1e-16: it is right."),
            Mistake(lambda: ("unit", "sign"),
                    "With a wrong sign alone, claimed + measured would be 0 in every entry, and "
                    "the relative error 1."),
            Mistake(lambda: ("unit", "factor"),
                    "With a wrong factor alone, measured / claimed would be one and the same "
                    "number in every entry. Print it."),
        ),
        hints=("Call check_gradients(forward, backward, x) for each of the three, and print the "
               "reports. A right gradient has an error near 1e-16.",
               "For the wrong one, take a random dout and compute claimed = backward(dout, cache) "
               "and measured = measured_gradient(lambda x: np.sum(dout * forward(x)[0]), x).",
               "Print measured / claimed. Is it -1 everywhere? One number everywhere? Neither?"),
    ),
    Prediction(
        "0.5",
        "The loss has fallen to less than a hundredth and lies still. This curve is all you have: "
        "was the gradient right or wrong, or is that still unknown?",
        "unknown",
        "A wrong gradient can bring a loss down too: any direction within 90 degrees of the right "
        "one leads downhill. Only a measured derivative can tell.",
        choices=("right", "wrong", "unknown"),
    ),
)

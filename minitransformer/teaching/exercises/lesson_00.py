"""Exercises of lesson 00: derivatives by differences and by the complex step."""

import numpy as np

from minitransformer.teaching.exercise import Exercise, Mistake, call


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
            Mistake(lambda f, x, h: (f(x + h) - f(x - h)) / h,
                    "The two points are 2h apart: divide by 2 * h."),
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
                    "The step must be imaginary: x + 1j * h. A real step of 1e-30 is lost in x."),
        ),
        hints=("Python writes the imaginary unit 1j, and .imag takes the imaginary part.",
               "f(x + 1j * h) is f(x) + 1j * h * f'(x), up to terms of size h**2."),
    ),
)

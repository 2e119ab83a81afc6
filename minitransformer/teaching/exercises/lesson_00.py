"""Exercises of lesson 00: derivatives by differences and by the complex step."""

import numpy as np

from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, call

LONG = (1, 0.1, 0.01, 1e-3, 1e-4, 1e-5, 1e-6)  # complex steps h that leave an error of size h^2
SHORT = (1e-8, 1e-10, 1e-12, 1e-15, 1e-16, 1e-20, 1e-30)


def wave(x):
    """A smooth function of one number that takes complex numbers too."""
    return np.exp(x) * np.sin(x)


def high_wave(x):
    """wave so high up that a real step is lost: neighbouring numbers are thousands apart."""
    return 1e20 + wave(x)


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
    """high_wave first: there no difference, of whatever step, passes for a complex step."""
    for f, x in zip((high_wave, wave, wave), rng.uniform(0.5, 1.5, size=3)):
        yield call(f, float(x))


def complex_step_of(h):
    return lambda f, x: f(x + 1j * h).imag / h


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
            Mistake(lambda f, x, h: (f(x + h) + f(x - h)) / (2 * h),
                    "A slope is a difference of heights: f(x + h) minus f(x - h)."),
            Mistake(lambda f, x, h: (f(x + h / 2) - f(x - h / 2)) / h,
                    "This steps h / 2 to each side. Here h is the step to each side, so the two "
                    "points are 2h apart."),
            Mistake(lambda f, x, h: complex_step(f, x),
                    "This is f'(x) itself, to many digits. A central difference with the given "
                    "step h errs by about h^2: has another step been used?"),
        ),
        hints=("The slope between two points is the difference of heights over the distance.",
               "The points are x - h and x + h. How far apart are they?"),
    ),
    Exercise(
        "0.2", "the complex step", 5,
        solution=complex_step,
        cases=points,
        tolerance=1e-13,
        mistakes=(
            *(Mistake(lambda f, x, h=h: f(x + 1j * h).imag,
                      "The imaginary part is h f'(x): divide it by h.") for h in SHORT),
            *(Mistake(lambda f, x, h=h: f(x + 1j * h) / h,
                      "Take the imaginary part: only there does the derivative stand.")
              for h in SHORT),
            *(Mistake(lambda f, x, h=h: f(x + 1j * h).real / h,
                      "The real part is f(x); the derivative stands in the imaginary part.")
              for h in SHORT),
            Mistake(lambda f, x: central_difference(f, x, 1e-5),
                    "On 1e20 + e^x sin x a real step is lost, as in every difference. The step "
                    "must be imaginary: x + 1j * h, and nothing need be subtracted."),
            Mistake(lambda f, x: f(1e-30j).imag / 1e-30,
                    "This is the derivative at 0: the step starts at x, so f gets x + 1j * h."),
            *(Mistake(complex_step_of(h),
                      "The formula is right, but the step is too long: the error left is of size "
                      "h^2. Nothing is subtracted, so h may be as small as 1e-30.")
              for h in LONG),
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
            Mistake(lambda: ("missing term", "unit"), "The name comes first, then the fault."),
            Mistake(lambda: ("unit", "missing"),
                    "The fault is called as in the list above: 'missing term'."),
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

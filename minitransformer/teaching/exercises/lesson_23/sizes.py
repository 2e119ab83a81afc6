"""Exercises 23.6 and 23.7: what a file may do, and whether its header can be believed."""

import math

import numpy as np

from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, call


def my_header_is_honest(shape, itemsize, there):
    """Whether an array of this shape, itemsize bytes a number, takes exactly the bytes there."""
    if any(size < 0 for size in shape):
        return False
    return math.prod(shape) * itemsize == there


def header_mistake(product=math.prod, *, least=0, same=lambda claimed, there: claimed == there,
                   count=lambda n, itemsize: n * itemsize):
    """my_header_is_honest with another product, least size, comparison or count."""
    def honest(shape, itemsize, there):
        if any(size < least for size in shape):
            return False
        return bool(same(count(product(shape), itemsize), there))
    return honest


def numpy_product(shape):
    """The product as NumPy has it, whole numbers of 64 bits that begin anew when they are full."""
    with np.errstate(all="ignore"):
        return int(np.prod(np.array(shape, dtype=np.int64)))


def float_product(shape):
    return float(np.prod(np.array(shape, dtype=float)))


def header_cases(rng):
    rows, columns = (int(n) for n in rng.integers(2, 40, size=2))
    yield call([rows, columns], 8, 8 * rows * columns)
    yield call([rows, columns], 4, 4 * rows * columns - 1)           # cut off
    yield call([rows, columns], 4, 4 * rows * columns + 16)          # something hidden behind
    yield call([rows, columns], 4, 4 * rows * columns + 1)           # a part of a number
    yield call([], 4, 4)                                             # a single number
    yield call([0, columns], 4, 0)
    yield call([2 ** 32, 2 ** 32], 4, 0)                             # 2^64, in 64 bits 0
    yield call([2 ** 62 + 3, 4], 4, 48)                              # 2^64 + 12, in 64 bits 12
    yield call([-rows, -columns], 4, 4 * rows * columns)
    yield call([10 ** 7, 10 ** 7, 3], 4, 1000)
    yield call([3, 2 ** 53 + 1], 1, 3 * 2 ** 53)                     # three off, beyond floats


ITEMS = (
    Prediction(
        "23.6", "What can a file of 60 bytes do to you when a program opens it with pickle.load?",
        answer="all that you may do",
        choices=("make a wrong object", "crash the program", "all that you may do"),
        because="A pickle is a program. Its instructions may call any function that Python can "
                "import, with any arguments, and 60 bytes are enough for the line of a shell.",
    ),
    Exercise(
        "23.7", "is this header honest?", 6,
        solution=my_header_is_honest,
        results=("The answer",),
        cases=header_cases,
        mistakes=(
            Mistake(header_mistake(numpy_product),
                    "The product overflowed: NumPy's whole numbers have 64 bits, and 2^32 times "
                    "2^32 is 0 in them. Python's own grow: math.prod."),
            Mistake(header_mistake(float_product),
                    "The product was rounded: above 2^53 a float cannot hold every whole number. "
                    "math.prod is exact."),
            Mistake(header_mistake(least=-math.inf),
                    "Two sizes below 0 have a product above 0. Refuse a shape with any size below "
                    "0."),
            Mistake(header_mistake(least=1),
                    "A size of 0 was refused. It is honest if 0 bytes follow: an array without "
                    "rows."),
            Mistake(header_mistake(same=lambda claimed, there: claimed <= there),
                    "More bytes than the array takes were let through: what do they hold? Ask for "
                    "exactly as many."),
            Mistake(header_mistake(same=lambda claimed, there: claimed >= there),
                    "A header that claims more than there is was let through: that is the bomb."),
            Mistake(header_mistake(count=lambda n, itemsize: n),
                    "These are numbers, not bytes: each takes itemsize bytes."),
        ),
        hints=("How many bytes does the array take? Where could that computation itself go wrong?",
               "No size may be below 0. The product of no sizes is 1: a single number.",
               "math.prod(shape) * itemsize == there, in Python's whole numbers, which never "
               "overflow."),
    ),
)

"""Exercises of lesson 03, second half: positions, and the window model."""

import math

import numpy as np

from minitransformer.functional import sinusoidal_positions
from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, call


def my_sinusoidal_positions(max_seq_len, d_model):
    """The table p (T, D): sin(w_i t) in column 2i, cos(w_i t) in column 2i + 1. D is even."""
    t = np.arange(max_seq_len)[:, None]                            # (T, 1)
    speed = 10000.0 ** (-np.arange(0, d_model, 2) / d_model)       # (D/2,)
    table = np.empty((max_seq_len, d_model))                       # (T, D)
    table[:, 0::2] = np.sin(t * speed)
    table[:, 1::2] = np.cos(t * speed)
    return table


def my_shift_matrix(n, d_model):
    """The matrix R (D, D) with p[t + n] = p[t] @ R for every t. D is even."""
    R = np.zeros((d_model, d_model))                               # (D, D)
    for i in range(d_model // 2):
        angle = n * 10000.0 ** (-2 * i / d_model)
        c, s = math.cos(angle), math.sin(angle)
        R[2 * i:2 * i + 2, 2 * i:2 * i + 2] = [[c, -s], [s, c]]
    return R


def angles(max_seq_len, d_model, speed):
    """t times the speed of each pair, of which speed(i, D) is a wrong formula."""
    return np.arange(max_seq_len)[:, None] * speed(np.arange(d_model // 2), d_model)


def right_speed(i, D):
    return 10000.0 ** (-2 * i / D)


def interleaved(first, second):
    return np.stack([first, second], axis=-1).reshape(len(first), -1)


def waves(speed=right_speed, first=np.sin, second=np.cos):
    """A table of positions with another speed, or with other functions in its columns."""
    def positions(max_seq_len, d_model):
        angle = angles(max_seq_len, d_model, speed)
        return interleaved(first(angle), second(angle))
    return positions


def own_speed_for_each_column(max_seq_len, d_model):
    column = np.arange(d_model)
    angle = np.arange(max_seq_len)[:, None] * 10000.0 ** (-column / d_model)
    return np.where(column % 2 == 0, np.sin(angle), np.cos(angle))


def in_halves(max_seq_len, d_model):
    p = my_sinusoidal_positions(max_seq_len, d_model)
    return np.concatenate([p[:, 0::2], p[:, 1::2]], axis=1)


def from_one(max_seq_len, d_model):
    return my_sinusoidal_positions(max_seq_len + 1, d_model)[1:]


def blocks(block, speed=right_speed):
    """A shift matrix made of other 2 x 2 blocks, or with another speed."""
    def matrix(n, d_model):
        R = np.zeros((d_model, d_model))
        for i in range(d_model // 2):
            angle = n * speed(i, d_model)
            R[2 * i:2 * i + 2, 2 * i:2 * i + 2] = block(math.cos(angle), math.sin(angle))
        return R
    return matrix


def turn(c, s):
    return [[c, -s], [s, c]]


def shift_in_halves(n, d_model):
    order = np.concatenate([np.arange(0, d_model, 2), np.arange(1, d_model, 2)])
    return my_shift_matrix(n, d_model)[np.ix_(order, order)]


def shift_proof(answer):
    p, R = sinusoidal_positions(1000, 16), answer(7, 16)
    apart = np.max(np.abs(p[:-7] @ R - p[7:]))
    return f"One matrix takes all of 993 positions 7 places on, to {apart:.0e}."


ITEMS = (
    Prediction(
        "3.5", "Each word's row plus its position's row, then the sum of all: do the sentences "
        "differ now?",
        answer="no",
        choices=("yes", "no"),
        because="The sum of (row + position) is the sum of the rows plus the sum of the positions, "
                "and neither of the two knows who stood where.",
    ),
    Exercise(
        "3.6", "the sinusoidal table", 10,
        solution=my_sinusoidal_positions,
        cases=lambda rng: [call(7, 4), call(5, 6), call(40, 10),
                           call(int(rng.integers(8, 30)), 2 * int(rng.integers(2, 8)))],
        results=("p",),
        mistakes=(
            Mistake(waves(lambda i, D: 10000.0 ** (-i / D)),
                    "Hand i has the exponent 2i/D: yours is i/D, so the hands slow down too "
                    "little."),
            Mistake(waves(lambda i, D: 10000.0 ** (2 * i / D)),
                    "The exponent is negative: later hands turn more slowly, not faster."),
            Mistake(waves(lambda i, D: np.exp(-math.log10(10000.0) * 2 * i / D)),
                    "exp undoes the natural logarithm: math.log(10000), not math.log10."),
            Mistake(waves(first=np.cos, second=np.sin),
                    "sin stands in the even columns (0::2), cos in the odd ones (1::2)."),
            Mistake(own_speed_for_each_column,
                    "Columns 2i and 2i + 1 are one hand: they share one speed."),
            Mistake(in_halves,
                    "sin and cos of one hand stand side by side: columns 0::2 and 1::2, not two "
                    "halves."),
            Mistake(from_one, "Places count from 0: the first row is 0, 1, 0, 1, ..."),
        ),
        hints=("The speeds, one for each hand: 10000.0 ** (-np.arange(0, d_model, 2) / d_model).",
               "A column of places t (T, 1) times the row of speeds (D/2,) gives all angles "
               "(T, D/2).",
               "Fill an empty (T, D) array: p[:, 0::2] = np.sin(angles), p[:, 1::2] = ..."),
    ),
    Exercise(
        "3.7", "a shift is one matrix", 12,
        solution=my_shift_matrix,
        cases=lambda rng: [call(3, 4), call(1, 6), call(-2, 10),
                           call(int(rng.integers(2, 20)), 2 * int(rng.integers(2, 8)))],
        results=("R",),
        proof=shift_proof,
        mistakes=(
            Mistake(blocks(lambda c, s: [[c, s], [-s, c]]),
                    "It turns back, from t + n to t. p[t] is a row and stands on the left of R, so "
                    "the block is [[cos, -sin], [sin, cos]]."),
            Mistake(blocks(turn, lambda i, D: 1.0),
                    "Each hand has its own speed: the angle of hand i is n times its speed."),
            Mistake(blocks(turn, lambda i, D: 10000.0 ** (-i / D)),
                    "The speed of hand i is 10000^(-2i/D): yours lacks the 2."),
            Mistake(blocks(lambda c, s: [[c, 0], [0, c]]),
                    "A block mixes sin and cos of its hand: the entries beside the diagonal are "
                    "missing."),
            Mistake(blocks(lambda c, s: [[s, c], [c, -s]]),
                    "Without a shift (n = 0) the block must be the identity: cos stands on the "
                    "diagonal."),
            Mistake(shift_in_halves,
                    "sin and cos of one hand stand side by side, in columns 2i and 2i + 1."),
            Mistake(lambda n, d_model: my_shift_matrix(n, 2),
                    "That is the block of hand 0: R is (D, D), with one block for each hand on its "
                    "diagonal."),
        ),
        hints=("Begin with np.zeros((d_model, d_model)) and a loop over the d_model // 2 hands.",
               "The block of hand i stands in rows and columns 2i and 2i + 1: "
               "R[2*i:2*i+2, 2*i:2*i+2] = [[c, -s], [s, c]].",
               "c and s are the cosine and the sine of n * 10000.0 ** (-2 * i / d_model)."),
    ),
    Prediction(
        "3.8", "One character before: 3.4 bits per character. Four characters, after 1000 steps: "
        "how many?",
        answer=2.6,
        because="On another version of the manual it may be a few hundredths more or less. The "
                "three older characters save 0.8 bits, most of it the first of them.",
    ),
)

"""Lesson 22's exercises on fewer bytes: whole numbers of one byte, and two thin matrices."""

import numpy as np

from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, call


def my_quantize(w):
    """w (D, E) -> codes (D, E) int8 in -127 .. 127, scale (E,); a column of zeros has scale 1."""
    scale = np.max(np.abs(w), axis=0) / 127                    # (E,)
    scale[scale == 0] = 1
    return np.rint(w / scale).astype(np.int8), scale


def my_low_rank(w, rank):
    """w (D, E) -> the nearest matrix of this rank, how many numbers its factors hold, its error.

    The error is ||w - nearest|| / ||w||, worked out from the singular values alone.
    """
    u, s, vt = np.linalg.svd(w, full_matrices=False)           # (D, R), (R,), (R, E)
    a, b = u[:, :rank] * s[:rank], vt[:rank]                   # (D, rank), (rank, E)
    return a @ b, a.size + b.size, np.sqrt(np.sum(s[rank:] ** 2) / np.sum(s ** 2))


def matrices(rng):
    """Columns of other sizes, one of zeros, one whose largest weight is below zero."""
    w = rng.normal(size=(6, 5)) * np.array([1, 10, 0.01, 3, 1])
    w[2, 3] = -15
    yield call(w)
    w = rng.normal(size=(7, 4))
    w[:, 1] = 0
    yield call(w)


def quantize_mistake(*, highest=lambda w: np.max(np.abs(w), axis=0), top=127, turn=np.rint,
                     zeros=True):
    """my_quantize with one of its steps replaced by a wrong one."""
    def quantize(w):
        scale = highest(w) / top
        if zeros:
            scale = np.where(scale == 0, 1, scale)
        with np.errstate(all="ignore"):
            codes = np.nan_to_num(turn(w / scale))
        return codes.astype(np.int64).astype(np.int8), scale   # what does not fit goes round
    return quantize


def a_step_for_each_row(w):
    codes, scale = my_quantize(w.T)
    return codes.T, scale


def low_rank_cases(rng):
    for D, E, rank in ((6, 9, 2), (8, 5, 3)):
        yield call(rng.normal(size=(D, E)) @ np.diag(np.linspace(0.3, 2, E)), rank)


def low_rank_mistake(*, largest=True, scaled=True, numbers=lambda D, E, r: r * (D + E),
                     error=lambda s, r: np.sqrt(np.sum(s[r:] ** 2) / np.sum(s ** 2))):
    """my_low_rank with one of its steps replaced by a wrong one."""
    def low_rank(w, rank):
        u, s, vt = np.linalg.svd(w, full_matrices=False)
        kept = np.arange(rank) if largest else np.arange(len(s) - rank, len(s))
        a = u[:, kept] * (s[kept] if scaled else 1)
        return a @ vt[kept], numbers(*w.shape, rank), error(s, rank)
    return low_rank


def turned_once_more(w, rank):
    u, s, v = np.linalg.svd(w, full_matrices=False)
    return (u[:, :rank] * s[:rank]) @ v.T[:rank], rank * sum(w.shape), 0.0


ITEMS = (
    Exercise(
        "22.4", "weights as whole numbers", 8,
        solution=my_quantize,
        cases=matrices,
        results=("codes", "scale"),
        mistakes=(
            Mistake(quantize_mistake(turn=np.trunc),
                    "astype cuts off what is behind the point: round first, with np.rint."),
            Mistake(quantize_mistake(turn=np.floor),
                    "Round to the nearest whole number, not down."),
            Mistake(quantize_mistake(highest=lambda w: np.full(w.shape[1], np.max(np.abs(w)))),
                    "This is one scale for the whole matrix: each column has its own."),
            Mistake(a_step_for_each_row,
                    "This is one step for each row: a column is w[:, e], so its maximum is taken "
                    "over axis 0."),
            Mistake(quantize_mistake(highest=lambda w: np.max(w, axis=0)),
                    "The largest weight may lie below zero: take the largest absolute value."),
            Mistake(quantize_mistake(top=128),
                    "The largest weight gets the code 128, which does not fit into an int8: it "
                    "becomes -128. Divide by 127."),
            Mistake(quantize_mistake(highest=lambda w: np.max(w, axis=0) - np.min(w, axis=0),
                                     top=255),
                    "A step of (max - min) / 255 needs a zero point as well. Here the codes lie "
                    "around 0: the largest absolute value is 127 steps."),
            Mistake(quantize_mistake(top=1),
                    "Divide the largest absolute value by 127: that many steps fit between 0 and "
                    "it."),
            Mistake(quantize_mistake(zeros=False),
                    "A column of zeros has the scale 1, so that nothing is divided by 0."),
        ),
        hints=("np.max(np.abs(w), axis=0) is the largest of each column; a 127th of it is the "
               "step.",
               "Set scale[scale == 0] = 1 before you divide.",
               "np.rint rounds to the nearest whole number; .astype(np.int8) then only changes "
               "the type."),
    ),
    Prediction(
        "22.5", "Every weight of the trained translator is stored in one byte in place of four. Of "
        "500 translations that were right before, how many become wrong?",
        answer="none, or one or two",
        choices=("none, or one or two", "about 50", "more than half"),
        because="The errors are small and point in all directions, so that most of them cancel in "
                "each sum; and a choice between characters only tips where it was close before.",
    ),
    Prediction(
        "22.6", "Eight of the 24 heads have been found that are hardly missed: without any one of "
        "them, alone, the loss hardly moves. Now all eight are cut. What becomes of 500 "
        "translations, of which nearly all were right?",
        answer="dozens more are wrong",
        choices=("nothing to speak of", "dozens more are wrong"),
        because="One head can stand in for another that does the same. When both are cut, nobody "
                "can. What each is worth alone does not add up to what all are worth.",
    ),
    Exercise(
        "22.7", "two thin matrices", 8,
        solution=my_low_rank,
        cases=low_rank_cases,
        results=("The nearest matrix", "How many numbers", "The error"),
        mistakes=(
            Mistake(low_rank_mistake(largest=False),
                    "These are the smallest singular values: the largest hold most of w."),
            Mistake(low_rank_mistake(scaled=False),
                    "The singular values are missing: multiply the columns of u by them."),
            Mistake(turned_once_more,
                    "np.linalg.svd returns the v_i as rows already: do not transpose them again."),
            Mistake(low_rank_mistake(numbers=lambda D, E, r: D * E),
                    "Multiplied out, the product has D E numbers. What is stored are its factors."),
            Mistake(low_rank_mistake(numbers=lambda D, E, r: r * (D + E + 1)),
                    "The singular values need no place of their own: multiply them into one of "
                    "the factors."),
            Mistake(low_rank_mistake(error=lambda s, r: np.sqrt(
                        np.sum(s[:r] ** 2) / np.sum(s ** 2))),
                    "That is the part that is kept. The error is what is left out."),
            Mistake(low_rank_mistake(error=lambda s, r: np.sum(s[r:] ** 2) / np.sum(s ** 2)),
                    "That is the square of the error: take the root."),
            Mistake(low_rank_mistake(error=lambda s, r: np.sum(s[r:]) / np.sum(s)),
                    "Square the singular values before you add them: lengths at right angles add "
                    "by their squares."),
            Mistake(low_rank_mistake(error=lambda s, r: np.sqrt(np.sum(s[r:] ** 2))),
                    "Divide by the norm of w, which is the root of the sum of all squares."),
        ),
        hints=("u, s, vt = np.linalg.svd(w, full_matrices=False); s falls, the columns of u and "
               "the rows of vt belong to its entries.",
               "a = u[:, :rank] * s[:rank] and b = vt[:rank]; the nearest matrix is a @ b.",
               "The error is sqrt(sum of s[rank:]**2 / sum of s**2)."),
    ),
)

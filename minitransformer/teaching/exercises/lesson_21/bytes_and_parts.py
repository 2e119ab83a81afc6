"""Exercises 21.1 to 21.3: the bytes of a block's cache, and two parts of a softmax made one."""

import numpy as np

from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, call


def my_block_bytes(B, T, D, F, H):
    """Bytes that an encoder block's cache keeps in float32, with plain attention and dropout."""
    x = B * T * D                         # the numbers in one array as large as x
    numbers = 10 * x                      # 2 normalized, 2 inputs, q, k, v, merged heads, 2 factors
    numbers += 2 * B * T                  # std, twice
    numbers += B * H * T * T              # the weights
    numbers += B * T * F                  # what the second linear layer multiplied
    return 4 * numbers + B * T * F + B * T  # float32; and the truth values: ReLU's and the mask


def bytes_mistake(change):
    """my_block_bytes and a difference, change(B, T, D, F, H)."""
    return lambda B, T, D, F, H: my_block_bytes(B, T, D, F, H) + change(B, T, D, F, H)


def size_cases(rng):
    for _ in range(3):
        B, T, D, F, H = (int(n) for n in rng.integers(2, 40, size=5))
        yield call(B, T, D, F, H)


def my_merge(one, two):
    """Two parts (highest (T, 1), total (T, 1), row (T, K)) -> the part of all their keys."""
    (highest1, total1, row1), (highest2, total2, row2) = one, two
    highest = np.maximum(highest1, highest2)                         # (T, 1)
    shift = np.where(np.isneginf(highest), 0, highest)               # (T, 1)
    shrink1, shrink2 = np.exp(highest1 - shift), np.exp(highest2 - shift)  # (T, 1) each
    return highest, total1 * shrink1 + total2 * shrink2, row1 * shrink1 + row2 * shrink2


def merge_mistake(*, total=None, row=None, highest=None):
    """my_merge with a result of total(t1, t2, s1, s2, h, h1, h2) or another one replaced."""
    def merge(one, two):
        (h1, t1, r1), (h2, t2, r2) = one, two
        right_highest, right_total, right_row = my_merge(one, two)
        shift = np.where(np.isneginf(right_highest), 0, right_highest)
        s1, s2 = np.exp(h1 - shift), np.exp(h2 - shift)
        return (highest(h1, h2) if highest else right_highest,
                total(t1, t2, s1, s2) if total else right_total,
                row(r1, r2, s1, s2) if row else right_row)
    return merge


def merge_with_growth(one, two):
    (h1, t1, r1), (h2, t2, r2) = one, two
    h = np.maximum(h1, h2)
    with np.errstate(invalid="ignore"):
        grow1, grow2 = (np.exp(np.where(np.isneginf(x), 0, h - x)) for x in (h1, h2))
    return h, t1 * grow1 + t2 * grow2, r1 * grow1 + r2 * grow2


def merge_into_the_first(one, two):
    return merge_into_the_second(two, one)


def merge_by_one_maximum(one, two):
    (h1, t1, r1), (h2, t2, r2) = one, two
    s1, s2 = (np.exp(h - max(h1.max(), h2.max())) for h in (h1, h2))
    return np.maximum(h1, h2), t1 * s1 + t2 * s2, r1 * s1 + r2 * s2


def merge_and_divide(one, two):
    highest, total, row = my_merge(one, two)
    return highest, total, row / np.where(total == 0, 1, total)


def merge_into_the_second(one, two):
    (h1, t1, r1), (h2, t2, r2) = one, two
    with np.errstate(invalid="ignore"):
        shrink = np.exp(np.where(np.isneginf(h2), 0, h1 - h2))
    return np.maximum(h1, h2), t1 * shrink + t2, r1 * shrink + r2


def merge_without_care(one, two):
    (h1, t1, r1), (h2, t2, r2) = one, two
    highest = np.maximum(h1, h2)
    with np.errstate(invalid="ignore"):
        s1, s2 = np.exp(h1 - highest), np.exp(h2 - highest)
    return highest, t1 * s1 + t2 * s2, r1 * s1 + r2 * s2


def part_of(scores, v):
    """scores (T, s), v (s, K) -> highest (T, 1), total (T, 1), row (T, K)."""
    highest = np.max(scores, axis=-1, keepdims=True)                 # (T, 1)
    probs = np.exp(scores - np.where(np.isneginf(highest), 0, highest))  # (T, s)
    return highest, np.sum(probs, axis=-1, keepdims=True), probs @ v


def merge_cases(rng):
    for empty in (False, True):
        scores, v = 3 * rng.normal(size=(6, 9)), rng.normal(size=(9, 4))
        if empty:
            scores[1, :5] = scores[2, 5:] = scores[4] = -np.inf
        yield call(part_of(scores[:, :5], v[:5]), part_of(scores[:, 5:], v[5:]))


ITEMS = (
    Prediction(
        "21.1", "The article's model, one step on a pair of texts of 5120 tokens, plain attention: "
        "GiB at its peak?",
        answer=20.2,
        because="Sixteen of the twenty are caches, and fourteen of these are weights of attention: "
                "18 arrays of 8 x 5120 x 5120 numbers. All parameters, gradients and moments "
                "together are 1.1.",
    ),
    Exercise(
        "21.2", "the bytes of a block's cache", 8,
        solution=my_block_bytes,
        results=("The number of bytes",),
        cases=size_cases,
        mistakes=(
            Mistake(bytes_mistake(lambda B, T, D, F, H: 3 * B * T * F),
                    "ReLU keeps truth values, one byte each, not four."),
            Mistake(bytes_mistake(lambda B, T, D, F, H: 3 * B * T * F + 3 * B * T),
                    "ReLU keeps truth values, and the mask is made of them: one byte each."),
            Mistake(bytes_mistake(lambda B, T, D, F, H: 3 * B * T),
                    "The mask is made of truth values: one byte each, not four."),
            Mistake(bytes_mistake(lambda B, T, D, F, H: -B * T),
                    "The padding mask is missing: B T truth values."),
            Mistake(bytes_mistake(lambda B, T, D, F, H: -B * T * F),
                    "What ReLU keeps is missing: B T F truth values."),
            Mistake(bytes_mistake(lambda B, T, D, F, H: -8 * B * T),
                    "The two standard deviations, one number a token each, are missing."),
            Mistake(bytes_mistake(lambda B, T, D, F, H: -4 * B * T),
                    "There are two standard deviations a token, one for each layer norm."),
            Mistake(lambda B, T, D, F, H: my_block_bytes(1, T, D, F, H),
                    "The factor B is missing. In the list it is 1; of B texts every array is B "
                    "times as large."),
            Mistake(bytes_mistake(lambda B, T, D, F, H: 4 * B * T * D),
                    "One array of B T D numbers too many: there are ten. The block's own input is "
                    "not kept: layer norm's backward asks for normalized, and a skip path only "
                    "adds."),
            Mistake(bytes_mistake(lambda B, T, D, F, H: 4 * B * T * T * (1 - H)),
                    "Every head has weights of its own: the factor H is missing."),
            Mistake(bytes_mistake(lambda B, T, D, F, H: 8 * B * T * D),
                    "Queries, keys and values are projected from the same array: attention.q.x "
                    "counts once, not three times."),
            Mistake(bytes_mistake(lambda B, T, D, F, H: -8 * B * T * D),
                    "Two arrays of B T D numbers are missing: dropout stands at both sublayers."),
            Mistake(bytes_mistake(lambda B, T, D, F, H: -4 * B * T * D),
                    "One array of B T D numbers is missing: there are ten."),
            Mistake(bytes_mistake(lambda B, T, D, F, H: 4 * B * T * F),
                    "Of feed-forward's B T F numbers one array is kept, what comes out of ReLU. "
                    "What went into it is not needed."),
            Mistake(lambda B, T, D, F, H: (my_block_bytes(B, T, D, F, H) - B * T * F - B * T) // 4
                    + B * T * F + B * T,
                    "A number in float32 takes four bytes."),
        ),
        hints=("How many arrays of B T D numbers are in the list? Count them.",
               "Ten of B T D, two of B T, one of B H T T, one of B T F: all of four bytes. Which "
               "two are made of truth values?",
               "4 * (10 * B*T*D + 2 * B*T + B*H*T*T + B*T*F) + B*T*F + B*T"),
    ),
    Exercise(
        "21.3", "two parts of a softmax become one", 8,
        solution=my_merge,
        results=("highest", "total", "row"),
        cases=merge_cases,
        mistakes=(
            Mistake(merge_mistake(total=lambda t1, t2, s1, s2: t1 + t2),
                    "The totals are measured against different maxima: each has to shrink by its "
                    "own factor before they are added."),
            Mistake(merge_mistake(row=lambda r1, r2, s1, s2: r1 + r2),
                    "The rows are measured against different maxima: each has to shrink by its own "
                    "factor, as the totals do."),
            Mistake(merge_into_the_second,
                    "Here only the first part changes. Where the first holds the higher score, it "
                    "is the second that has to shrink."),
            Mistake(merge_mistake(total=lambda t1, t2, s1, s2: t1 * s1 + t2,
                                  row=lambda r1, r2, s1, s2: r1 * s1 + r2),
                    "The second part was not shrunk. Unlike a new tile, it is measured against a "
                    "maximum of its own, which may be the lower one."),
            Mistake(merge_into_the_first,
                    "Here only the second part changes. Where the second holds the higher score, "
                    "it is the first that has to shrink."),
            Mistake(merge_by_one_maximum,
                    "One maximum was taken for all queries. Each row has its own: compare entry by "
                    "entry, with np.maximum."),
            Mistake(merge_with_growth,
                    "The exponent has the wrong sign: exp(old - new) is at most 1."),
            Mistake(merge_without_care,
                    "-inf - (-inf) is not a number. Where neither part has seen a key, subtract 0 "
                    "in place of the maximum."),
            Mistake(merge_mistake(highest=np.minimum),
                    "The new maximum is the larger of the two."),
            Mistake(merge_mistake(highest=lambda h1, h2: h1 + h2),
                    "The maximum of all is the larger of the two, not their sum."),
            Mistake(merge_and_divide,
                    "row was divided by total. A part that may yet be merged again keeps its sums: "
                    "the division comes at the very end."),
            Mistake(merge_mistake(highest=lambda h1, h2: np.where(
                        np.isneginf(np.maximum(h1, h2)), 0, np.maximum(h1, h2))),
                    "The 0 is for the exponent alone. A part that has seen no key goes on with "
                    "highest = -inf."),
            Mistake(merge_mistake(row=lambda r1, r2, s1, s2: (r1 * s1 + r2 * s2) / 2),
                    "The rows are sums: add them. The division by total comes at the very end."),
        ),
        hints=("highest = np.maximum(highest1, highest2). Against which maximum is total1 "
               "measured?",
               "shrink1 = exp(highest1 - highest), shrink2 = exp(highest2 - highest); total and "
               "row shrink alike.",
               "In the exponent, use np.where(np.isneginf(highest), 0, highest)."),
    ),
)

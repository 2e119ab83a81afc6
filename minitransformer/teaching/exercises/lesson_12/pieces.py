"""Exercises 12.1 to 12.3: the most frequent pair, and a merge."""

from collections import Counter

import numpy as np

from minitransformer.data.byte_pair import merge_pair
from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, call


def my_best_pair(pieces):
    """pieces: a list of (ids, count) -> the most frequent pair of neighbours; of ties the smallest.
    """
    counts = Counter()
    for ids, count in pieces:
        for pair in zip(ids, ids[1:]):
            counts[pair] += count
    return min(counts, key=lambda pair: (-counts[pair], pair))


def best_pair_mistake(*, weigh=lambda count: count, key=lambda n, pair: (-n, pair),
                      pairs=lambda ids: zip(ids, ids[1:])):
    """my_best_pair with other counts, another order, or other pairs."""
    def best_pair(pieces):
        counts = Counter()
        for ids, count in pieces:
            for pair in pairs(ids):
                counts[pair] += weigh(count)
        return min(counts, key=lambda pair: key(counts[pair], pair))
    return best_pair


def sorted_pair(pair):
    return tuple(sorted(pair))


def best_pair_across(pieces):
    row = [i for ids, count in pieces for _ in range(count) for i in ids]
    counts = Counter(zip(row, row[1:]))
    return min(counts, key=lambda pair: (-counts[pair], pair))


def best_pair_without_overlap(pieces):
    counts = Counter()
    for ids, count in pieces:
        before = None
        for pair in zip(ids, ids[1:]):
            before = None if pair == before else pair
            if before:
                counts[pair] += count
    return min(counts, key=lambda pair: (-counts[pair], pair))


def counted_pieces(rng):
    """Pieces in which each wrong way of counting finds a pair of its own; new numbers each time."""
    names = [int(i) for i in rng.choice(range(3, 250), 14, replace=False)]

    def named(*pieces):
        return call([([names[i] for i in ids], count) for ids, count in pieces])

    yield named(([11, 0, 1], 5), ([12, 0, 1], 5), ([2, 3, 6], 2), ([7, 2, 3], 3), ([2, 3], 1),
                ([4, 8, 5], 8), ([9, 10], 1), ([13], 20))
    yield named(([0, 1, 0, 1], 3), ([3, 4], 5), ([2, 0], 1))
    yield named(([0, 0, 0, 0], 2), ([0, 0, 0, 0], 2), ([5, 1, 2], 2), ([6, 1, 2, 7, 1, 2], 4),
                ([3, 4], 9), ([10, 11], 8), ([11, 10], 8))
    a, b, c = sorted(names[:3])
    yield call([([b, a], 4), ([c, a], 4), ([a, c], 4), ([c, c], 3)])  # a tie of three


def my_merge(ids, pair, joined):
    """ids with the pair replaced by the id joined, wherever it stands, from the left: an array."""
    merged, i = [], 0
    while i < len(ids):
        if tuple(ids[i:i + 2]) == tuple(pair):
            merged.append(joined)
            i += 2
        else:
            merged.append(ids[i])
            i += 1
    return np.array(merged)


def merge_first_only(ids, pair, joined):
    for i in range(len(ids) - 1):
        if (ids[i], ids[i + 1]) == pair:
            return np.array([*ids[:i], joined, *ids[i + 2:]])
    return np.array(ids)


def merge_from_the_right(ids, pair, joined):
    return np.array(merge_pair(ids[::-1], pair[::-1], joined)[::-1])


def merge_keeping_the_second(ids, pair, joined):
    merged = []
    for i in range(len(ids)):
        merged.append(joined if (ids[i], *ids[i + 1:i + 2]) == pair else ids[i])
    return np.array(merged)


def merge_overlapping(ids, pair, joined):
    merged = []
    for i in range(len(ids)):
        if tuple(ids[i:i + 2]) == pair:
            merged.append(joined)
        elif i == 0 or tuple(ids[i - 1:i + 1]) != pair:
            merged.append(ids[i])
    return np.array(merged)


def merge_either_order(ids, pair, joined):
    merged, i = [], 0
    while i < len(ids):
        here = tuple(ids[i:i + 2])
        merged.append(joined if here in (pair, pair[::-1]) else ids[i])
        i += 2 if here in (pair, pair[::-1]) else 1
    return np.array(merged)


def merge_dropping_the_last(ids, pair, joined):
    merged, i = [], 0
    while i < len(ids) - 1:
        here = (ids[i], ids[i + 1]) == pair
        merged.append(joined if here else ids[i])
        i += 2 if here else 1
    return np.array(merged)


def merges(rng):
    a, b, c, joined = (int(i) for i in rng.choice(range(3, 400), 4, replace=False))
    for ids in ([c, a, b, c, a, b], [a, b, a, b, b, a, c], [c, b, a, a, b, c], [b, c, c, a]):
        yield call(ids, (a, b), joined)
    yield call([a, a, a, c], (a, a), joined)


ITEMS = (
    Prediction(
        "12.1",
        "The words of the list are the (5 times), cat (4), sat (3) and that (2). Six merges are "
        "learned from it. How many tokens does the word hat have then, which is not in the list?",
        2,
        "The merges are at, th, the, cat, sat, that. In hat only the first applies: h and at. What "
        "was learned from cat and sat serves for a word that never occurred."),
    Exercise(
        "12.2", "the most frequent pair", 8, my_best_pair,
        mistakes=(
            Mistake(best_pair_mistake(weigh=lambda count: 1),
                    "A piece that occurs 9 times counts 9 times: add its count, not 1."),
            Mistake(best_pair_mistake(key=lambda n, pair: -n),
                    "Of two equally frequent pairs the smaller one is asked for, so that the "
                    "result does not depend on the order of the pieces."),
            Mistake(best_pair_mistake(key=lambda n, pair: (-n, (-pair[0], -pair[1]))),
                    "Of two equally frequent pairs you take the larger one; the smaller is asked "
                    "for."),
            Mistake(best_pair_mistake(key=lambda n, pair: (n, pair)),
                    "This is the rarest pair."),
            Mistake(best_pair_mistake(pairs=lambda ids: zip(ids[::2], ids[1::2])),
                    "Pairs overlap: in [1, 2, 3] there are (1, 2) and (2, 3)."),
            Mistake(best_pair_mistake(pairs=lambda ids: set(zip(ids, ids[1:]))),
                    "A pair that stands twice in a piece counts twice."),
            Mistake(best_pair_mistake(pairs=lambda ids: map(sorted_pair, zip(ids, ids[1:]))),
                    "(a, b) and (b, a) are two pairs: do not count them together."),
            Mistake(best_pair_without_overlap,
                    "In a row of three equal ids there are two pairs of neighbours, and both "
                    "count, although they overlap."),
            Mistake(best_pair_across,
                    "You count pairs across the border of two pieces. Count inside each piece."),
        ),
        hints=("zip(ids, ids[1:]) gives all pairs of neighbours of a piece.",
               "Add the piece's count to each of its pairs, in a Counter or a dict.",
               "min(counts, key=lambda pair: (-counts[pair], pair)): the most frequent first, and "
               "the smallest of equal ones."),
        results=("left", "right"),
        cases=counted_pieces,
    ),
    Exercise(
        "12.3", "a merge", 7, my_merge,
        mistakes=(
            Mistake(merge_first_only, "Every place of the pair is to be merged, not the first one "
                                      "alone."),
            Mistake(merge_keeping_the_second,
                    "The second id of a merged pair is still there: after a merge, go on two "
                    "places further."),
            Mistake(merge_from_the_right,
                    "You go from the right. In a row of three equal ids the first two are to be "
                    "merged: go from the left."),
            Mistake(merge_overlapping,
                    "In a row of three equal ids you merge the middle one twice: an id that is "
                    "merged is used up."),
            Mistake(merge_either_order, "(b, a) is not the pair (a, b): the order counts."),
            Mistake(merge_dropping_the_last,
                    "The last id is lost where no pair ends there: the loop has to reach it."),
        ),
        hints=("Walk through ids with an index i, and build a new list; at the end, make an array "
               "of it.",
               "Where ids[i] and ids[i + 1] are the pair, append joined and go on at i + 2; else "
               "append ids[i] and go on at i + 1.",
               "A slice may reach beyond the end: tuple(ids[i:i + 2]) == pair is False for a "
               "single last id."),
        cases=merges,
    ),
)

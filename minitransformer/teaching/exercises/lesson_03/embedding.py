"""Exercises of lesson 03, first half: embeddings."""

import numpy as np

from minitransformer.functional import embedding_forward
from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, call, pair_exercise
from minitransformer.teaching.exhibits.lesson_03 import embedding_backward_last_id_wins


def my_embedding_forward(table, *, ids):
    """table (V, D), ids (...) whole numbers -> out (..., D), cache."""
    return table[ids], (ids, table)


def my_embedding_backward(dout, cache):
    """dout (..., D) -> dtable (V, D)."""
    ids, table = cache
    dtable = np.zeros_like(table)                                  # (V, D)
    drows = dout.reshape(-1, table.shape[1])                       # (N, D)
    for v, drow in zip(ids.reshape(-1), drows):
        dtable[v] += drow                                          # every use adds
    return dtable


def pencil_dtable():
    """the is used at the places 0, 2 and 4: (2, 1) + (-1, 3) + (4, -2) = (5, 2)."""
    return np.array([[5, 2], [0, -0.5], [0, 0], [0, 0], [1, 0], [3, 3]])


def embedding_inputs(rng):
    """One sentence, then two: ids repeat within a sentence and across them."""
    yield call(rng.normal(size=(5, 3)), ids=np.array([2, 4, 2, 0, 2, 4]))
    yield call(rng.normal(size=(6, 3)), ids=np.array([[1, 4, 1, 2], [4, 0, 2, 2]]))


def scatter(ids, table, dout):
    dtable = np.zeros_like(table)
    np.add.at(dtable, ids, dout)
    return dtable


def sentence_by_sentence(dout, cache):
    """Right for one sentence; for several, the ids of each are used as one index."""
    ids, table = cache
    dtable = np.zeros_like(table)
    for v, drow in zip(ids, dout):
        dtable[v] += drow
    return dtable


def pencil(the, rest=((0, -0.5), (0, 0), (0, 0), (1, 0), (3, 3))):
    return lambda: np.array([the, *rest])


ITEMS = (
    Exercise(
        "3.1", "the forward of an embedding", 4,
        solution=my_embedding_forward,
        builds="embedding_forward",
        cases=embedding_inputs,
        results=("out", "cache"),
        mistakes=(
            Mistake(lambda table, *, ids: (table[:, ids % 3], (ids, table)),
                    "A word is a row of the table: the ids index axis 0."),
            Mistake(lambda table, *, ids: (table.T[ids % 3], (ids, table)),
                    "A word is a row of the table, not a column: no transpose."),
            Mistake(lambda table, *, ids: (np.take(table, ids), (ids, table)),
                    "np.take counts through all numbers of the table unless it gets axis=0."),
            Mistake(lambda table, *, ids: (table[ids - 1], (ids, table)),
                    "Ids count from 0: the row of id 0 is table[0]."),
            Mistake(lambda table, *, ids: (table[ids], (table, ids)),
                    "The cache is (ids, table), in this order."),
            Mistake(lambda table, *, ids: (table[ids], (ids, table[ids])),
                    "Keep the table itself, not the rows: its shape is that of dtable."),
        ),
        hints=("An array of whole numbers is an index: NumPy picks a row for each of them.",
               "table[ids] has the shape of ids, and behind it that of a row. Return it together "
               "with (ids, table)."),
    ),
    Exercise(
        "3.2", "a table's gradient, with a pencil", 6,
        solution=pencil_dtable,
        mistakes=(
            Mistake(pencil((4, -2)), "The row of the is its last gradient only: three places use "
                                     "it, and all three add."),
            Mistake(pencil((2, 1)), "The row of the is its first gradient only: three places use "
                                    "it, and all three add."),
            Mistake(pencil((5 / 3, 2 / 3)), "A sum, not a mean: no division by 3."),
            Mistake(pencil((2, 1), ((0, -0.5), (-1, 3), (1, 0), (4, -2), (3, 3))),
                    "These are the rows of dout, in the order of the sentence. dtable has its rows "
                    "in the order of the ids: first the, then cat, sat, on, mat, dog."),
            Mistake(pencil((5, 2), ((0, -0.5), (1, 0), (3, 3), (0, 0), (0, 0))),
                    "mat has the id 4 and dog 5; sat and on, which do not occur, get zeros."),
        ),
        hints=("Write under each word of the sentence its id: 0 1 0 4 0 5.",
               "Row 0 of dtable is the sum of dout[0], dout[2] and dout[4]. Which rows get "
               "nothing?"),
    ),
    pair_exercise(
        "3.3", "the backward of an embedding", 8,
        forward=embedding_forward,
        solution=my_embedding_backward,
        builds="embedding_backward",
        names="table",
        inputs=embedding_inputs,
        mistakes=(
            Mistake(embedding_backward_last_id_wins,
                    "Of several equal ids only the last has been kept. Add with +=, and one place "
                    "at a time: with an array as index, NumPy reads all rows, then writes them."),
            Mistake(sentence_by_sentence,
                    "ids may have several axes: flatten ids and dout first, so that each id is a "
                    "single number."),
            Mistake(lambda dout, cache: scatter(*cache, 1.0),
                    "You have counted the uses: each use sends back its row of dout, not 1."),
            Mistake(lambda dout, cache: scatter(*cache, dout)
                    / np.maximum(scatter(*cache, 1.0), 1.0),
                    "The uses of a row add: it is their sum, not their mean."),
            Mistake(lambda dout, cache: np.eye(len(cache[1]))[cache[0]] @ dout,
                    "The one-hot array has a row for each place in the text: it must be "
                    "transposed, to sum over the places."),
            Mistake(lambda dout, cache: np.eye(len(cache[1]))[cache[0]].T @ dout,
                    "ids may have several axes: flatten ids and dout first, and then the product "
                    "of the transposed one-hot array with dout fits."),
            Mistake(lambda dout, cache: dout,
                    "dout has a row for each place in the text, dtable one for each word of the "
                    "table: add up the places that hold the same word."),
        ),
        hints=("ids.reshape(-1) and dout.reshape(-1, D) have one entry and one row for each place.",
               "Begin with np.zeros_like(table), walk through the places, and add each row of dout "
               "to the row of its id."),
    ),
    Prediction(
        "3.4", "2048 ids from a table of 8192 rows: which backward is faster?",
        answer="the plain loop",
        choices=("the one-hot product", "about equal", "the plain loop"),
        because="The product multiplies 2048 x 8192 x 128 times, more than two billion times, and "
                "nearly always by 0. The loop adds 2048 rows.",
    ),
)

"""Exhibit of lesson 03: a scatter-add that forgets all but one of several equal ids."""

import numpy as np

from minitransformer.functional import embedding_forward
from minitransformer.teaching.exercise import call
from minitransformer.teaching.museum import Exhibit


def embedding_backward_last_id_wins(dout, cache):
    ids, table = cache
    dtable = np.zeros(table.shape, dout.dtype)                     # (V, D)
    dtable[ids] += dout                                            # reads all rows, then writes
    return dtable


EXHIBITS = (
    Exhibit(
        "last_id_wins", "03", "dtable[ids] += dout",
        forward=embedding_forward,
        backward=embedding_backward_last_id_wins,
        fault=embedding_backward_last_id_wins,
        inputs=lambda rng: call(rng.normal(size=(5, 3)),
                                ids=np.array([[4, 1, 1, 0], [1, 3, 4, 4]])),
        breaks="of all places with the same id only the last one counts. The more frequent a word, "
               "the more of its gradient is lost; a word that occurs once keeps all of it.",
        caught_by=("the gradient check", "a check with dout = ones"),
        missed_by=("a look at the shapes", "a falling loss"),
    ),
)

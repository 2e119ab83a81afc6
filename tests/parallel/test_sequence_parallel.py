"""Models over sequences in pieces, on two and four processes, equal one process's."""

from types import SimpleNamespace

import numpy as np
import pytest
from launch import needs_mpi, passes

from minitransformer.layers.options import ATTENTIONS, POSITIONS, Pair
from minitransformer.parallel.places import Places


@needs_mpi
@pytest.mark.parametrize("n", [2, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 3, 4))])
def test_losses_gradients_and_runs_are_those_of_one_process(n):
    passes(n, "sequence_parallel_run.py")


@pytest.mark.parametrize("length, lengths", [
    (11, [3, 3, 3, 2]), (8, [2, 2, 2, 2]), (6, [2, 2, 1, 1]), (2, [1, 1, 0, 0])])
def test_every_place_is_one_process_s(length, lengths):
    x = np.arange(2 * length).reshape(2, length)
    pieces = [Places.of(x, SimpleNamespace(rank=rank, size=4)).cut(x) for rank in range(4)]
    assert [piece.shape[1] for piece in pieces] == lengths
    assert np.array_equal(np.concatenate(pieces, axis=1), x)


def test_an_entry_may_stand_in_the_place_of_its_name():
    pair = Pair(max, min)
    assert ATTENTIONS[pair] is pair and ATTENTIONS["plain"] is not pair
    assert pair not in ATTENTIONS  # so no configuration that is saved can hold it
    with pytest.raises(KeyError, match="rotatory"):
        POSITIONS["rotatory"]

"""Models over sequences in pieces, on two and four processes, equal one process's."""

import pytest
from launch import needs_mpi, passes

from minitransformer.layers.options import ATTENTIONS, POSITIONS, Pair


@needs_mpi
@pytest.mark.parametrize("n", [2, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 3, 4))])
def test_losses_gradients_and_runs_are_those_of_one_process(n):
    passes(n, "sequence_parallel_run.py")


def test_an_entry_may_stand_in_the_place_of_its_name():
    pair = Pair(max, min)
    assert ATTENTIONS[pair] is pair and ATTENTIONS["plain"] is not pair
    assert pair not in ATTENTIONS  # so no configuration that is saved can hold it
    with pytest.raises(KeyError, match="rotatory"):
        POSITIONS["rotatory"]

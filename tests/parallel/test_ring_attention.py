"""Ring attention on several processes equals attention on one. Two do not tell left from right."""

import pytest
from launch import needs_mpi, passes


@needs_mpi
@pytest.mark.parametrize("n", [2, 3, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 4))])
def test_the_ring_equals_attention_and_its_gradients_pass(n):
    passes(n, "ring_attention_run.py")

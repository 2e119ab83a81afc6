"""Ring attention on two and four processes equals attention on one."""

import pytest
from launch import needs_mpi, passes


@needs_mpi
@pytest.mark.parametrize("n", [2, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 3, 4))])
def test_the_ring_equals_attention_and_its_gradients_pass(n):
    passes(n, "ring_attention_run.py")

"""A decoder in parts on two and four processes equals one process's."""

import pytest
from launch import needs_mpi, passes


@needs_mpi
@pytest.mark.slow
@pytest.mark.parametrize("n", [2, 4])
def test_gathered_gradients_are_those_of_one_process(n):
    passes(n, "tensor_parallel_run.py")

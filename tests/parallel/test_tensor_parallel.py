"""The three models in parts on two and four processes equal one process's."""

import pytest
from launch import needs_mpi, passes


@needs_mpi
@pytest.mark.parametrize("n", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_gathered_gradients_are_those_of_one_process(n):
    passes(n, "tensor_parallel_run.py")

"""Several processes against one: what they compute is the same, and what is not is seen."""

import importlib.util

import numpy as np
import pytest

from minitransformer.teaching import process_proof
from minitransformer.teaching.process_proof import (
    WAYS, counted, proofs, small_models, start, worst_error)
from minitransformer.teaching.thread_processes import together
from minitransformer.tree import tree_map


@pytest.mark.parametrize("size", [1, 2])
def test_threads_compute_what_one_process_does(size):
    for found in together(size, proofs):
        assert found.keys() == {(way, kind) for way in WAYS for kind in small_models()}
        assert max(found.values()) < 1e-12


@pytest.mark.skipif(process_proof.mpiexec() is None,
                    reason="several processes need MPI: python -m pip install mpi4py mpich")
def test_real_processes_print_a_small_error_for_each_way_and_model():
    lines = start(2).splitlines()
    assert len(lines) == len(WAYS) * len(small_models())
    assert all(float(line.split()[-1]) < 1e-10 for line in lines)


def test_without_mpi_nothing_is_started(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert start(2) is None


def test_the_shares_are_unequal_or_less_would_be_proved():
    for kind, (model, batches) in small_models().items():
        assert len({counted(model, batches(i)) for i in range(2)}) == 2, kind


def test_an_array_that_differs_is_seen():
    model, batches = small_models()["decoder-only"]
    _, grads = model.loss_and_grads(batches(0))
    other = tree_map(np.copy, grads)
    assert worst_error(other, grads) == 0
    other["blocks"][1]["attention"]["out"]["b"][3] *= 2
    assert worst_error(other, grads) > 1e-3
    other = tree_map(np.copy, grads)
    other["blocks"][0]["attention"]["k"]["b"] += 1e-3  # 0 in theory, and not here
    assert worst_error(other, grads) > 1e-4

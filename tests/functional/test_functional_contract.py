"""What every pair of functional promises, on each of its check cases."""

import contract
import numpy as np
import pytest

every_case = pytest.mark.parametrize("case", contract.case_params("pair"))


@every_case
def test_gradient_along_a_random_direction(case):
    report = contract.check_direction(case)
    assert report.passed(1e-12), report


@every_case
def test_gradient_is_exact(case, prove):
    proof = prove("pair", case)
    assert proof.complex.passed(1e-12), proof.complex
    assert proof.central.passed(1e-7), proof.central


@every_case
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_and_shapes_are_kept(case, dtype):
    contract.assert_keeps_dtype(case, dtype)


@every_case
def test_float32_agrees_with_float64(case):
    contract.assert_float32_agrees(case)


@every_case
def test_arguments_are_not_changed(case):
    contract.assert_changes_nothing(case)


@every_case
def test_memory_layout_does_not_matter(case):
    contract.assert_ignores_memory_layout(case)


@every_case
def test_cache_is_named(case):
    contract.assert_cache_is_named(case)

"""Page faults of a training step, each way in a process of its own."""

import platform

import pytest

from minitransformer.teaching import page_faults
from minitransformer.teaching.page_faults import measure_here, step_with


@pytest.mark.slow
def test_kept_memory_is_not_asked_for_again():
    kept = step_with(keep=True, steps=1)
    assert kept["seconds"] > 0
    if platform.libc_ver()[0] == "glibc":
        assert kept["faults"] < 0.2 * step_with(keep=False, steps=1)["faults"]


def test_the_mean_is_over_the_steps_that_count(monkeypatch):
    counts = iter([100, 130])
    monkeypatch.setattr(page_faults, "page_faults", lambda: next(counts))
    found = measure_here(3, sizes={**page_faults.SIZES, "d_model": 4, "n_layers": 1, "d_ff": 4})
    assert found["faults"] == 10


def test_a_child_that_fails_says_why():
    with pytest.raises(RuntimeError, match="invalid int value"):
        step_with(keep=True, steps="many")

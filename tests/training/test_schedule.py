"""Learning rates at the steps where one knows them."""

import math

import pytest

from minitransformer.training import constant, inverse_square_root, linear_decay


def test_inverse_square_root_rises_peaks_and_falls():
    rates = [inverse_square_root(step, peak=0.5, warmup=100) for step in (1, 50, 100, 400, 10_000)]
    assert rates == pytest.approx([0.005, 0.25, 0.5, 0.25, 0.05], rel=1e-15)


def test_inverse_square_root_is_the_papers_with_its_peak():
    d_model, warmup = 512, 4000
    peak = (d_model * warmup) ** -0.5
    for step in (1, 17, 3999, 4000, 4001, 100_000):
        theirs = d_model ** -0.5 * min(step ** -0.5, step * warmup ** -1.5)
        assert inverse_square_root(step, peak=peak, warmup=warmup) == pytest.approx(theirs, 1e-14)


def test_linear_decay_rises_peaks_and_reaches_zero_one_step_after_the_last():
    rates = [linear_decay(step, peak=0.5, warmup=4, steps=12) for step in (1, 2, 4, 7, 10, 12)]
    assert rates == pytest.approx([0.125, 0.25, 0.5, 1 / 3, 1 / 6, 1 / 18], rel=1e-15)
    assert linear_decay(1, peak=0.5, warmup=1, steps=1) == 0.5


def test_constant():
    assert constant(1, peak=0.5) == constant(10_000, peak=0.5) == 0.5
    assert [constant(s, peak=1.0, warmup=4) for s in (1, 2, 4, 5)] == [0.25, 0.5, 1.0, 1.0]


@pytest.mark.parametrize("call", [
    lambda: inverse_square_root(0, peak=1.0, warmup=10), lambda: constant(0, peak=1.0),
    lambda: inverse_square_root(1, peak=1.0, warmup=0), lambda: constant(1, peak=1.0, warmup=-1),
    lambda: linear_decay(0, peak=1.0, warmup=1, steps=9),
    lambda: linear_decay(10, peak=1.0, warmup=1, steps=9),
    lambda: linear_decay(1, peak=1.0, warmup=10, steps=9)])
def test_steps_out_of_range_are_refused(call):
    with pytest.raises(ValueError, match="expected"):
        call()


def test_rates_are_python_floats():
    assert type(inverse_square_root(3, peak=1e-3, warmup=7)) is float
    assert math.isfinite(constant(3, peak=1e-3, warmup=7))

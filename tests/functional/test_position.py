import math

import numpy as np
import pytest

from minitransformer.functional import sinusoidal_positions


@pytest.mark.parametrize("d_model", [1, 6, 7])
def test_value_by_the_formula(d_model):
    table = sinusoidal_positions(9, d_model)
    assert table.shape == (9, d_model) and table.dtype == np.float64
    for t in range(9):
        for i in range(d_model):
            angle = t / 10000 ** (2 * (i // 2) / d_model)
            expected = math.cos(angle) if i % 2 else math.sin(angle)
            assert math.isclose(table[t, i], expected, rel_tol=1e-12, abs_tol=1e-14)


def test_a_step_is_one_rotation_for_all_positions():
    d_model, n = 8, 5
    table = sinusoidal_positions(60, d_model)
    angle = n / 10000 ** (np.arange(0, d_model, 2) / d_model)
    rotation = np.zeros((d_model, d_model))
    for pair, a in enumerate(angle):
        i = 2 * pair
        rotation[i:i + 2, i:i + 2] = [[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]]
    np.testing.assert_allclose(table[n:], table[:-n] @ rotation, atol=1e-13)


def test_the_inner_product_depends_on_the_distance_alone():
    table = sinusoidal_positions(50, 16)
    products = table @ table.T
    for n in (0, 1, 7):
        assert np.ptp(np.diagonal(products, n)) < 1e-12
    np.testing.assert_allclose(np.diagonal(products), 8, rtol=1e-14)


def test_a_longer_table_starts_with_the_shorter_one():
    assert np.array_equal(sinusoidal_positions(20, 6)[:9], sinusoidal_positions(9, 6))


def test_nobody_can_change_the_table():
    with pytest.raises(ValueError, match="read-only"):
        sinusoidal_positions(9, 6)[0, 0] = 1

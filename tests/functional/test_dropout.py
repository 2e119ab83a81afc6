import numpy as np
import pytest

from minitransformer.functional import dropout_backward, dropout_forward, dropout_rng

X = np.random.default_rng(0).normal(size=(40, 50)) + 3


def test_kept_values_are_divided_and_dropped_ones_zero():
    out, cache = dropout_forward(X, rate=0.2, rng=np.random.default_rng(1))
    kept = out != 0
    np.testing.assert_allclose(out[kept], X[kept] / 0.8, rtol=1e-15)
    assert abs(np.mean(kept) - 0.8) < 0.03
    dout = np.random.default_rng(2).normal(size=X.shape)
    np.testing.assert_allclose(dropout_backward(dout, cache), np.where(kept, dout / 0.8, 0),
                               rtol=1e-15)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_the_mean_is_kept(rate):
    out, _ = dropout_forward(np.ones((400, 500)), rate=rate, rng=np.random.default_rng(0))
    assert abs(np.mean(out) - 1) < 5 * np.sqrt(rate / (1 - rate) / out.size)


@pytest.mark.parametrize("options", [{"rate": 0.0}, {"rate": 0.4, "training": False}])
def test_identity_when_nothing_is_dropped(options):
    out, cache = dropout_forward(X, rng=np.random.default_rng(1), **options)
    assert np.array_equal(out, X)
    assert np.array_equal(dropout_backward(X, cache), X)


def test_a_given_mask_is_used_and_nothing_is_drawn():
    keep = X > 3
    out, cache = dropout_forward(X, rate=0.5, keep=keep)
    assert np.array_equal(out, np.where(keep, 2 * X, 0))
    assert np.array_equal(dropout_backward(np.ones_like(X), cache), 2.0 * keep)


def test_nothing_is_drawn_when_nothing_is_dropped():
    rng = np.random.default_rng(1)
    for options in ({"rate": 0.0, "rng": None}, {"rate": 0.0, "rng": rng},
                    {"rate": 0.4, "rng": rng, "training": False}):
        assert dropout_forward(X, **options)[0] is X
    assert rng.random() == np.random.default_rng(1).random()


def test_a_value_is_kept_with_probability_one_minus_rate_exactly():
    class Evenly:
        """Draws each multiple of 1/8 in 0 <= u < 1 once."""

        def random(self, shape, dtype):
            return np.arange(8, dtype=dtype).reshape(shape) / 8

    out, _ = dropout_forward(np.ones((2, 4)), rate=0.25, rng=Evenly())
    assert np.count_nonzero(out) == 6 and out.sum() == 8


def test_the_generator_moves_on():
    rng = np.random.default_rng(1)
    first, _ = dropout_forward(X, rate=0.5, rng=rng)
    second, _ = dropout_forward(X, rate=0.5, rng=rng)
    again, _ = dropout_forward(X, rate=0.5, rng=np.random.default_rng(1))
    assert not np.array_equal(first, second)
    assert np.array_equal(first, again)


def test_the_mask_does_not_depend_on_the_dtype():
    masks = [dropout_forward(X.astype(dtype), rate=0.5, rng=np.random.default_rng(1))[0] != 0
             for dtype in (np.float32, np.float64)]
    assert np.array_equal(*masks)


@pytest.mark.parametrize("rate", [-0.1, 1.0, 1.5])
def test_a_rate_outside_its_range_is_refused(rate):
    for training in (True, False):
        with pytest.raises(ValueError, match=f"dropout rate is {rate}, expected 0 <= it < 1"):
            dropout_forward(X, rate=rate, rng=np.random.default_rng(0), training=training)


def test_a_mask_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"keep has shape \(50,\), but x has shape \(40, 50\)"):
        dropout_forward(X, rate=0.5, keep=np.ones(50, bool))
    with pytest.raises(ValueError, match="dropout needs rng, a numpy Generator, or keep"):
        dropout_forward(X, rate=0.5)


def test_a_numpy_rate_keeps_float32():
    x = X.astype(np.float32)
    out, _ = dropout_forward(x, rate=np.float64(0.5), rng=np.random.default_rng(0))
    assert out.dtype == np.float32


def test_the_same_key_draws_the_same_mask_and_every_part_of_it_matters():
    def mask(key, site):
        return dropout_forward(X, rate=0.5, rng=dropout_rng(key, site))[0] != 0

    first = mask((0, 1, 2), 3)
    assert np.array_equal(first, mask((0, 1, 2), 3))
    for key, site in [((9, 1, 2), 3), ((0, 9, 2), 3), ((0, 1, 9), 3), ((0, 1, 2), 9)]:
        assert not np.array_equal(first, mask(key, site))


def test_the_generator_of_a_site_is_that_of_its_four_numbers():
    assert dropout_rng((4, 5, 6), 7).random() == np.random.default_rng([4, 5, 6, 7]).random()
    assert dropout_rng(None, 7) is None


def test_a_seed_may_make_the_generator_itself():
    class Seed:
        def rng(self, key):
            assert key[0] is self
            return np.random.default_rng([4, *key[1:]])

    assert dropout_rng((Seed(), 5, 6), 7).random() == dropout_rng((4, 5, 6), 7).random()

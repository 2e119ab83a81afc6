import numpy as np
import pytest
from plain import plain_attention, plain_feed_forward, plain_norm

from minitransformer.checks.case import randomize
from minitransformer.checks.layers import block_config
from minitransformer.layers import encoder_block_forward, encoder_block_init
from minitransformer.tree import tree_items

B, T, D, H = 2, 5, 12, 3
RNG = np.random.default_rng(0)
X = RNG.normal(size=(B, T, D))
REAL = np.array([[True] * T, [True, True, True, False, False]])
MASK = REAL[:, None, None, :]


def make(**changes):
    config = block_config(**changes)
    return config, randomize(RNG, encoder_block_init(RNG, config=config, dtype=np.float64))


def test_pre_norm_step_by_step():
    config, params = make(norm_placement="pre")
    inside = plain_norm(params["before_attention"], X)
    x = X + plain_attention(params["attention"], inside, inside, H, lambda b, t, s: REAL[b, s])
    x = x + plain_feed_forward(params["feed_forward"], plain_norm(params["before_feed_forward"], x))
    out, _ = encoder_block_forward(params, X, config=config, mask=MASK)
    np.testing.assert_allclose(out, x, rtol=1e-10, atol=1e-12)


def test_post_norm_step_by_step():
    config, params = make(norm_placement="post")
    x = X + plain_attention(params["attention"], X, X, H, lambda b, t, s: REAL[b, s])
    x = plain_norm(params["after_attention"], x)
    x = plain_norm(params["after_feed_forward"], x + plain_feed_forward(params["feed_forward"], x))
    out, _ = encoder_block_forward(params, X, config=config, mask=MASK)
    np.testing.assert_allclose(out, x, rtol=1e-10, atol=1e-12)


def test_without_norm_step_by_step():
    config, params = make(norm="none")
    x = X + plain_attention(params["attention"], X, X, H, lambda b, t, s: True)
    x = x + plain_feed_forward(params["feed_forward"], x)
    out, _ = encoder_block_forward(params, X, config=config)
    np.testing.assert_allclose(out, x, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("placement", "used"), [("pre", "before"), ("post", "after")])
def test_init_holds_the_norms_that_the_placement_uses(placement, used):
    params = encoder_block_init(np.random.default_rng(0), dtype=np.float32,
                                config=block_config(norm_placement=placement))
    norms = {name.split(".")[0] for name, _ in tree_items(params)} - {"attention", "feed_forward"}
    assert norms == {f"{used}_attention", f"{used}_feed_forward"}
    assert all(x.dtype == np.float32 for _, x in tree_items(params))
    assert (params[f"{used}_attention"]["gain"] == 1).all()
    assert not params[f"{used}_attention"]["bias"].any()


def test_padding_and_neighbours_change_nothing():
    config, params = make()
    out, _ = encoder_block_forward(params, X, config=config, mask=MASK)
    alone, _ = encoder_block_forward(params, X[1:, :3], config=config)
    np.testing.assert_allclose(out[1:, :3], alone, rtol=1e-12, atol=1e-13)


def test_every_site_draws_its_own_mask_and_repeats_it():
    config, params = make()
    out, cache = encoder_block_forward(params, X, config=config, dropout_key=(1, 2, 3))
    again, _ = encoder_block_forward(params, X, config=config, dropout_key=(1, 2, 3))
    assert np.array_equal(out, again)
    other, _ = encoder_block_forward(params, X, config=config, dropout_key=(1, 2, 4))
    assert not np.array_equal(out, other)
    for site, join in enumerate([cache.after_attention, cache.after_feed_forward]):
        drawn = np.random.default_rng([1, 2, 3, site]).random(X.shape, dtype=np.float32)
        assert np.array_equal(join.dropout.factor != 0, drawn >= config.dropout)


def test_batch_norm_takes_the_batch_in_training_and_what_is_kept_in_use():
    config, params = make(norm="batch")
    kept = {"mean": np.full(D, 0.3), "variance": np.full(D, 2.0)}
    params = {**params, "before_attention": {**params["before_attention"], **kept}}
    _, cache = encoder_block_forward(params, X, config=config, mask=MASK)
    np.testing.assert_allclose(cache.before_attention.std, np.sqrt(2.0 + 1e-5), rtol=1e-12)
    assert np.array_equal(cache.before_attention.running[0], kept["mean"])
    _, cache = encoder_block_forward(params, X, config=config, mask=MASK, dropout_key=(1, 2, 3))
    np.testing.assert_allclose(cache.before_attention.std, np.sqrt(X[REAL].var(axis=0) + 1e-5))
    np.testing.assert_allclose(cache.before_attention.running[0],
                               0.27 + 0.1 * X[REAL].mean(axis=0))

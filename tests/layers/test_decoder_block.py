import numpy as np
import pytest
from plain import plain_attention, plain_feed_forward, plain_norm

from minitransformer.checks.case import randomize
from minitransformer.checks.layers import block_config
from minitransformer.kv_cache import DecoderBlockKvCache, KvCache
from minitransformer.layers import decoder_block_forward, decoder_block_init
from minitransformer.tree import tree_items

B, T, S, D, H = 2, 5, 7, 12, 3
RNG = np.random.default_rng(0)
X, MEMORY = RNG.normal(size=(B, T, D)), RNG.normal(size=(B, S, D))
REAL = np.array([[True] * T, [True, True, True, False, False]])
REAL_MEMORY = np.array([[True] * S, [True] * 4 + [False] * 3])
MASKS = {"mask": REAL[:, None, None, :], "memory_mask": REAL_MEMORY[:, None, None, :]}


def make(**changes):
    config = block_config(**changes)
    return config, randomize(RNG, decoder_block_init(RNG, config=config, dtype=np.float64))


def past(b, t, s):
    return s <= t and REAL[b, s]


def source(b, t, s):
    return REAL_MEMORY[b, s]


def test_pre_norm_step_by_step():
    config, params = make(norm_placement="pre")
    inside = plain_norm(params["before_self_attention"], X)
    x = X + plain_attention(params["self_attention"], inside, inside, H, past)
    inside = plain_norm(params["before_cross_attention"], x)
    x = x + plain_attention(params["cross_attention"], inside, MEMORY, H, source)
    x = x + plain_feed_forward(params["feed_forward"], plain_norm(params["before_feed_forward"], x))
    out, _ = decoder_block_forward(params, X, MEMORY, config=config, **MASKS)
    np.testing.assert_allclose(out, x, rtol=1e-10, atol=1e-12)


def test_post_norm_step_by_step():
    config, params = make(norm_placement="post")
    x = X + plain_attention(params["self_attention"], X, X, H, past)
    x = plain_norm(params["after_self_attention"], x)
    x = x + plain_attention(params["cross_attention"], x, MEMORY, H, source)
    x = plain_norm(params["after_cross_attention"], x)
    x = plain_norm(params["after_feed_forward"], x + plain_feed_forward(params["feed_forward"], x))
    out, _ = decoder_block_forward(params, X, MEMORY, config=config, **MASKS)
    np.testing.assert_allclose(out, x, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("placement", "used"), [("pre", "before"), ("post", "after")])
def test_init_holds_the_norms_that_the_placement_uses(placement, used):
    params = decoder_block_init(np.random.default_rng(0), dtype=np.float32,
                                config=block_config(norm_placement=placement))
    sublayers = {"self_attention", "cross_attention", "feed_forward"}
    norms = {name.split(".")[0] for name, _ in tree_items(params)} - sublayers
    assert norms == {f"{used}_{sublayer}" for sublayer in sublayers}
    assert all(x.dtype == np.float32 for _, x in tree_items(params))
    assert params["self_attention"]["q"]["w"].tolist() != params["cross_attention"]["q"][
        "w"].tolist()


def test_no_later_token_changes_an_earlier_output_to_the_bit():
    config, params = make()
    out, _ = decoder_block_forward(params, X, MEMORY, config=config)
    for t in range(T - 1):
        later = X.copy()
        later[:, t + 1:] = 1e3 * RNG.normal(size=later[:, t + 1:].shape)
        changed, _ = decoder_block_forward(params, later, MEMORY, config=config)
        assert np.array_equal(changed[:, : t + 1], out[:, : t + 1])


def test_padding_and_neighbours_change_nothing():
    config, params = make()
    out, _ = decoder_block_forward(params, X, MEMORY, config=config, **MASKS)
    alone, _ = decoder_block_forward(params, X[1:, :3], MEMORY[1:, :4], config=config)
    np.testing.assert_allclose(out[1:, :3], alone, rtol=1e-12, atol=1e-13)


def test_every_site_draws_its_own_mask_and_repeats_it():
    config, params = make()
    key = {"config": config, "dropout_key": (1, 2, 3)}
    out, cache = decoder_block_forward(params, X, MEMORY, **key)
    assert np.array_equal(out, decoder_block_forward(params, X, MEMORY, **key)[0])
    joins = [cache.after_self_attention, cache.after_cross_attention, cache.after_feed_forward]
    for site, join in enumerate(joins):
        drawn = np.random.default_rng([1, 2, 3, site]).random(X.shape, dtype=np.float32)
        assert np.array_equal(join.dropout.factor != 0, drawn >= config.dropout)


def test_kv_caches_equal_the_whole_sequence():
    config, params = make()
    options = {"config": config, "memory_mask": MASKS["memory_mask"]}
    whole, _ = decoder_block_forward(params, X, MEMORY, **options)
    kv_cache = DecoderBlockKvCache(KvCache(), KvCache())
    for t in range(T):
        out, _ = decoder_block_forward(params, X[:, t:t + 1], MEMORY, kv_cache=kv_cache, **options)
        np.testing.assert_allclose(out, whole[:, t:t + 1], rtol=1e-12, atol=1e-13)
    assert (kv_cache.self_attention.length, kv_cache.cross_attention.length) == (T, S)


def test_batch_norm_gives_way_to_layer_norm():
    config, params = make(norm="batch")
    out, _ = decoder_block_forward(params, X, MEMORY, config=config)
    layered, _ = decoder_block_forward(params, X, MEMORY, config=block_config(norm="layer"))
    assert np.array_equal(out, layered)

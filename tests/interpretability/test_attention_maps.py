"""Attention maps are the weights that the model used; rollout is their product."""

import numpy as np
import pytest

from minitransformer.interpretability.attention_maps import (
    attention_maps, cross_rollout, rollout, with_plain_attention)
from minitransformer.models import (
    DecoderOnly, DecoderOnlyConfig, EncoderDecoder, EncoderDecoderConfig, EncoderOnly,
    EncoderOnlyConfig)

SIZES = {"d_model": 12, "n_heads": 3, "n_layers": 2, "d_ff": 9, "max_seq_len": 9}
IDS, TGT = [3, 5, 4, 6, 3, 8], [1, 4, 7, 5]


def language_model(**changes):
    return DecoderOnly(DecoderOnlyConfig(11, **{**SIZES, **changes}), dtype=np.float64)


def translator(**changes):
    return EncoderDecoder(EncoderDecoderConfig(11, 11, **SIZES, **changes), dtype=np.float64)


def random_maps(*shape):
    weights = np.random.default_rng(1).uniform(size=shape)
    return weights / weights.sum(axis=-1, keepdims=True)


def test_maps_are_the_weights_in_the_caches():
    model = language_model()
    _, cache = model.forward(np.array([IDS]))
    found = attention_maps(model, IDS)
    assert list(found) == ["self"] and found["self"].shape == (2, 3, 6, 6)
    for layer in range(2):
        weights = cache.blocks[layer].attention.attention.weights
        assert np.array_equal(found["self"][layer], weights[0])
    assert np.all(found["self"][:, :, ~np.tri(6, dtype=bool)] == 0)


def test_maps_of_an_encoder_of_ids_and_of_features():
    model = EncoderOnly(EncoderOnlyConfig(11, n_classes=5, **SIZES), dtype=np.float64)
    _, cache = model.forward(ids=np.array([IDS]))
    assert np.array_equal(attention_maps(model, IDS)["self"][1],
                          cache.blocks[1].attention.attention.weights[0])
    model = EncoderOnly(EncoderOnlyConfig(n_features=4, n_classes=5, **SIZES), dtype=np.float64)
    features = np.random.default_rng(1).normal(size=(5, 4))
    _, cache = model.forward(features[None])
    assert np.array_equal(attention_maps(model, features)["self"][0],
                          cache.blocks[0].attention.attention.weights[0])


def test_maps_of_a_translator():
    model = translator()
    _, cache = model.forward([IDS], [TGT])
    found = attention_maps(model, IDS, TGT)
    assert {name: maps.shape for name, maps in found.items()} == {
        "encoder": (2, 3, 6, 6), "decoder": (2, 3, 4, 4), "cross": (2, 3, 4, 6)}
    block = cache.decoder.blocks[1]
    assert np.array_equal(found["encoder"][1],
                          cache.encoder.blocks[1].attention.attention.weights[0])
    assert np.array_equal(found["decoder"][1], block.self_attention.attention.weights[0])
    assert np.array_equal(found["cross"][1], block.cross_attention.attention.weights[0])
    for maps in found.values():
        np.testing.assert_allclose(maps.sum(axis=-1), 1, rtol=1e-12)


@pytest.mark.parametrize("make, given", [(language_model, (IDS,)), (translator, (IDS, TGT))])
def test_attention_by_tiles_and_recomputed_blocks_are_run_the_plain_way(make, given):
    plain, tiled = make(), make(attention="blockwise", recompute=True)
    found, expected = attention_maps(tiled, *given), attention_maps(plain, *given)
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=1e-12)
    assert tiled.config.attention == "blockwise" and tiled.config.recompute
    assert with_plain_attention(tiled).params is tiled.params


def test_rollout_by_hand():
    weights = np.array([[[[1, 0], [0.5, 0.5]], [[1, 0], [0.1, 0.9]]],
                        [[[1, 0], [1, 0]], [[1, 0], [0, 1]]]])               # (2, 2, 2, 2)
    first = np.array([[1, 0], [0.15, 0.85]])   # (I + [[1, 0], [0.3, 0.7]]) / 2
    second = np.array([[1, 0], [0.25, 0.75]])  # (I + [[1, 0], [0.5, 0.5]]) / 2
    np.testing.assert_allclose(rollout(weights), [first, second @ first], rtol=0, atol=1e-15)


def test_rows_of_rollout_are_shares():
    shares = rollout(random_maps(4, 3, 6, 6))
    assert shares.shape == (4, 6, 6) and np.all(shares >= 0)
    np.testing.assert_allclose(shares.sum(axis=-1), 1, rtol=1e-12)
    causal = rollout(attention_maps(language_model(), IDS)["self"])
    assert np.all(causal[:, ~np.tri(6, dtype=bool)] == 0)


def test_cross_rollout_is_a_product_of_block_matrices():
    maps = {"encoder": random_maps(2, 3, 5, 5), "decoder": random_maps(2, 3, 4, 4),
            "cross": random_maps(2, 3, 4, 5)}
    of_target, of_source = cross_rollout(maps)
    assert of_target.shape == (2, 4, 4) and of_source.shape == (2, 4, 5)
    np.testing.assert_allclose(of_target.sum(axis=-1) + of_source.sum(axis=-1), 1, rtol=1e-12)
    memory, whole = rollout(maps["encoder"])[-1], np.eye(9)
    for layer in range(2):  # over target and source together, the memory standing still
        own, cross = np.eye(9), np.eye(9)
        own[:4, :4] = (np.eye(4) + maps["decoder"][layer].mean(axis=0)) / 2
        cross[:4, :4], cross[:4, 4:] = np.eye(4) / 2, maps["cross"][layer].mean(axis=0) / 2
        whole = cross @ own @ whole
        start = np.block([[np.eye(4), np.zeros((4, 5))], [np.zeros((5, 4)), memory]])
        np.testing.assert_allclose(np.hstack([of_target[layer], of_source[layer]]),
                                   (whole @ start)[:4], rtol=0, atol=1e-14)


def test_errors_at_the_door():
    with pytest.raises(ValueError, match="got 1 sequences, expected 2: src and tgt"):
        attention_maps(translator(), IDS)
    with pytest.raises(ValueError, match="got 2 sequences, expected 1"):
        attention_maps(language_model(), IDS, TGT)
    with pytest.raises(ValueError, match="weights has shape"):
        rollout(np.ones((2, 3, 4, 5)))
    with pytest.raises(ValueError, match="weights has shape"):
        rollout(np.ones((3, 4, 4)))

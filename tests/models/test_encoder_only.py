"""The encoder alone: what its answer depends on, what it refuses, and what it keeps."""

import warnings

import numpy as np
import pytest

from minitransformer.data.labelled import LabelledBatch
from minitransformer.functional.dropout import DropoutCache
from minitransformer.models import (
    EncoderOnly, EncoderOnlyConfig, encoder_only_backward, encoder_only_forward)
from minitransformer.tree import tree_items, tree_size

SIZES = {"d_model": 12, "n_heads": 3, "n_layers": 2, "d_ff": 9, "max_seq_len": 8, "dropout": 0.0}
SHAPES = {
    "voices": {"n_features": 4, "n_classes": 5},
    "voices, post-norm, alibi": {"n_features": 4, "n_classes": 5, "norm_placement": "post",
                                 "positions": "alibi"},
    "frames": {"n_features": 4, "n_classes": 5, "pooling": "none", "positions": "learned"},
    "texts": {"vocab_size": 11, "n_classes": 5, "norm": "rms", "activation": "swiglu",
              "positions": "rotary", "n_kv_heads": 1},
    "masked words": {"vocab_size": 11, "pooling": "none", "tied_embeddings": "output"},
}
IDS = np.array([[3, 5, 4, 6, 3, 8], [7, 3, 9, 0, 0, 0], [4, 4, 5, 9, 0, 0]])   # (B, T)
REAL = IDS != 0
FEATURES = np.random.default_rng(3).normal(size=(3, 6, 4))                     # (B, T, C)
every_shape = pytest.mark.parametrize("shape", SHAPES)


def make(shape, dtype=np.float64, **changes):
    return EncoderOnly(EncoderOnlyConfig(**{**SIZES, **SHAPES[shape], **changes}), dtype=dtype)


def inputs(model, rows=slice(None), T=6):
    """What the model reads, cut to some rows and T tokens."""
    given = {"mask": REAL[rows, :T]}
    given["features" if model.config.vocab_size is None else "ids"] = (
        FEATURES if model.config.vocab_size is None else IDS)[rows, :T]
    return given


def batch_of(model, targets):
    return LabelledBatch(**{"features": None, "ids": None, **inputs(model)}, targets=targets)


def targets_for(model):
    each = np.array([[1, -1, 0, 2, 4, -1], [3, 3, 0, -1, -1, -1], [0, 1, 2, 3, -1, -1]])
    return np.array([0, 4, -1]) if model.config.pooling == "mean" else each


@every_shape
def test_neighbours_and_padding_change_no_logit(shape):
    model = make(shape)
    logits, _ = model.forward(**inputs(model))
    for row, T in enumerate(REAL.sum(axis=1)):
        alone, _ = model.forward(**inputs(model, slice(row, row + 1), T))
        found = logits[row:row + 1] if logits.ndim == 2 else logits[row:row + 1, :T]
        np.testing.assert_allclose(found, alone, rtol=0, atol=1e-12)
    order = [2, 0, 1]
    np.testing.assert_allclose(model.forward(**inputs(model, order))[0], logits[order], rtol=0,
                               atol=1e-12)


@pytest.mark.parametrize("norm", ["layer", "batch"])
def test_what_stands_at_padding_changes_no_logit_of_a_real_token(norm):
    model, other = make("frames", norm=norm), FEATURES.copy()
    other[~REAL] = 1e3
    for seed in (None, (1, 2)):  # batch norm in training: padding does not move the statistics
        logits, cache = model.forward(FEATURES, seed, mask=REAL)
        np.testing.assert_allclose(model.forward(other, seed, mask=REAL)[0][REAL], logits[REAL],
                                   rtol=0, atol=1e-12)


@pytest.mark.parametrize("shape", ["voices", "voices, post-norm, alibi"])
def test_padding_gets_no_gradient(shape):
    model = make(shape)
    logits, cache = model.forward(**inputs(model))
    _, dfeatures = encoder_only_backward(np.ones_like(logits), cache)
    assert dfeatures.shape == FEATURES.shape
    assert not dfeatures[~REAL].any() and dfeatures[REAL].all()


def test_no_attention_weight_stands_on_padding():
    model = make("texts")
    _, cache = model.forward(**inputs(model))
    for block in cache.blocks:
        weights = block.attention.attention.weights                            # (B, H, T, T)
        seen = np.broadcast_to(REAL[:, None, None, :], weights.shape)
        assert np.array_equal(weights > 0, seen)


def test_the_mask_of_ids_is_made_of_their_padding():
    model = make("texts")
    logits, _ = model.forward(ids=IDS)
    assert np.array_equal(logits, model.forward(ids=IDS, mask=REAL)[0])
    assert not np.allclose(logits, model.forward(ids=IDS, mask=np.ones_like(REAL))[0])
    fewer = REAL.copy()
    fewer[0, 4:] = False
    np.testing.assert_allclose(model.forward(ids=IDS, mask=fewer)[0][:1],
                               model.forward(ids=IDS[:1, :4])[0], rtol=0, atol=1e-12)


def test_all_features_count_without_a_mask():
    model = make("voices")
    assert np.array_equal(model.forward(FEATURES)[0],
                          model.forward(FEATURES, mask=np.ones((3, 6), bool))[0])


def test_a_sequence_of_padding_alone_is_finite_and_silent():
    for shape in ("voices", "texts"):
        model, real = make(shape), REAL.copy()
        real[1] = False
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            logits, cache = model.forward(**{**inputs(model), "mask": real})
            dparams, _ = encoder_only_backward(np.ones_like(logits), cache)
        assert np.isfinite(logits).all()
        np.testing.assert_array_equal(logits[1], model.params["output"]["b"])
        assert all(np.isfinite(x).all() for _, x in tree_items(dparams))


def test_a_permutation_of_the_tokens_changes_nothing_without_positions():
    for positions, matters in (("none", False), ("sinusoidal", True)):
        model = make("voices", positions=positions)
        apart = model.forward(FEATURES[:, ::-1])[0] - model.forward(FEATURES)[0]
        assert (np.abs(apart).max() > 1e-6) == matters


def test_a_front_end_that_is_identity_changes_nothing_more():
    model = make("voices", positions="none", n_features=12)
    model.params["embedding"] = {"w": np.eye(12), "b": np.zeros(12)}
    x = np.random.default_rng(0).normal(size=(2, 5, 12))
    _, cache = model.forward(x)
    assert np.array_equal(cache.blocks[0].attention.q.x, cache.blocks[0].attention.k.x)
    np.testing.assert_array_equal(cache.embedding.embedding.projection.x, x)
    assert cache.embedding.embedding.dropout.factor is None


@every_shape
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_loss_gradients_and_dtype(shape, dtype):
    model = make(shape, dtype)
    batch = batch_of(model, targets_for(model))
    assert model.forward(**inputs(model))[0].dtype == dtype and model.dtype == dtype
    loss, grads = model.loss_and_grads(batch, dropout_seed=(1, 2))
    assert loss == pytest.approx(model.loss(batch), rel=1e-5)
    assert [(name, x.shape, x.dtype) for name, x in tree_items(grads)] == [
        (name, x.shape, dtype) for name, x in tree_items(model.params)]


@every_shape
def test_targets_of_minus_one_do_not_count_and_those_of_zero_do(shape):
    model = make(shape)
    targets = targets_for(model)
    logits = model.forward(**inputs(model))[0]
    log_probs = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    picked = [log_probs[n][targets[n]] for n in np.ndindex(targets.shape) if targets[n] >= 0]
    assert model.loss(batch_of(model, targets)) == pytest.approx(-np.mean(picked), rel=1e-12)


def test_the_largest_logit_is_predicted():
    for shape in ("voices", "masked words"):
        model = make(shape)
        logits = model.forward(**inputs(model))[0]
        assert np.array_equal(model.predict(**inputs(model)), logits.argmax(axis=-1))


def test_dropout_is_reproduced_by_its_seed_and_each_site_has_a_mask_of_its_own():
    def factors(cache):
        if isinstance(cache, DropoutCache):
            return [cache.factor]
        children = cache if isinstance(cache, (tuple, list)) else ()
        return [factor for child in children for factor in factors(child)]

    model = make("frames", dropout=0.4)
    logits, cache = model.forward(FEATURES, (3, 7))
    assert np.array_equal(logits, model.forward(FEATURES, (3, 7))[0])
    for other in ((3, 8), (4, 7), None):
        assert not np.allclose(logits, model.forward(FEATURES, other)[0])
    keys = [(0, 0), *[(1 + i, site) for i in range(2) for site in range(2)]]
    for factor, key in zip(factors(cache), keys, strict=True):
        drawn = np.random.default_rng([3, 7, *key]).random(factor.shape, dtype=np.float32)
        assert np.array_equal(factor != 0, drawn >= 0.4)


def test_the_running_statistics_of_batch_norm_are_kept_and_used():
    model = make("voices", norm="batch")
    batch, before = batch_of(model, targets_for(model)), dict(tree_items(model.state))
    names = {name.split(".")[-2] for name in before}
    assert names == {"before_attention", "before_feed_forward", "norm"}
    alone = model.forward(FEATURES[:1])[0]
    np.testing.assert_allclose(model.forward(FEATURES)[0][:1], alone, rtol=0, atol=1e-12)
    model.loss_and_grads(batch, dropout_seed=(1, 1))
    after = dict(tree_items(model.state))
    assert all(not np.array_equal(x, before[name]) for name, x in after.items())
    assert not np.allclose(model.forward(FEATURES[:1])[0], alone)
    model.loss_and_grads(batch)
    assert dict(tree_items(model.state)).keys() == after.keys()
    assert all(np.array_equal(x, after[name]) for name, x in tree_items(model.state))


def test_a_tied_table_is_the_output_too():
    tied = make("masked words")
    own = make("masked words", tied_embeddings="none")
    assert tree_size(own.params) - tree_size(tied.params) == 12 * 11 + 11
    tied.params["embedding"]["table"][7] = 0
    assert not tied.forward(ids=IDS)[0][..., 7].any()


def test_parameters_have_the_shapes_that_the_configuration_says():
    for shape, names in (("voices", {"w": (4, 12), "b": (12,)}), ("texts", {"table": (11, 12)}),
                         ("frames", {"w": (4, 12), "b": (12,), "positions": (8, 12)})):
        model = make(shape)
        assert {name: x.shape for name, x in model.params["embedding"].items()} == names
        assert model.params["output"]["w"].shape == (12, 5)
    assert make("masked words", tied_embeddings="none").params["output"]["w"].shape == (12, 11)
    assert all(x.dtype == np.float32 for _, x in tree_items(EncoderOnly(EncoderOnlyConfig(
        n_features=4, n_classes=2, d_model=4, n_heads=1, n_layers=1, d_ff=4)).params))


@pytest.mark.parametrize("shape, norm", [("voices", "batch"), ("texts", "rms")])
def test_saved_and_loaded(tmp_path, shape, norm):
    model = make(shape, np.float32, norm=norm)
    model.loss_and_grads(batch_of(model, targets_for(model)), dropout_seed=(1, 1))
    model.save(tmp_path / "model.npz")
    again = EncoderOnly.load(tmp_path / "model.npz")
    assert again.config == model.config
    assert np.array_equal(again.forward(**inputs(model))[0], model.forward(**inputs(model))[0])


def test_the_pair_takes_features_as_they_are():
    model = make("voices")
    logits, cache = encoder_only_forward(model.params, FEATURES, mask=REAL.tolist(),
                                         config=model.config)
    assert np.array_equal(logits, model.forward(FEATURES, mask=REAL)[0])
    assert encoder_only_backward(np.ones_like(logits), cache)[1].dtype == np.float64

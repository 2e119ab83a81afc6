"""A model from its embedded tokens on: the model's own logits, and their gradient."""

import numpy as np
import pytest

from minitransformer.gradient_check import assert_gradients
from minitransformer.interpretability.embedded import embedded
from minitransformer.models import (
    DecoderOnly, DecoderOnlyConfig, EncoderDecoder, EncoderDecoderConfig, EncoderOnly,
    EncoderOnlyConfig)

SIZES = {"d_model": 12, "n_heads": 3, "n_layers": 2, "d_ff": 9, "max_seq_len": 9}
IDS, TGT = [3, 5, 4, 6, 3, 8], [1, 4, 7, 5]
FEATURES = np.random.default_rng(3).normal(size=(6, 4))
MODELS = {
    "language model": DecoderOnly(DecoderOnlyConfig(11, **SIZES), dtype=np.float64),
    "llama": DecoderOnly(DecoderOnlyConfig(
        11, norm="rms", activation="swiglu", positions="rotary", n_kv_heads=1, bias=False,
        tied_embeddings="none", recompute=True, **SIZES), dtype=np.float64),
    "texts": EncoderOnly(EncoderOnlyConfig(11, n_classes=5, **SIZES), dtype=np.float64),
    "bert": EncoderOnly(EncoderOnlyConfig(
        11, pooling="none", tied_embeddings="output", norm_placement="post", embedding_norm=True,
        positions="learned", **SIZES), dtype=np.float64),
    "voices": EncoderOnly(EncoderOnlyConfig(n_features=4, n_classes=5, norm="batch", **SIZES),
                          dtype=np.float64),
    "translator": EncoderDecoder(EncoderDecoderConfig(11, 11, **SIZES), dtype=np.float64),
    "tied translator": EncoderDecoder(EncoderDecoderConfig(
        11, 11, tied_embeddings="all", norm_placement="post", norm="batch", **SIZES),
        dtype=np.float64),
}
every_model = pytest.mark.parametrize("name", MODELS)


def as_function(name, place=-1, model=None):
    model = MODELS[name] if model is None else model
    if model.kind == "encoder_decoder":
        return embedded(model, IDS, tgt=TGT, place=place)
    return embedded(model, FEATURES if name == "voices" else IDS, place=place)


def own_logits(name, place=-1):
    """The model's logits at the place, (n,)."""
    model = MODELS[name]
    if model.kind == "encoder_decoder":
        return model.forward([IDS], [TGT])[0][0, place]
    if name == "voices":
        return model.forward(FEATURES[None])[0][0]
    logits = (model.forward(np.array([IDS])) if model.kind == "decoder_only"
              else model.forward(ids=np.array([IDS])))[0][0]
    return logits if logits.ndim == 1 else logits[place]


@every_model
@pytest.mark.parametrize("place", [-1, 2])
def test_the_logits_are_the_models_own(name, place):
    function = as_function(name, place)
    logits, _ = function.forward(function.x)
    np.testing.assert_allclose(logits[0], own_logits(name, place), rtol=0, atol=1e-12)


@every_model
@pytest.mark.parametrize("place", [-1, 1])
def test_the_gradient_is_that_of_the_complex_step(name, place):
    function, rng = as_function(name, place), np.random.default_rng(5)
    x = rng.normal(size=(2, *function.x.shape[1:]))
    assert_gradients(function.forward, function.backward, x)


@every_model
def test_rows_of_a_batch_do_not_mix(name):
    function = as_function(name)
    both = np.concatenate([function.average, function.x])
    together, _ = function.forward(both)
    np.testing.assert_allclose(together[1:], function.forward(function.x)[0], rtol=0, atol=1e-12)


@every_model
def test_the_average_token_stands_in_every_place(name):
    function = as_function(name)
    assert function.average.shape == function.x.shape
    model = MODELS[name]
    if name == "language model":
        table = model.params["embedding"]["table"]
        rows = table[IDS] - table.mean(axis=0)
        np.testing.assert_allclose(function.x[0] - function.average[0], rows * np.sqrt(12),
                                   rtol=0, atol=1e-13)
    elif name == "voices":
        logits, _ = model.forward(np.zeros((1, 6, 4)))
        np.testing.assert_allclose(function.forward(function.average)[0], logits, atol=1e-12)


def test_padding_in_the_source_has_no_say():
    function = embedded(MODELS["translator"], [3, 5, 0, 4], tgt=TGT)
    _, cache = function.forward(function.x)
    dx = function.backward(np.ones((1, 11)), cache)
    assert np.all(dx[0, 2] == 0) and np.all(np.any(dx[0, [0, 1, 3]] != 0, axis=-1))


def test_later_tokens_get_no_gradient_in_a_language_model():
    function = as_function("language model", place=2)
    dx = function.backward(np.ones((1, 11)), function.forward(function.x)[1])
    assert np.all(dx[0, 3:] == 0) and np.all(np.any(dx[0, :3] != 0, axis=-1))


def test_single_precision_is_kept():
    function = embedded(DecoderOnly(DecoderOnlyConfig(11, **SIZES)), IDS)
    logits, cache = function.forward(function.x)
    assert {function.x.dtype, function.average.dtype, logits.dtype,
            function.backward(logits, cache).dtype} == {np.dtype(np.float32)}


def test_errors_at_the_door():
    with pytest.raises(ValueError, match="place is 6, but there are 6 tokens"):
        as_function("language model", place=6)
    with pytest.raises(ValueError, match="place is -5, but there are 4"):
        as_function("translator", place=-5)
    with pytest.raises(ValueError, match="tgt"):
        embedded(MODELS["translator"], IDS)
    with pytest.raises(ValueError, match="tgt"):
        embedded(MODELS["texts"], IDS, tgt=TGT)
    with pytest.raises(ValueError, match="id 11"):
        embedded(MODELS["texts"], [3, 11])
    with pytest.raises(ValueError, match="id 12"):
        embedded(MODELS["translator"], [12], tgt=TGT)
    with pytest.raises(ValueError, match="features"):
        embedded(MODELS["voices"], IDS)

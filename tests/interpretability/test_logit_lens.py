"""The logit lens: the head on every stream; the last row is the model's own output."""

import numpy as np
import pytest

from minitransformer.interpretability.logit_lens import likeliest, logit_lens, streams
from minitransformer.layers import encoder_block_forward, token_embedding_forward
from minitransformer.models import (
    DecoderOnly, DecoderOnlyConfig, EncoderDecoder, EncoderDecoderConfig, EncoderOnly,
    EncoderOnlyConfig)

SIZES = {"d_model": 12, "n_heads": 3, "n_layers": 3, "d_ff": 9, "max_seq_len": 9}
IDS = [3, 5, 4, 6, 3, 8]


@pytest.mark.parametrize("changes", [
    {}, {"norm": "rms", "positions": "rotary", "tied_embeddings": "none", "recompute": True},
    {"norm_placement": "post"}])
def test_the_last_row_is_a_language_model_s_output(changes):
    model = DecoderOnly(DecoderOnlyConfig(11, **SIZES, **changes), dtype=np.float64)
    found = logit_lens(model, IDS)
    assert found.shape == (4, 6, 11)
    np.testing.assert_allclose(found[-1], model.forward(np.array([IDS]))[0][0], atol=1e-12)


@pytest.mark.parametrize("changes", [
    {"tied_embeddings": "output"}, {"n_classes": 5, "norm": "batch"},
    {"norm_placement": "post", "embedding_norm": True}])
def test_the_last_row_is_an_encoder_s_output(changes):
    model = EncoderOnly(EncoderOnlyConfig(11, pooling="none", **SIZES, **changes),
                        dtype=np.float64)
    np.testing.assert_allclose(logit_lens(model, IDS)[-1],
                               model.forward(ids=np.array([IDS]))[0][0], atol=1e-12)


def test_padding_is_not_attended_to():
    model = DecoderOnly(DecoderOnlyConfig(11, positions="rotary", **SIZES), dtype=np.float64)
    np.testing.assert_allclose(logit_lens(model, [0, 0, *IDS])[:, 2:], logit_lens(model, IDS),
                               rtol=0, atol=1e-12)


def test_a_model_cut_short_says_what_the_lens_sees():
    model = DecoderOnly(DecoderOnlyConfig(11, **SIZES), dtype=np.float64)
    found = logit_lens(model, IDS)
    for layers in range(3):
        short = DecoderOnly(DecoderOnlyConfig(11, **{**SIZES, "n_layers": layers or 1}),
                            dtype=np.float64)
        short.params = {**model.params, "blocks": model.params["blocks"][:layers]}
        np.testing.assert_allclose(found[layers], short.forward(np.array([IDS]))[0][0],
                                   rtol=0, atol=1e-12)


def test_streams_are_what_stands_between_the_blocks():
    model = DecoderOnly(DecoderOnlyConfig(11, **SIZES), dtype=np.float64)
    found = streams(model, IDS)
    x, _ = token_embedding_forward(model.params["embedding"], ids=np.array([IDS]),
                                   config=model.config)
    assert found.shape == (4, 6, 12)
    np.testing.assert_allclose(found[0], x[0], rtol=0, atol=1e-14)
    for i, block in enumerate(model.params["blocks"]):
        x, _ = encoder_block_forward(block, x, config=model.config, causal=True)
        np.testing.assert_allclose(found[i + 1], x[0], rtol=0, atol=1e-13)


def test_the_likeliest_stand_first():
    logits = np.log([[0.1, 0.6, 0.3], [0.5, 0.25, 0.25]])
    found = likeliest(logits, k=2)
    assert found.ids.tolist() == [[1, 2], [0, 1]]
    np.testing.assert_allclose(found.probabilities, [[0.6, 0.3], [0.5, 0.25]], atol=1e-15)


@pytest.mark.parametrize("model", [
    EncoderDecoder(EncoderDecoderConfig(11, 11, **SIZES)),
    EncoderOnly(EncoderOnlyConfig(11, n_classes=5, **SIZES)),
    EncoderOnly(EncoderOnlyConfig(n_features=4, n_classes=5, pooling="none", **SIZES))])
def test_a_model_that_names_no_tokens_is_refused(model):
    with pytest.raises(ValueError, match="names a token in each place"):
        logit_lens(model, IDS)

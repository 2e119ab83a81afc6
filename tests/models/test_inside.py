"""What a model does on the way, where neither its loss nor its gradient would tell."""

import numpy as np
import pytest

from minitransformer.data.batching import Batch
from minitransformer.kv_cache import DecoderBlockKvCache, KvCache
from minitransformer.layers import (
    decoder_block_forward, encoder_block_forward, token_embedding_forward)
from minitransformer.models import (
    DecoderOnly, DecoderOnlyConfig, EncoderDecoder, EncoderDecoderConfig, decoder_forward,
    encoder_forward, state_init)
from minitransformer.training.checkpoint import CheckpointError, save_arrays
from minitransformer.tree import tree_items

SIZES = {"d_model": 12, "n_heads": 3, "n_layers": 3, "d_ff": 9, "max_seq_len": 14}
SRC = np.array([[3, 5, 4, 6, 3], [7, 3, 9, 8, 4]])
TGT = np.array([[1, 4, 3, 9, 8, 5], [1, 8, 6, 3, 7, 7]])


def translator(**changes):
    return EncoderDecoder(EncoderDecoderConfig(10, 10, **{**SIZES, **changes}), dtype=np.float64)


def language_model(**changes):
    return DecoderOnly(DecoderOnlyConfig(10, **{**SIZES, **changes}), dtype=np.float64)


def through_blocks(x, params, forward, config, layers, **options):
    """x after the blocks, block i with the dropout of layer layers[i]."""
    for block, layer in zip(params["blocks"], layers, strict=True):
        x, _ = forward(block, *x if isinstance(x, tuple) else (x,), config=config,
                       dropout_key=(7, 8, layer), **options)
    return x


def test_each_layer_of_a_language_model_draws_its_own_dropout():
    model = language_model(dropout=0.5, norm="none")
    x, _ = token_embedding_forward(model.params["embedding"], ids=TGT, config=model.config,
                                   dropout_key=(7, 8, 0))
    x = through_blocks(x, model.params, encoder_block_forward, model.config, [1, 2, 3],
                       causal=True)
    logits, _ = model.forward(TGT, dropout_seed=(7, 8))
    np.testing.assert_allclose(logits, x @ model.params["embedding"]["table"].T, rtol=1e-12)


def test_each_layer_of_encoder_and_decoder_draws_its_own_dropout():
    model = translator(dropout=0.5, norm="none")
    config, encoder, decoder = model.config, model.params["encoder"], model.params["decoder"]
    x, _ = token_embedding_forward(encoder["embedding"], ids=SRC, config=config,
                                   dropout_key=(7, 8, 0))
    memory = through_blocks(x, encoder, encoder_block_forward, config, [1, 2, 3])
    x, _ = token_embedding_forward(decoder["embedding"], ids=TGT, config=config,
                                   dropout_key=(7, 8, 4))
    for block, layer in zip(decoder["blocks"], [5, 6, 7], strict=True):
        x, _ = decoder_block_forward(block, x, memory, config=config, dropout_key=(7, 8, layer))
    logits, _ = model.forward(SRC, TGT, dropout_seed=(7, 8))
    np.testing.assert_allclose(
        logits, x @ decoder["output"]["w"] + decoder["output"]["b"], rtol=1e-10)


@pytest.mark.parametrize("positions", ["none", "rotary", "alibi"])
def test_padding_before_a_text_is_not_attended_to(positions):
    model = language_model(positions=positions, d_model=12)
    padded = np.pad(TGT, ((0, 0), (4, 0)))
    np.testing.assert_allclose(model.forward(padded)[0][:, 4:], model.forward(TGT)[0], rtol=0,
                               atol=1e-12)


def test_several_new_tokens_at_once_go_on_from_the_cache():
    model = language_model()
    full, _ = model.forward(TGT)
    step, rows = model.decoding_step(), np.arange(2)
    step(TGT[:, :2], rows)
    np.testing.assert_allclose(step(TGT[:, 2:5], rows)[:, 1:], full[:, 4, 1:], atol=1e-12)

    model = translator()
    full, _ = model.forward(SRC, TGT)
    memory, _ = encoder_forward(model.params["encoder"], src=SRC, config=model.config)
    kv_cache = [DecoderBlockKvCache(KvCache(), KvCache()) for _ in range(3)]
    found = [decoder_forward(model.params["decoder"], memory, tgt=TGT[:, part], src=SRC,
                             config=model.config, kv_cache=kv_cache)[0]
             for part in (slice(0, 2), slice(2, 5), slice(5, 6))]
    np.testing.assert_allclose(np.concatenate(found, axis=1), full, atol=1e-12)


def test_a_text_may_fill_the_model_to_the_last_token():
    model = language_model()
    assert len(model.generate([[3, 4, 5]], max_new_tokens=11)[0]) == 11
    with pytest.raises(ValueError, match="make 15 tokens, but max_seq_len is 14"):
        model.generate([[3, 4, 5]], max_new_tokens=12)


def trained(**changes):
    """A translator with batch norm whose running statistics have moved."""
    model = translator(norm="batch", **changes)
    batch = Batch(SRC, TGT, TGT)
    for step in range(3):
        model.loss_and_grads(batch, dropout_seed=(0, step))
    return model


@pytest.mark.parametrize("norm_placement", ["pre", "post"])
def test_in_evaluation_batch_norm_uses_what_training_left(norm_placement):
    model = trained(norm_placement=norm_placement)
    together, _ = model.forward(SRC, TGT)
    alone, _ = model.forward(SRC[:1], TGT[:1])
    np.testing.assert_allclose(together[:1], alone, rtol=0, atol=1e-12)
    model.state = state_init(config=model.config, dtype=np.float64)
    assert np.max(np.abs(model.forward(SRC, TGT)[0] - together)) > 1e-3


@pytest.mark.parametrize("norm_placement", ["pre", "post"])
def test_running_statistics_stand_where_the_norms_are(norm_placement):
    state = trained(norm_placement=norm_placement).state
    sites = {name.split(".", 2)[2] for name, _ in tree_items(state["blocks"], "blocks")}
    used = "before" if norm_placement == "pre" else "after"
    assert sites == {f"{used}_{sublayer}.{what}" for sublayer in ("attention", "feed_forward")
                     for what in ("mean", "variance")}
    assert list(state["norm"]) == (["mean", "variance"] if norm_placement == "pre" else [])
    start = state_init(config=translator(norm="batch", norm_placement=norm_placement).config)
    for (name, x), (_, before) in zip(tree_items(state), tree_items(start), strict=True):
        assert not np.allclose(x, before), name


def test_only_training_renews_the_state():
    model, batch = translator(norm="batch"), Batch(SRC, TGT, TGT)
    before = model.state
    model.loss_and_grads(batch)
    model.loss(batch)
    assert model.state is before
    model.loss_and_grads(batch, dropout_seed=(0, 0))
    assert model.state is not before


def test_a_decoder_with_batch_norm_in_its_encoder_sees_no_later_token():
    model, changed = trained(), TGT.copy()
    changed[:, 4:] = 2
    before, after = model.forward(SRC, TGT)[0], model.forward(SRC, changed)[0]
    np.testing.assert_allclose(before[:, :4], after[:, :4], rtol=0, atol=1e-13)


def test_another_kind_of_model_is_not_loaded(tmp_path):
    language_model().save(tmp_path / "model.npz")
    with pytest.raises(CheckpointError, match="decoder_only"):
        EncoderDecoder.load(tmp_path / "model.npz")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_model_is_loaded_in_the_type_that_it_was_saved_in(tmp_path, dtype):
    model = DecoderOnly(DecoderOnlyConfig(10, **SIZES), dtype=dtype)
    model.save(tmp_path / "model.npz")
    for (name, x), (_, saved) in zip(tree_items(DecoderOnly.load(tmp_path / "model.npz").params),
                                     tree_items(model.params), strict=True):
        assert x.dtype == dtype and np.array_equal(x, saved), name


@pytest.mark.parametrize("config", [{}, {"vocab_size": 10, "depth": 3}, {"vocab_size": -1}])
def test_a_configuration_of_another_version_is_refused(tmp_path, config):
    save_arrays(tmp_path / "model.npz", {"params.x": np.ones(3)},
                {"model": "decoder_only", "config": config})
    with pytest.raises(CheckpointError, match="no usable configuration"):
        DecoderOnly.load(tmp_path / "model.npz")


def test_a_file_without_arrays_is_refused(tmp_path):
    save_arrays(tmp_path / "model.npz", {}, {"model": "decoder_only",
                                             "config": {"vocab_size": 10}})
    with pytest.raises(CheckpointError, match="more parameters than the 0 numbers"):
        DecoderOnly.load(tmp_path / "model.npz")

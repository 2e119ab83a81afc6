"""Bytes: the count of what a cache keeps, and the formulas, which agree with it to the byte."""

import functools
import tracemalloc
from typing import NamedTuple

import numpy as np
import pytest

from minitransformer.data.batching import Batch
from minitransformer.functional import padding_mask
from minitransformer.layers import (
    decoder_block_forward, decoder_block_init, encoder_block_forward, encoder_block_init)
from minitransformer.models import EncoderDecoder, EncoderDecoderConfig
from minitransformer.teaching.byte_count import (
    decoder_block_bytes, encoder_block_bytes, kept_arrays, kept_bytes, layer_peak_bytes,
    model_bytes, step_bytes, traced_peak)
from minitransformer.teaching.memory_runs import layer_step, random_batch, training_step
from minitransformer.tree import tree_size

B, T, S = 2, 5, 7
RNG = np.random.default_rng(0)


class Two(NamedTuple):
    x: np.ndarray
    inside: object


def a_config(**changes):
    return EncoderDecoderConfig(11, 13, **{"d_model": 12, "n_heads": 3, "n_layers": 3, "d_ff": 20,
                                           "max_seq_len": 1024} | changes)


each_attention = pytest.mark.parametrize("attention", ["plain", "blockwise"])
each_dropout = pytest.mark.parametrize("dropout", [0.0, 0.1])


def test_memory_counts_once_under_its_first_name_and_a_view_as_what_it_looks_into():
    x, other = np.zeros((4, 6)), np.zeros(3, np.float32)
    cache = Two(x[1:].T, [{"again": x, "other": other}, None, 3, "text"])
    assert kept_arrays(cache).keys() == {"x", "inside.0.other"}
    assert kept_arrays(cache)["x"] is x
    assert kept_bytes(cache) == {"x": 192, "inside.0.other": 12}
    assert kept_bytes(cache, without={"w": other[1:]}) == {"x": 192}
    assert kept_bytes(x) == {"": 192}


def test_what_a_function_was_given_in_advance_is_kept_too():
    given = functools.partial(print, mask=np.ones(5, bool), training=True)
    assert kept_bytes([given]) == {"0.mask": 5}


@each_attention
@each_dropout
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_blocks_formulas_agree_with_the_count_to_the_byte(attention, dropout, dtype):
    config = a_config(attention=attention, dropout=dropout)
    x, memory = (RNG.normal(size=(B, n, 12)).astype(dtype) for n in (T, S))
    mask, memory_mask = (padding_mask(RNG.integers(1, 5, (B, n)), 0) for n in (T, S))
    n = dtype().nbytes
    for key, training in (((0, 0, 0), True), (None, False)):
        params = encoder_block_init(RNG, config=config, dtype=dtype)
        _, cache = encoder_block_forward(params, x, config=config, mask=mask, dropout_key=key)
        assert kept_bytes(cache, params) == encoder_block_bytes(
            config, B=B, T=T, n=n, training=training)
        params = decoder_block_init(RNG, config=config, dtype=dtype)
        _, cache = decoder_block_forward(params, x, memory, config=config, mask=mask,
                                         memory_mask=memory_mask, dropout_key=key)
        assert kept_bytes(cache, params) == decoder_block_bytes(
            config, B=B, T=T, S=S, n=n, training=training)


@each_attention
@each_dropout
@pytest.mark.parametrize("recompute", [False, True])
def test_the_models_formula_agrees_with_the_count_to_the_byte(attention, dropout, recompute):
    config = a_config(attention=attention, dropout=dropout, recompute=recompute)
    model = EncoderDecoder(config)
    batch = Batch(*(RNG.integers(3, 11, (B, n)) for n in (S, T, T)))
    for seed, training in (((0, 1), True), (None, False)):
        _, cache = model.logits(batch, seed)
        assert kept_bytes(cache, model.params) == model_bytes(
            config, B=B, S=S, T=T, training=training)


@pytest.mark.parametrize("changes", [
    {"norm": "rms"}, {"norm_placement": "post"}, {"activation": "gelu"}, {"n_kv_heads": 1},
    {"positions": "rotary"}, {"attention": "auto"}])
def test_other_options_are_refused_by_name(changes):
    (name,) = changes
    with pytest.raises(ValueError, match=f"{name} is .*the formula knows"):
        encoder_block_bytes(a_config(**changes), B=B, T=T)


@each_attention
@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize(("vocab_size", "length"), [(1000, 1024), (8000, 512)])
def test_a_steps_peak_is_near_the_prediction(attention, recompute, vocab_size, length):
    config = EncoderDecoderConfig(vocab_size, vocab_size, d_model=64, n_heads=4, n_layers=2,
                                  d_ff=256, max_seq_len=1024, attention=attention,
                                  recompute=recompute)
    (_, parameters), peak = traced_peak(lambda: training_step(config, length=length))
    assert parameters == tree_size(EncoderDecoder(config).params)
    predicted = step_bytes(config, parameters, B=1, S=length, T=length)
    assert abs(peak / predicted["the peak"] - 1) < 0.08
    assert predicted["the peak"] == max(predicted["at the loss"], predicted["in backward"])


@each_attention
@pytest.mark.parametrize("length", [600, 1000])
def test_a_layers_peak_is_the_prediction(attention, length):
    peak, _ = layer_step(attention, length=length, d_model=64, n_heads=4)
    predicted = layer_peak_bytes(attention, T=length, D=64, H=4)
    assert 0 <= peak - predicted < 1.2 * 2 ** 20  # the tiles, and Python's own


def test_the_peak_is_what_the_call_held_beyond_what_was_there():
    before = np.zeros(10 ** 6, np.uint8)
    result, peak = traced_peak(lambda: np.zeros(3 * 10 ** 6, np.uint8).sum() + before[0])
    assert result == 0 and 3e6 <= peak < 3.1e6
    assert not tracemalloc.is_tracing()
    tracemalloc.start()
    other = np.zeros(10 ** 6, np.uint8)
    assert 2e6 <= traced_peak(lambda: np.zeros(2 * 10 ** 6, np.uint8).sum())[1] < 2.1e6
    assert tracemalloc.is_tracing() and other.size
    tracemalloc.stop()


def test_a_batch_holds_no_special_ids():
    batch = random_batch(a_config(), length=400)
    assert batch.src.shape == batch.tgt.shape == batch.targets.shape == (1, 400)
    assert min(batch.src.min(), batch.tgt.min(), batch.targets.min()) == 3
    assert (batch.src.max(), batch.tgt.max()) == (10, 12)

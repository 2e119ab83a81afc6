"""Recomputing: the same loss and gradients to the bit, and less memory in between."""

from types import SimpleNamespace

import numpy as np
import pytest

from minitransformer.data.batching import Batch
from minitransformer.models import (
    DecoderOnly, DecoderOnlyConfig, EncoderDecoder, EncoderDecoderConfig, EncoderOnly,
    EncoderOnlyConfig)
from minitransformer.models.recompute import Recomputed, whole
from minitransformer.tree import tree_items

SIZES = {"d_model": 12, "n_heads": 3, "n_layers": 3, "d_ff": 20, "max_seq_len": 9, "dropout": 0.3}
SRC = np.array([[3, 5, 4, 6, 3, 8, 9], [7, 3, 9, 0, 0, 0, 0]])
TGT = np.array([[1, 4, 3, 9, 8], [1, 8, 0, 0, 0]])
TARGETS = np.array([[4, 3, 9, 8, 2], [8, 2, 0, 0, 0]])


def encoder_decoder(**changes):
    return EncoderDecoder(EncoderDecoderConfig(10, 10, **SIZES, **changes)), Batch(
        SRC, TGT, TARGETS)


def decoder_only(**changes):
    return DecoderOnly(DecoderOnlyConfig(10, **SIZES, **changes)), Batch(None, TGT, TARGETS)


def encoder_only(**changes):
    config = EncoderOnlyConfig(vocab_size=10, pooling="none", **SIZES, **changes)
    return EncoderOnly(config), SimpleNamespace(features=None, ids=SRC, mask=None, targets=SRC)


every_model = pytest.mark.parametrize("make", [encoder_decoder, decoder_only, encoder_only])


def arrays_of(cache):
    """{id: array} of every array that a cache holds, parameters included."""
    found = {}

    def collect(value):
        if isinstance(value, np.ndarray):
            while isinstance(value.base, np.ndarray):
                value = value.base
            found[id(value)] = value
        elif isinstance(value, dict):
            list(map(collect, value.values()))
        elif isinstance(value, (tuple, list)):
            list(map(collect, value))

    collect(cache)
    return found


@every_model
@pytest.mark.parametrize("changes", [{}, {"norm": "rms", "positions": "rotary"}])
def test_gradients_are_the_same_to_the_bit(make, changes):
    (model, batch), (other, _) = make(**changes), make(**changes, recompute=True)
    loss, grads = model.loss_and_grads(batch, dropout_seed=(4, 2))
    again, recomputed = other.loss_and_grads(batch, dropout_seed=(4, 2))
    assert loss == again
    for (name, g), (_, r) in zip(tree_items(grads), tree_items(recomputed), strict=True):
        assert np.array_equal(g, r), name


@pytest.mark.parametrize("make", [encoder_decoder, encoder_only])
def test_running_statistics_are_the_same_and_renewed_once(make):
    (model, batch), (other, _) = (make(norm="batch", recompute=flag) for flag in (False, True))
    for step in range(2):
        model.loss_and_grads(batch, dropout_seed=(4, step))
        other.loss_and_grads(batch, dropout_seed=(4, step))
    for (name, x), (_, y) in zip(tree_items(model.state), tree_items(other.state), strict=True):
        assert np.array_equal(x, y), name


@every_model
def test_a_block_keeps_its_input_alone(make):
    caches = []
    for flag in (False, True):
        model, batch = make(recompute=flag)
        params = arrays_of(model.params)
        _, cache = model.logits(batch, dropout_seed=(4, 2))
        blocks = cache.blocks if hasattr(cache, "blocks") else (
            cache.encoder.blocks + cache.decoder.blocks)
        caches.append([x for key, x in arrays_of(blocks).items() if key not in params])
        kinds = {type(block) is Recomputed for block in blocks}
        assert kinds == {flag}
    whole_bytes, kept_bytes = (sum(x.nbytes for x in arrays) for arrays in caches)
    assert kept_bytes < 0.15 * whole_bytes


def test_a_cache_that_was_kept_is_whole_already():
    model, batch = decoder_only()
    _, cache = model.logits(batch)
    assert whole(cache.blocks[0]) is cache.blocks[0]


def test_a_recomputed_cache_is_that_of_the_forward():
    (model, batch), (other, _) = decoder_only(), decoder_only(recompute=True)
    _, cache = model.logits(batch, dropout_seed=(0, 1))
    _, forgotten = other.logits(batch, dropout_seed=(0, 1))
    for kept, made_again in zip(cache.blocks, forgotten.blocks, strict=True):
        assert np.array_equal(kept.attention.attention.weights,
                              whole(made_again).attention.attention.weights)


def test_recompute_is_yes_or_no():
    with pytest.raises(ValueError, match="recompute is 1, expected True or False"):
        DecoderOnlyConfig(10, recompute=1)

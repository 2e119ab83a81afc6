"""What every configuration checks when it is made, and that its fields reach where they act."""

import dataclasses

import numpy as np
import pytest

from minitransformer.models import (
    DecoderOnly, DecoderOnlyConfig, EncoderDecoder, EncoderDecoderConfig, EncoderOnly,
    EncoderOnlyConfig, ModelConfig)
from minitransformer.tree import tree_items

SIZES = {"d_model": 8, "n_heads": 2, "n_layers": 2, "d_ff": 6, "max_seq_len": 9}
IDS = np.array([[3, 5, 0, 4], [6, 2, 1, 0]])


def language_model(**changes):
    return DecoderOnly(DecoderOnlyConfig(8, **SIZES, **changes), dtype=np.float64)


@pytest.mark.parametrize("changes, words", [
    ({"norm_eps": 0}, "norm_eps is 0, expected a finite number above 0"),
    ({"norm_eps": "1e-5"}, "norm_eps is '1e-5', expected a finite number"),
    ({"rope_base": float("inf")}, "rope_base is inf"),
    ({"rope_base": True}, "rope_base is True, expected a finite number"),
    ({"norm_eps": True}, "norm_eps is True, expected a finite number"),
    ({"pad_id": True}, "pad_id is True, expected an id"),
    ({"rope_interleaved": 1}, "rope_interleaved is 1, expected True or False"),
    ({"bias": None}, "bias is None, expected True or False"),
    ({"scale_embeddings": "no"}, "scale_embeddings is 'no', expected True or False"),
    ({"pad_id": -2}, "pad_id is -2, expected an id, or -1 for none"),
    ({"pad_id": 1.5}, "pad_id is 1.5, expected an id"),
    ({"dropout": 1.0}, "dropout is 1.0, expected 0 <= it < 1"),
    ({"dropout": -0.1}, "dropout is -0.1"),
    ({"dropout": "0.1"}, "dropout is '0.1', expected 0 <= it < 1"),
    ({"d_ff": None}, "d_ff is None, expected a whole number"),
    ({"positions": "rotary", "d_model": 6, "n_heads": 2}, "a head is 3 wide"),
    ({"d_ff": 0}, "d_ff is 0, expected a whole number"),
    ({"d_ff": True}, "d_ff is True, expected a whole number"),
    ({"d_ff": True, "n_layers": 0}, "n_layers is 0"),
])
def test_a_wrong_value_is_named(changes, words):
    with pytest.raises(ValueError, match=words):
        DecoderOnlyConfig(8, **changes)


def test_a_whole_number_serves_as_a_base():
    assert DecoderOnlyConfig(8, rope_base=500).rope_base == 500


def test_a_head_may_be_odd_where_nothing_turns_pairs():
    assert DecoderOnlyConfig(8, d_model=6, n_heads=2).positions == "sinusoidal"


def test_the_models_share_their_fields():
    common = {field.name for field in dataclasses.fields(ModelConfig)}
    for config in (DecoderOnlyConfig(8), EncoderDecoderConfig(8, 8), EncoderOnlyConfig(8)):
        assert common < set(dataclasses.asdict(config))


@pytest.mark.parametrize("model", [
    language_model(bias=False),
    EncoderDecoder(EncoderDecoderConfig(8, 8, bias=False, **SIZES)),
    EncoderOnly(EncoderOnlyConfig(8, bias=False, **SIZES))])
def test_without_bias_no_block_has_one(model):
    names = [name for name, _ in tree_items(model.params)]
    assert not [name for name in names if "blocks" in name and name.endswith(".b")]


@pytest.mark.parametrize("changes", [
    {"norm_eps": 0.5}, {"scale_embeddings": False}, {"positions": "rotary", "rope_base": 50.0},
    {"positions": "rotary", "rope_interleaved": False}])
def test_each_field_changes_the_scores(changes):
    before = {"positions": changes.get("positions", "sinusoidal")}
    assert not np.allclose(language_model(**before).forward(IDS)[0],
                           language_model(**changes).forward(IDS)[0])


def test_where_no_id_is_padding_every_id_is_read_and_written():
    padded, plain = language_model(), language_model(pad_id=-1)
    assert not np.allclose(padded.forward(IDS)[0][0, 3], plain.forward(IDS)[0][0, 3])
    assert plain.ignore_index == -1 and padded.ignore_index == 0
    scores = plain.decoding_step()(IDS, np.arange(2))
    assert np.isfinite(scores).all()
    assert (padded.decoding_step()(IDS, np.arange(2))[:, 0] == -np.inf).all()


def test_another_id_may_be_the_padding():
    model = EncoderOnly(EncoderOnlyConfig(8, pad_id=6, **SIZES), dtype=np.float64)
    longer = np.array([[3, 5, 0, 6, 6]])
    np.testing.assert_allclose(model.forward(ids=longer)[0], model.forward(ids=longer[:, :3])[0],
                               rtol=1e-12)


def test_embeddings_may_be_normalized():
    config = EncoderOnlyConfig(8, embedding_norm=True, norm_placement="post", **SIZES)
    model = EncoderOnly(config, dtype=np.float64)
    _, cache = model.forward(ids=IDS + 1)
    first = cache.blocks[0].attention.q.x                                      # (B, T, D)
    np.testing.assert_allclose(first.mean(axis=-1), 0, atol=1e-12)
    with pytest.raises(ValueError, match="embedding_norm is True and norm is \"batch\""):
        EncoderOnlyConfig(8, embedding_norm=True, norm="batch")

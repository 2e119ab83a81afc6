"""EncoderDecoder and its configuration: sizes, counts, loss and gradients."""

import dataclasses
import math

import numpy as np
import pytest

from minitransformer.data.batching import Batch, make_batch
from minitransformer.functional import log_softmax_forward
from minitransformer.models import EncoderDecoder, EncoderDecoderConfig
from minitransformer.tree import tree_add, tree_items, tree_size

SMALL = {"src_vocab_size": 10, "tgt_vocab_size": 13, "d_model": 12, "n_heads": 3, "n_layers": 2,
         "d_ff": 9, "max_seq_len": 8}
PAIRS = [([3, 5, 4, 6], [7, 3, 8, 12]), ([9, 3], [4]), ([8], [5, 5]), ([6, 6, 7], [])]


def make_model(dtype=np.float64, seed=0, **changes):
    return EncoderDecoder(EncoderDecoderConfig(**{**SMALL, **changes}), seed=seed, dtype=dtype)


def parameter_count(config):
    """By formula, without making the model."""
    d, f, n = config.d_model, config.d_ff, config.n_layers
    attention = 4 * (d * d + d)
    feed_forward = d * f + f + f * d + d
    norm = 2 * d if config.norm == "layer" else 0
    encoder_block = attention + feed_forward + 2 * norm
    decoder_block = 2 * attention + feed_forward + 3 * norm
    final_norms = 2 * norm if config.norm_placement == "pre" else 0
    total = n * (encoder_block + decoder_block) + final_norms + config.tgt_vocab_size * d
    if config.tied_embeddings != "all":
        total += config.src_vocab_size * d
    if config.tied_embeddings == "none":
        total += d * config.tgt_vocab_size + config.tgt_vocab_size
    return total


@pytest.mark.parametrize("changes", [
    {}, {"norm_placement": "post"}, {"norm": "none"}, {"n_layers": 1, "d_ff": 30},
    {"tied_embeddings": "output"}, {"tied_embeddings": "all", "tgt_vocab_size": 10}])
def test_parameter_count_is_that_of_the_formula(changes):
    model = make_model(**changes)
    assert tree_size(model.params) == parameter_count(model.config)


def test_the_base_model_of_the_paper_has_about_65_million_parameters():
    config = EncoderDecoderConfig(37000, 37000, norm_placement="post", tied_embeddings="all")
    assert parameter_count(config) == 63_082_496  # "65 x 10^6" in table 3, the vocabulary rounded
    one = dataclasses.replace(config, src_vocab_size=5, tgt_vocab_size=5, n_layers=1)
    assert tree_size(EncoderDecoder(one).params) == parameter_count(one)


def test_the_defaults_of_the_article():
    config = EncoderDecoderConfig(10, 11)
    assert (config.d_model, config.n_heads, config.n_layers, config.d_ff) == (512, 8, 6, 2048)
    assert (config.max_seq_len, config.dropout) == (5120, 0.1)
    assert (config.norm, config.activation, config.positions) == ("layer", "relu", "sinusoidal")


def test_a_configuration_does_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        EncoderDecoderConfig(10, 11).d_model = 4


def test_a_configuration_is_checked_when_made():
    with pytest.raises(ValueError, match="norm is 'nonsense', expected one of: layer, "):
        EncoderDecoderConfig(10, 11, norm="nonsense")


def test_one_shared_table_needs_one_vocabulary():
    with pytest.raises(ValueError, match="src_vocab_size is 10 and tgt_vocab_size 11"):
        EncoderDecoderConfig(10, 11, tied_embeddings="all")
    EncoderDecoderConfig(10, 11, tied_embeddings="output")


def test_parameters_depend_on_the_seed_alone():
    first, again, other = make_model(seed=3), make_model(seed=3), make_model(seed=4)
    for (name, x), (_, same), (_, different) in zip(
            tree_items(first.params), tree_items(again.params), tree_items(other.params),
            strict=True):
        assert np.array_equal(x, same)
        assert np.array_equal(x, different) == name.endswith(("b", "gain", "bias")), name


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept_everywhere(dtype):
    model, batch = make_model(dtype), make_batch(PAIRS)
    assert all(x.dtype == dtype for _, x in tree_items(model.params))
    logits, _ = model.forward(batch.src, batch.tgt, dropout_seed=(0, 1))
    assert logits.dtype == dtype and logits.shape == (4, 5, 13)
    loss, grads = model.loss_and_grads(batch, label_smoothing=0.1, dropout_seed=(0, 1))
    assert isinstance(loss, float) and isinstance(model.loss(batch), float)
    assert [(name, x.shape, x.dtype) for name, x in tree_items(grads)] == [
        (name, x.shape, x.dtype) for name, x in tree_items(model.params)]


def test_float32_is_the_default():
    model = EncoderDecoder(EncoderDecoderConfig(**SMALL))
    assert all(x.dtype == np.float32 for _, x in tree_items(model.params))


def test_loss_is_the_mean_over_real_targets():
    model, batch = make_model(), make_batch(PAIRS)
    log_probs, _ = log_softmax_forward(model.forward(batch.src, batch.tgt)[0])
    picked = [log_probs[n][batch.targets[n]] for n in np.ndindex(batch.targets.shape)
              if batch.targets[n] != 0]
    assert len(picked) == 5 + 2 + 3 + 1
    assert math.isclose(model.loss(batch), -sum(picked) / 11, rel_tol=1e-13)
    assert math.isclose(model.loss_and_grads(batch)[0], model.loss(batch), rel_tol=1e-15)


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_gradients_are_the_derivative_of_the_loss(label_smoothing):
    model, batch = make_model(dropout=0.3), make_batch(PAIRS)
    options = {"label_smoothing": label_smoothing, "dropout_seed": (1, 5)}
    _, grads = model.loss_and_grads(batch, **options)
    arrays, rng = dict(tree_items(model.params)), np.random.default_rng(0)
    for name, gradient in tree_items(grads):
        x, step = arrays[name], 1e-5
        index = tuple(rng.integers(size) for size in x.shape)
        value, losses = x[index], []
        for moved in (value + step, value - step):
            x[index] = moved
            losses.append(model.loss_and_grads(batch, **options)[0])
        x[index] = value
        measured = (losses[0] - losses[1]) / (2 * step)
        assert abs(measured - gradient[index]) < 1e-9, name


def test_parts_of_a_batch_add_up_to_the_whole():
    model, batch = make_model(), make_batch(PAIRS)
    loss, grads = model.loss_and_grads(batch)
    count = int(np.sum(batch.targets != 0))
    parts = [model.loss_and_grads(make_batch(pairs), normalizer=count)
             for pairs in (PAIRS[:1], PAIRS[1:])]                             # 5 and 6 tokens
    assert math.isclose(sum(part for part, _ in parts), loss, rel_tol=1e-13)
    for (name, x), (_, added) in zip(tree_items(grads), tree_items(
            tree_add(parts[0][1], parts[1][1])), strict=True):
        np.testing.assert_allclose(added, x, rtol=1e-12, atol=1e-14, err_msg=name)


def test_padding_at_the_end_changes_neither_loss_nor_gradients():
    model, batch = make_model(), make_batch(PAIRS)
    wider = Batch(*(np.pad(ids, [(0, 0), (0, 2)]) for ids in batch))
    loss, grads = model.loss_and_grads(batch)
    padded_loss, padded_grads = model.loss_and_grads(wider)
    assert math.isclose(loss, padded_loss, rel_tol=1e-13)
    for (name, x), (_, padded) in zip(tree_items(grads), tree_items(padded_grads), strict=True):
        np.testing.assert_allclose(padded, x, rtol=1e-10, atol=1e-13, err_msg=name)


def test_training_changes_no_parameter_by_itself():
    model, batch = make_model(), make_batch(PAIRS)
    before = {name: x.copy() for name, x in tree_items(model.params)}
    model.loss_and_grads(batch, dropout_seed=(0, 0))
    model.loss(batch)
    assert all(np.array_equal(x, before[name]) for name, x in tree_items(model.params))


def test_sources_may_be_lists():
    model = make_model()
    assert model.generate([[3, 5]], max_new_tokens=3) == model.generate(np.array([[3, 5]]),
                                                                        max_new_tokens=3)


def test_summary_names_every_array_with_shape_and_count():
    model = make_model()
    lines = model.summary().splitlines()
    for line, (name, x) in zip(lines, tree_items(model.params)):
        assert line.split() == [name, *" x ".join(map(str, x.shape)).split(), f"{x.size:,}"]
    assert lines[-1].split() == ["total", f"{parameter_count(model.config):,}"]

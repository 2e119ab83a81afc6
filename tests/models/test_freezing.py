"""Frozen arrays: no gradient is made for them, nobody moves them, and all else stays the same."""

import numpy as np
import pytest

from minitransformer.data.labelled import LabelledBatch
from minitransformer.functional import layer_norm_forward
from minitransformer.layers.options import NORMS
from minitransformer.models import (
    DecoderOnly, DecoderOnlyConfig, EncoderDecoder, EncoderDecoderConfig, EncoderOnly,
    EncoderOnlyConfig)
from minitransformer.data.batching import Batch
from minitransformer.training import SGD, AdamW, CheckpointError, Trainer
from minitransformer.training.optimizer import clip_by_global_norm
from minitransformer.tree import (
    freeze, is_frozen, no_gradients, thaw, tree_items, tree_map, tree_size)

SIZES = {"d_model": 12, "n_heads": 3, "n_layers": 3, "d_ff": 10, "max_seq_len": 9}
IDS = np.array([[3, 4, 5, 6], [7, 3, 0, 0]])
BATCH = LabelledBatch(None, IDS, IDS != 0, np.array([1, 0]))
PAIRS = Batch(IDS, IDS[:, :3], np.array([[4, 5, 6], [3, 2, 0]]))


def encoder(dtype=np.float64, **changes):
    config = EncoderOnlyConfig(vocab_size=8, **{
        **SIZES, "n_classes": 2, "positions": "learned", "embedding_norm": True, **changes})
    return EncoderOnly(config, seed=1, dtype=dtype)


def decoder(**changes):
    return DecoderOnly(DecoderOnlyConfig(8, **SIZES, positions="learned", **changes), seed=1,
                       dtype=np.float64)


def translator(**changes):
    return EncoderDecoder(EncoderDecoderConfig(8, 8, **SIZES, positions="learned", **changes),
                          seed=1, dtype=np.float64)


def test_freeze_and_thaw():
    tree = {"a": np.arange(3.0), "b": [np.ones((2, 2)), None]}
    frozen = freeze(tree)
    assert is_frozen(frozen) and not is_frozen(tree) and not is_frozen({**frozen, "a": tree["a"]})
    assert np.shares_memory(frozen["a"], tree["a"]) and frozen["b"][1] is None
    with pytest.raises(ValueError, match="read-only"):
        frozen["a"] += 1
    thawed = thaw(frozen)
    thawed["a"] += 1
    assert frozen["a"].tolist() == [0, 1, 2] and thawed["a"].tolist() == [1, 2, 3]
    assert no_gradients(tree) == {"a": None, "b": [None, None]}
    assert is_frozen({}) and is_frozen(frozen["a"]) and tree_size(frozen) == 7


MODELS = {
    "encoder": (encoder(), BATCH, "output"),
    "encoder, batch norm": (encoder(norm="batch", embedding_norm=False), BATCH, "output"),
    "encoder, rms norm, recompute": (encoder(norm="rms", recompute=True), BATCH, "output"),
    "encoder of tokens, tied": (
        encoder(n_classes=None, pooling="none", tied_embeddings="output"),
        BATCH._replace(targets=IDS), "blocks"),
    "decoder": (decoder(), PAIRS, "blocks"),
    "decoder, own output": (decoder(tied_embeddings="none"), PAIRS, "output"),
    "translator": (translator(), PAIRS, "decoder"),
    "translator, all tied": (translator(tied_embeddings="all"), PAIRS, "encoder"),
}


@pytest.mark.parametrize("model, batch, learns", MODELS.values(), ids=MODELS)
def test_what_is_frozen_has_no_gradient_and_the_others_are_the_same_to_the_bit(model, batch,
                                                                               learns):
    loss, full = model.loss_and_grads(batch, dropout_seed=(0, 1))
    params = model.params
    try:
        for part in [[learns], [name for name in params if name != learns], []]:
            model.params = {name: child if name in part else freeze(child)
                            for name, child in params.items()}
            frozen_loss, grads = model.loss_and_grads(batch, dropout_seed=(0, 1))
            assert frozen_loss == loss
            tree_map(lambda x, g: None, params, grads)  # raises where the builds differ
            found, expected = dict(tree_items(grads)), dict(tree_items(full))
            assert found.keys() == {name for name in expected if name.partition(".")[0] in part}
            for name, gradient in found.items():
                assert np.array_equal(gradient, expected[name]), name
    finally:
        model.params = params


@pytest.mark.parametrize("name", ["blocks.1", "blocks.0", "embedding.table",
                                  "embedding.positions", "embedding_norm.gain", "output"])
def test_any_single_part_may_learn_alone(name):
    model = encoder()
    _, full = model.loss_and_grads(BATCH, dropout_seed=(0, 1))
    whole = name.rpartition(".")[0] if name.endswith("gain") else name  # a norm as a whole
    parts = dict(tree_items(model.params))

    def kept(path):
        return path == whole or path.startswith(whole + ".")

    names = iter(parts)
    model.params = tree_map(lambda x: x if kept(next(names)) else freeze(x), model.params)
    _, grads = model.loss_and_grads(BATCH, dropout_seed=(0, 1))
    expected = {path: g for path, g in tree_items(full) if kept(path)}
    found = dict(tree_items(grads))
    assert found.keys() == expected.keys() != set()
    assert all(np.array_equal(found[path], expected[path]) for path in expected)


def matrix_products(monkeypatch, model, batch, parts):
    """How many a backward takes: one for each weight and each input, for each of the parts."""
    import minitransformer.layers.projection as projection

    made, counts, original = [], {}, projection.linear_backward

    def counting(dout, cache):
        dx, dw, db = original(dout, cache)
        made.append(1 + (dw is not None))
        return dx, dw, db

    monkeypatch.setattr(projection, "linear_backward", counting)
    for what, part in parts.items():
        made.clear()
        model.params = part
        model.loss_and_grads(batch)
        counts[what] = sum(made)
    return counts


def test_no_time_is_spent_on_what_is_frozen(monkeypatch):
    """Below what learns, there are no matrix products at all."""
    model = encoder()
    params, blocks = model.params, model.params["blocks"]
    counts = matrix_products(monkeypatch, model, BATCH, {
        "all": params,
        "no embedding": {**params, "embedding": freeze(params["embedding"]),
                         "embedding_norm": freeze(params["embedding_norm"])},
        "two blocks": {**freeze(params), "blocks": [freeze(blocks[0]), *blocks[1:]]},
        "head": {**freeze(params), "output": params["output"]},
        "lowest block": {**freeze(params), "blocks": [blocks[0], *freeze(blocks[1:])]}})
    # six projections a block, two products each; the head's output is a further one
    assert counts == {"all": 2 + 36, "no embedding": 2 + 36, "two blocks": 1 + 24, "head": 2,
                      "lowest block": 1 + 2 * 6 + 12}


def test_no_time_is_spent_on_what_is_frozen_in_a_decoder(monkeypatch):
    model = decoder(tied_embeddings="none")
    params, blocks = model.params, model.params["blocks"]
    counts = matrix_products(monkeypatch, model, PAIRS, {
        "all": params,
        "two blocks": {**freeze(params), "blocks": [freeze(blocks[0]), *blocks[1:]]},
        "head": {**freeze(params), "output": params["output"]},
        "embedding": {**freeze(params), "embedding": params["embedding"]}})
    assert counts == {"all": 2 + 36, "two blocks": 1 + 24, "head": 2, "embedding": 1 + 3 * 6}


def test_a_frozen_table_costs_no_table(monkeypatch):
    import minitransformer.layers.token_embedding as token_embedding

    def forbidden(dout, cache):
        raise AssertionError("a gradient was made for a frozen table")

    model = encoder()
    model.params["embedding"]["table"] = freeze(model.params["embedding"]["table"])
    monkeypatch.setattr(token_embedding, "embedding_backward", forbidden)
    _, grads = model.loss_and_grads(BATCH)
    assert grads["embedding"]["table"] is None and grads["embedding"]["positions"].any()


@pytest.mark.parametrize("name", ["layer", "rms", "batch"])
def test_a_norm_is_frozen_by_its_gain(name):
    norm, x = NORMS[name], np.random.default_rng(0).normal(size=(2, 5, 4))
    params = norm.init(4, np.float64)
    out, cache = norm.forward(params, x)
    dparams, dx = norm.backward(np.cos(x), cache)
    frozen_out, cache = norm.forward(freeze(params), x)
    none, frozen_dx = norm.backward(np.cos(x), cache)
    assert np.array_equal(out, frozen_out) and np.array_equal(dx, frozen_dx)
    assert none == dict.fromkeys(dparams) and all(g.any() for g in dparams.values())


def test_the_pair_of_layer_norm_says_what_is_frozen():
    _, cache = layer_norm_forward(np.ones((2, 3)), np.ones(3), np.ones(3), trainable=False)
    assert cache.trainable is False


class Batches:
    def batch(self, i):
        return BATCH


def half_frozen(seed=1):
    model = encoder()
    model.params = {**freeze(model.params), "output": model.params["output"],
                    "blocks": [*freeze(model.params["blocks"][:2]), model.params["blocks"][2]]}
    return model


@pytest.mark.parametrize("make", [lambda p: AdamW(p, lr=1e-2, weight_decay=0.1),
                                  lambda p: SGD(p, lr=1e-2, momentum=0.9),
                                  lambda p: SGD(p, lr=1e-2)], ids=["adamw", "momentum", "sgd"])
def test_training_moves_what_learns_alone_and_resumes_to_the_bit(make, tmp_path):
    def trainer(folder, **options):
        model = half_frozen()
        return Trainer(model, make(model.params), Batches(), clip_norm=0.5, accumulate=2,
                       run_dir=folder, checkpoint_every=1, print_every=0, **options)

    before = dict(tree_items(half_frozen().params))
    whole = trainer(tmp_path / "whole")
    whole.train(4)
    trainer(tmp_path / "parts").train(2)
    resumed = trainer(tmp_path / "parts", resume=True)
    resumed.train(4)
    for (name, a), (_, b) in zip(tree_items(whole.model.params), tree_items(resumed.model.params)):
        assert np.array_equal(a, b), name
        learns = name.startswith(("output", "blocks.2")) and not name.endswith("k.b")
        assert np.array_equal(a, before[name]) != learns or name.endswith("k.b"), name
    held = {name for name, _ in tree_items(whole.optimizer.state())} - {"steps"}
    assert all(".output" in name or ".blocks.2" in name for name in held)


def test_a_checkpoint_beside_other_frozen_weights_is_refused(tmp_path):
    model = half_frozen()
    Trainer(model, AdamW(model.params), Batches(), run_dir=tmp_path, print_every=0).train(1)
    other = half_frozen()
    table = thaw(other.params["embedding"]["table"])
    table[3] += 1
    other.params["embedding"]["table"] = freeze(table)
    before = np.array(other.params["output"]["w"])
    with pytest.raises(CheckpointError, match="beside another 'embedding.table', which is frozen"):
        Trainer(other, AdamW(other.params), Batches(), run_dir=tmp_path, resume=True)
    assert np.array_equal(other.params["output"]["w"], before)


def test_save_and_load(tmp_path):
    model = half_frozen()
    model.save(tmp_path / "model.npz")
    loaded = EncoderOnly.load(tmp_path / "model.npz")
    for (name, a), (_, b) in zip(tree_items(model.params), tree_items(loaded.params)):
        assert np.array_equal(a, b), name
    assert not is_frozen(loaded.params["embedding"])  # what learns is said anew


def test_clipping_leaves_none_alone():
    grads, norm = clip_by_global_norm({"a": np.array([3.0, 4.0]), "b": None}, 1.0)
    assert norm == 5 and grads["b"] is None and np.allclose(grads["a"], [0.6, 0.8])


@pytest.mark.parametrize("optimizer", [AdamW, SGD])
def test_a_gradient_for_a_frozen_array_is_refused(optimizer):
    params = {"w": freeze(np.ones(2)), "b": np.ones(2)}
    made = optimizer(params, lr=0.1)
    with pytest.raises(ValueError, match="'w' is frozen, but it has a gradient"):
        made.step({"w": np.ones(2), "b": np.ones(2)})
    assert params["b"].tolist() == [1, 1]


def test_features_keep_their_gradient_under_a_frozen_model():
    config = EncoderOnlyConfig(n_features=5, n_classes=2, **SIZES)
    model = EncoderOnly(config, seed=1, dtype=np.float64)
    x = np.random.default_rng(0).normal(size=(2, 4, 5))
    from minitransformer.models.encoder_only import encoder_only_backward
    out, cache = model.forward(x)
    _, full = encoder_only_backward(out, cache)
    model.params = freeze(model.params)
    out, cache = model.forward(x)
    dparams, dx = encoder_only_backward(out, cache)
    assert np.array_equal(dx, full) and not dict(tree_items(dparams))

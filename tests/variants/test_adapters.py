"""Adapters in a model's tree: put in, trained, merged."""

import numpy as np
import pytest

from minitransformer.data.labelled import LabelledBatch
from minitransformer.gradient_check import check_gradients
from minitransformer.layers import projection_backward, projection_forward, projection_init
from minitransformer.models import DecoderOnly, DecoderOnlyConfig, EncoderOnly, EncoderOnlyConfig
from minitransformer.training import AdamW, CheckpointError, Trainer
from minitransformer.tree import freeze, is_frozen, thaw, tree_items, tree_map, tree_size
from minitransformer.variants.adapters import (
    AdaptedCache, adapted, adapted_gradients, linear_part, lora, merge)

RNG = np.random.default_rng(0)
NAMES = ("attention.q", "attention.v")
IDS = np.array([[3, 4, 5, 6], [7, 3, 0, 0]])
BATCH = LabelledBatch(None, IDS, IDS != 0, np.array([1, 0]))
CONFIG = EncoderOnlyConfig(vocab_size=8, n_classes=2, d_model=12, n_heads=3, n_layers=2, d_ff=10,
                           max_seq_len=9, positions="learned")


def model(dtype=np.float64, rank=2, alpha=3, names=NAMES):
    made = EncoderOnly(CONFIG, seed=1, dtype=dtype)
    made.params = {**lora(made.params, names, rank=rank, rng=np.random.default_rng(2), alpha=alpha),
                   "output": thaw(made.params["output"])}
    return made


def moved(made):
    """The model after some training: no adapter is zero any more."""
    optimizer = AdamW(made.params, lr=0.05)
    for _ in range(3):
        optimizer.step(made.loss_and_grads(BATCH)[1])
    return made


def projection(d_in=4, d_out=5, rank=2):
    params = projection_init(RNG, d_in=d_in, d_out=d_out, dtype=np.float64)
    return {**params, "b": RNG.normal(size=d_out), "down": RNG.normal(size=(d_in, rank)),
            "up": RNG.normal(size=(rank, d_out)), "scale": freeze(np.array(0.6))}


def test_a_projection_adds_what_its_adapters_make():
    params, x = projection(), RNG.normal(size=(3, 4))
    out, cache = projection_forward(params, x)
    w = params["w"] + 0.6 * params["down"] @ params["up"]
    np.testing.assert_allclose(out, x @ w + params["b"], rtol=1e-12)
    assert isinstance(cache, AdaptedCache) and linear_part(cache).b is params["b"]
    report = check_gradients(projection_forward, projection_backward, params, x, frozen=("scale",))
    assert report.passed(1e-12), report
    dparams, dx = projection_backward(out, cache)
    np.testing.assert_allclose(dx, out @ w.T, rtol=1e-12)
    assert list(dparams) == ["w", "b", "down", "up", "scale"] and dparams["scale"] is None


def test_without_adapters_nothing_is_touched():
    params, x = {"w": np.ones((2, 2))}, np.ones((1, 2))
    y, cache = object(), object()
    assert adapted(params, x, y, cache) == (y, cache)
    assert adapted_gradients(y, x, None, cache) == (y, x)
    assert linear_part(cache) is cache


def test_frozen_weights_have_no_gradient_and_the_adapters_have():
    params, x = projection(), RNG.normal(size=(3, 4))
    _, cache = projection_forward(params, x)
    full, full_dx = projection_backward(np.cos(cache.linear.x @ params["w"]), cache)
    params = {**params, **freeze({"w": params["w"], "b": params["b"]})}
    _, cache = projection_forward(params, x)
    dparams, dx = projection_backward(np.cos(cache.linear.x @ params["w"]), cache)
    assert dparams["w"] is None and dparams["b"] is None and np.array_equal(dx, full_dx)
    assert all(np.array_equal(dparams[key], full[key]) for key in ("down", "up"))
    _, cache = projection_forward(freeze(params), x)
    dparams, dx = projection_backward(np.cos(cache.linear.x @ params["w"]), cache)
    assert dparams == dict.fromkeys(params) and np.array_equal(dx, full_dx)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_new_adapter_changes_nothing_to_the_bit(dtype):
    plain, adapted_model = EncoderOnly(CONFIG, seed=1, dtype=dtype), model(dtype)
    assert np.array_equal(plain.forward(ids=IDS)[0], adapted_model.forward(ids=IDS)[0])
    arrays = dict(tree_items(adapted_model.params))
    assert {x.dtype for x in arrays.values()} == {np.dtype(dtype)}
    for name, x in tree_items(plain.params):
        assert np.array_equal(arrays.pop(name), x)
    assert sorted(arrays) == sorted(f"blocks.{i}.{name}.{key}" for i in range(2) for name in NAMES
                                    for key in ("down", "up", "scale"))
    assert not is_frozen(plain.params["blocks"][1]["attention"]["q"])  # the given tree is as it was


def test_what_lora_puts_in():
    made = model(rank=4, alpha=10)
    q = made.params["blocks"][0]["attention"]["q"]
    assert q["down"].shape == (12, 4) and q["up"].shape == (4, 12) and not q["up"].any()
    assert float(q["scale"]) == 2.5 and q["scale"].shape == ()
    learning = {name for name, x in tree_items(made.params) if x.flags.writeable}
    assert learning == {"output.w", "output.b", *(
        f"blocks.{i}.{name}.{key}" for i in range(2) for name in NAMES for key in ("down", "up"))}
    wide = {"layers": [{"q": {"w": np.zeros((400, 30))}}, {"q": {"w": np.zeros((400, 30))}}]}
    wide = lora(wide, ["q"], rank=30, rng=np.random.default_rng(0), alpha=1)["layers"]
    downs = [layer["q"]["down"] for layer in wide]
    assert abs(np.std(downs[0]) * 20 - 1) < 0.02 and not np.array_equal(*downs)


@pytest.mark.parametrize("names, rank, words", [
    (["attention.z"], 2, "no projection has a name that ends in 'attention.z'"),
    (["ention.q"], 2, "no projection has a name that ends in 'ention.q'"),
    (NAMES, 0, r"rank is 0, but blocks.0.attention.q.w of shape \(12, 12\) has ranks 1 to 12"),
    (NAMES, 13, "rank is 13"),
    (["feed_forward.up"], 11, r"of shape \(12, 10\) has ranks 1 to 10"),
])
def test_lora_refuses_what_it_cannot_do(names, rank, words):
    with pytest.raises(ValueError, match=words):
        model(names=names, rank=rank)
    model(names=["feed_forward.up", "output"], rank=1)
    model(names=["blocks.1.attention.q"], rank=12)


def test_adapters_beside_adapters_are_refused():
    with pytest.raises(ValueError, match="blocks.0.attention.q holds adapters already: merge"):
        lora(model().params, NAMES, rank=2, rng=RNG, alpha=1)


def test_merged_is_the_plain_tree_and_computes_the_same():
    made = moved(model())
    logits, _ = made.forward(ids=IDS)
    before = tree_map(np.array, made.params)
    unmerged, made.params = made.params, merge(made.params)
    again, _ = made.forward(ids=IDS)
    np.testing.assert_allclose(again, logits, rtol=0, atol=1e-12)
    plain = EncoderOnly(CONFIG, dtype=np.float64)
    tree_map(lambda x, y: None, plain.params, made.params)  # raises where the builds differ
    assert not np.allclose(plain.forward(ids=IDS)[0], logits)
    for name in ("blocks.0.attention.q.w", "blocks.0.attention.k.w"):
        change = dict(tree_items(made.params))[name] - dict(tree_items(unmerged))[name]
        assert change.any() == name.endswith("q.w")
        if change.any():
            assert np.linalg.matrix_rank(change, tol=1e-10) == 2
    for (name, x), (_, y) in zip(tree_items(before), tree_items(unmerged)):
        assert np.array_equal(x, y), name  # the adapters are as they were
    assert is_frozen(made.params["blocks"]) and not is_frozen(made.params["output"])
    assert tree_size(made.params) == tree_size(plain.params)


def test_gradients_of_the_whole_model():
    made = moved(model())
    from minitransformer.models import encoder_only_backward, encoder_only_forward

    def forward(params, *, config, ids):
        return encoder_only_forward(params, ids=ids, config=config)

    report = check_gradients(forward, lambda d, cache: encoder_only_backward(d, cache)[0],
                             made.params, options={"config": CONFIG, "ids": IDS}, frozen=("scale",),
                             zero=("attention.k.b",), method="directional")
    assert report.passed(1e-11), report


class Batches:
    def batch(self, i):
        return BATCH


def test_training_moves_the_adapters_alone_and_resumes_to_the_bit(tmp_path):
    def trainer(folder, **options):
        made = model(np.float32)
        return Trainer(made, AdamW(made.params, lr=1e-2), Batches(), run_dir=folder, print_every=0,
                       checkpoint_every=1, **options)

    whole = trainer(tmp_path / "whole")
    losses = [row.loss for row in whole.train(6)]
    assert losses[-1] < losses[0]
    trainer(tmp_path / "parts").train(2)
    resumed = trainer(tmp_path / "parts", resume=True)
    resumed.train(6)
    start = dict(tree_items(model(np.float32).params))
    for (name, x), (_, y) in zip(tree_items(whole.model.params), tree_items(resumed.model.params)):
        assert np.array_equal(x, y), name
        assert np.array_equal(x, start[name]) != name.startswith("output") \
            or name.endswith(("down", "up")), name
        assert not (name.endswith(("down", "up")) and np.array_equal(x, start[name])), name
    kept = dict(tree_items(whole.optimizer.first))
    assert sum(x.size for x in kept.values()) == 2 * 12 + 2 + 2 * 2 * (2 * 12 * 2)


def test_a_file_with_adapters_is_refused_by_a_plain_model_and_merged_is_read(tmp_path):
    made = moved(model())
    made.save(tmp_path / "adapted.npz")
    with pytest.raises(CheckpointError, match="no place here, .*attention.q.down"):
        EncoderOnly.load(tmp_path / "adapted.npz")
    logits, _ = made.forward(ids=IDS)
    made.params = merge(made.params)
    made.save(tmp_path / "merged.npz")
    loaded = EncoderOnly.load(tmp_path / "merged.npz")
    np.testing.assert_allclose(loaded.forward(ids=IDS)[0], logits, rtol=0, atol=1e-12)


def test_a_language_model_with_adapters_writes_what_it_computes():
    made = DecoderOnly(DecoderOnlyConfig(9, d_model=8, n_heads=2, n_layers=2, d_ff=8,
                                         max_seq_len=20), seed=1, dtype=np.float64)
    made.params = lora(made.params, NAMES, rank=2, rng=np.random.default_rng(1), alpha=4)
    made.params = tree_map(lambda x: RNG.normal(size=x.shape) if x.flags.writeable else x,
                           made.params)
    ids = [3, 4]
    for new in made.generate([ids], max_new_tokens=6, temperature=0)[0]:
        logits = made.forward(np.array([ids]))[0][0, -1]
        logits[0] = -np.inf
        assert new == np.argmax(logits)
        ids.append(new)

"""Ablation: a head that is taken away is really gone, and nothing else is."""

import numpy as np
import pytest

from minitransformer.compress import cut_heads
from minitransformer.data.batching import Batch
from minitransformer.interpretability.ablation import (
    ablate_each, ablate_heads, ablate_in_order, head_means)
from minitransformer.layers import multi_head_attention_forward
from minitransformer.models import (
    DecoderOnly, DecoderOnlyConfig, EncoderDecoder, EncoderDecoderConfig, EncoderOnly,
    EncoderOnlyConfig)
from minitransformer.tree import tree_items, tree_map

SIZES = {"d_model": 12, "n_heads": 3, "n_layers": 2, "d_ff": 10, "max_seq_len": 9, "dropout": 0.0}
RNG = np.random.default_rng(0)
IDS = RNG.integers(3, 11, size=(2, 6))
IDS[1, 4:] = 0
SRC = RNG.integers(3, 8, size=(2, 5))


def shaken(model):
    """The model with random numbers in every array, in float64."""
    rng = np.random.default_rng(1)
    model.params = tree_map(lambda x: rng.normal(size=x.shape), model.params)
    return model


def decoder(**choices):
    return shaken(DecoderOnly(DecoderOnlyConfig(11, **SIZES, **choices), dtype=np.float64))


def translator():
    return shaken(EncoderDecoder(EncoderDecoderConfig(8, 11, **SIZES), dtype=np.float64))


MODELS = {
    "self": (decoder, lambda m: m.forward(IDS)),
    "grouped": (lambda: decoder(positions="rotary", n_kv_heads=1, bias=False),
                lambda m: m.forward(IDS)),
    "encoder_only": (lambda: shaken(EncoderOnly(EncoderOnlyConfig(11, n_classes=4, **SIZES),
                                                dtype=np.float64)), lambda m: m.forward(ids=IDS)),
    "encoder": (translator, lambda m: m.forward(SRC, IDS)),
    "decoder": (translator, lambda m: m.forward(SRC, IDS)),
    "cross": (translator, lambda m: m.forward(SRC, IDS)),
}
NAMES = {"encoder": ("encoder", "attention"), "decoder": ("decoder", "self_attention"),
         "cross": ("decoder", "cross_attention")}


def site(model, cache, kind):
    """(the parameters' blocks, the cache's blocks, the attention's name) of a kind in MODELS."""
    stack, name = NAMES.get(kind, (None, "attention"))
    if stack is None:
        return model.params["blocks"], cache.blocks, name
    return model.params[stack]["blocks"], getattr(cache, stack).blocks, name


def where_of(kind):
    return kind if kind in NAMES else "self"


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("mean", [False, True])
def test_the_branch_is_what_the_other_heads_say_and_no_more(kind, mean):
    """Head by head, by hand: out = sum of the kept heads' weights v wo_h, + bo."""
    make, run = MODELS[kind]
    model = make()
    H, D = model.config.n_heads, model.config.d_model
    means = RNG.normal(size=(2, H, D // H)) if mean else None
    gone = [(1, 0), (0, 2), (1, 2)]
    ablated = ablate_heads(model, gone, where=where_of(kind), means=means)
    _, cache = run(ablated)
    blocks, cached, name = site(model, cache, kind)        # the untouched parameters
    _, inside, _ = site(ablated, cache, kind)
    for i in range(2):
        attention, params = getattr(inside[i], name).attention, blocks[i][name]["out"]
        rows = params["w"].reshape(H, D // H, D)
        want = params.get("b", 0)
        for h in range(H):
            v = attention.v[:, h // (H // attention.v.shape[1])]
            said = attention.weights[:, h] @ v
            if (i, h) in gone:
                said = np.broadcast_to(means[i, h] if mean else 0.0, said.shape)
            want = want + said @ rows[h]
        out = getattr(inside[i], name).out
        np.testing.assert_allclose(out.x @ out.w + (0 if out.b is None else out.b), want,
                                   rtol=0, atol=1e-11)


@pytest.mark.parametrize("kind", MODELS)
def test_no_heads_change_nothing_and_the_model_stays_as_it_was(kind):
    make, run = MODELS[kind]
    model = make()
    kept = [(name, x.copy()) for name, x in tree_items(model.params)]
    before, _ = run(model)
    same, _ = run(ablate_heads(model, [], where=where_of(kind)))
    np.testing.assert_array_equal(same, before)
    other, _ = run(ablate_heads(model, [(0, 1)], where=where_of(kind),
                                means=np.ones((2, 3, model.config.d_model // 3))))
    assert np.abs(other - before).max() > 1e-3
    for (name, x), (other_name, now) in zip(kept, tree_items(model.params), strict=True):
        assert name == other_name
        np.testing.assert_array_equal(now, x)


def test_a_silent_head_is_a_head_cut_off():
    model = decoder()
    silent = ablate_heads(model, [(0, 1)])
    x = RNG.normal(size=(2, 4, 12))
    layer = cut_heads(model.params["blocks"][0]["attention"], [1], n_heads=3)
    got, _ = multi_head_attention_forward(silent.params["blocks"][0]["attention"], x, n_heads=3)
    want, _ = multi_head_attention_forward(layer, x, n_heads=2)
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-12)


def test_a_head_that_always_says_its_mean_is_not_missed():
    """One token again and again: with its mean in its place, nothing changes; with zeros it does"""
    model = decoder(positions="rotary")
    ids = np.full((2, 6), 5)
    logits, cache = model.forward(ids)
    means = head_means(cache, n_heads=3)
    same, _ = ablate_heads(model, [(0, 0), (0, 1), (1, 2)], means=means).forward(ids)
    np.testing.assert_allclose(same, logits, rtol=0, atol=1e-10)
    zero, _ = ablate_heads(model, [(0, 0), (0, 1), (1, 2)]).forward(ids)
    assert np.abs(zero - logits).max() > 1e-3


@pytest.mark.parametrize("kind", ["self", "grouped", "encoder", "cross"])
def test_means_are_over_the_tokens_that_count(kind):
    make, run = MODELS[kind]
    model = make()
    H = model.config.n_heads
    _, cache = run(model)
    read = SRC if kind == "encoder" else IDS
    real = read != 0
    means = head_means(cache, n_heads=H, where=where_of(kind), real=real)
    _, inside, name = site(model, cache, kind)
    for i in range(2):
        attention = getattr(inside[i], name).attention
        for h in range(H):
            said = attention.weights[:, h] @ attention.v[:, h // (H // attention.v.shape[1])]
            want = np.mean([said[b, t] for b, t in zip(*np.nonzero(real))], axis=0)
            np.testing.assert_allclose(means[i, h], want, rtol=0, atol=1e-12)
    if kind == "self":
        assert not np.allclose(means, head_means(cache, n_heads=H))


def test_means_of_recomputed_blocks_are_those_of_kept_ones():
    kept, again = decoder(), decoder(recompute=True)
    found = [head_means(m.forward(IDS)[1], n_heads=3) for m in (kept, again)]
    np.testing.assert_array_equal(*found)


def test_tables_hold_what_each_head_is_worth_alone_and_in_order():
    model = translator()
    batch = Batch(SRC, np.maximum(IDS, 1), IDS)
    for where in NAMES:
        table = ablate_each(model, lambda m: m.loss(batch), where=where)
        assert table.shape == (2, 3)
        assert table[1, 0] == ablate_heads(model, [(1, 0)], where=where).loss(batch)
    order = [(1, 0), (0, 2)]
    means = RNG.normal(size=(2, 3, 4))
    losses = ablate_in_order(model, order, lambda m: m.loss(batch), where="cross", means=means)
    assert losses == [ablate_heads(model, order[:n], where="cross", means=means).loss(batch)
                      for n in range(3)]
    assert losses[0] == model.loss(batch) and len(set(losses)) == 3


def test_the_copy_is_a_model_like_any_other():
    model = translator()
    ablated = ablate_heads(model, [(0, 0)], where="cross")
    assert isinstance(ablated, EncoderDecoder) and ablated.config is model.config
    assert ablated.params["encoder"] is model.params["encoder"]
    assert ablated.params["decoder"]["blocks"][1] is model.params["decoder"]["blocks"][1]
    assert len(ablated.generate(SRC, max_new_tokens=4)) == 2


@pytest.mark.parametrize("make, heads, options, message", [
    (decoder, [(2, 0)], {}, "there is no block 2 among 2"),
    (decoder, [(-1, 0)], {}, "there is no block -1 among 2"),
    (decoder, [(0, 3)], {}, "there is no head 3 among 3"),
    (decoder, [(0, 0)], {"where": "cross"}, "expected one of self in this model"),
    (translator, [(0, 0)], {"where": "self"}, "expected one of encoder, decoder, cross in this"),
    (decoder, [(0, 0)], {"means": np.zeros((2, 3, 5))}, r"means has shape \(2, 3, 5\), expected"),
])
def test_what_is_not_there_cannot_be_taken_away(make, heads, options, message):
    with pytest.raises(ValueError, match=message):
        ablate_heads(make(), heads, **options)


def test_a_mask_of_another_shape_is_refused():
    _, cache = decoder().forward(IDS)
    with pytest.raises(ValueError, match=r"real has shape \(2, 5\), expected \(2, 6\)"):
        head_means(cache, n_heads=3, real=np.ones((2, 5), bool))

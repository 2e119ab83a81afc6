"""The lean step against the full forward, for every option: what is quick must be the same."""

import functools
import itertools

import numpy as np
import pytest

from minitransformer.checks.case import randomize
from minitransformer.layers.options import ACTIVATIONS, NORM_PLACEMENTS, POSITIONS
from minitransformer.models import DecoderOnly, DecoderOnlyConfig, decoder_only_step
from minitransformer.models.lean_decoding import lean_decoding_step
from minitransformer.tree import tree_map
from minitransformer.variants.adapters import lora

SIZES = {"vocab_size": 11, "d_model": 36, "n_heads": 6, "n_layers": 2, "d_ff": 7, "max_seq_len": 19}
CHOICES = {
    "norm": ("layer", "rms", "none"), "norm_placement": NORM_PLACEMENTS,
    "activation": tuple(ACTIVATIONS), "positions": tuple(POSITIONS), "n_kv_heads": (None, 3, 1),
    "tied_embeddings": ("output", "none"), "bias": (True, False),
    "rope_interleaved": (True, False), "rope_base": (10_000.0, 50.0), "norm_eps": (1e-5, 0.3),
    "scale_embeddings": (True, False), "pad_id": (0, 5, -1),
    "attention": ("auto", "blockwise"), "recompute": (False, True),
}


def pairs_in(options):
    return set(itertools.combinations(sorted(options.items(), key=str), 2))


@functools.cache
def covering():
    """Few sets of options in which every two choices occur together, found greedily."""
    rng = np.random.default_rng(0)
    missing = {pair for (a, xs), (b, ys) in itertools.combinations(CHOICES.items(), 2)
               for x in xs for y in ys for pair in pairs_in({a: x, b: y})}
    found = []
    while missing:
        wanted = sorted(missing, key=str)
        candidates = [{name: values[rng.integers(len(values))] for name, values in CHOICES.items()}
                      | dict(wanted[rng.integers(len(wanted))]) for _ in range(60)]
        found.append(max(candidates, key=lambda options: len(pairs_in(options) & missing)))
        missing -= pairs_in(found[-1])
    return found


def make(dtype=np.float64, **options):
    """A model with random gains and biases, not too large for one without norms."""
    model = DecoderOnly(DecoderOnlyConfig(**SIZES, **options), dtype=dtype)
    params = randomize(np.random.default_rng(1), model.params)
    model.params = tree_map(lambda x: (0.5 * x).astype(dtype), params)
    return model


def expect_the_forwards(model, found, texts):
    """found (N, V) are the logits after texts (N, T), pad_id excepted, which is never written."""
    wanted = model.forward(texts)[0][:, -1].copy()              # (N, V)
    if model.config.pad_id >= 0:
        assert np.isneginf(found[:, model.config.pad_id]).all()
        wanted[:, model.config.pad_id] = -np.inf
    assert found.shape == wanted.shape and found.dtype == wanted.dtype
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)


def tokens(model, rng, *shape):
    """Random ids, none of which is padding."""
    ids = rng.integers(0, SIZES["vocab_size"] - 1, shape)
    return ids + (ids >= model.config.pad_id) if model.config.pad_id >= 0 else ids


@pytest.mark.parametrize("options", [pytest.param(options, id=" ".join(map(str, options.values())))
                                     for options in covering()])
def test_equal_to_the_full_forward(options):
    model, rng = make(**options), np.random.default_rng(2)
    step = lean_decoding_step(model.params, config=model.config)
    texts, rows = tokens(model, rng, 3, 4), np.arange(3)
    expect_the_forwards(model, step(texts, rows), texts)
    # All go on; two of them grow from one row; one ends; all but one end, which has moved.
    for rows in ([0, 1, 2], [0, 1, 2], [2, 0, 0, 1], [0, 1, 2, 3], [3, 1, 2], [0, 1, 2], [1], [0],
                 [0], [0, 0], [0, 1]):
        texts = np.concatenate([texts[rows], tokens(model, rng, len(rows), 1)], axis=1)
        expect_the_forwards(model, step(texts[:, -1:], np.array(rows)), texts)


def test_every_two_choices_meet():
    met = set().union(*map(pairs_in, covering()))
    assert len(met) == sum(len(xs) * len(ys)
                           for xs, ys in itertools.combinations(CHOICES.values(), 2))


@pytest.mark.parametrize("prompt", [1, 7])
def test_a_prompt_may_be_one_token_or_come_in_pieces(prompt):
    model, rng = make(norm="rms", positions="rotary"), np.random.default_rng(3)
    step, texts = model.decoding_step(), tokens(model, rng, 2, 12)
    for start, end in ((0, prompt), (prompt, 10), (10, 11), (11, 12)):
        expect_the_forwards(model, step(texts[:, start:end], np.arange(2)), texts[:, :end])


def test_scores_may_be_larger_than_what_exp_can_hold():
    model, rng = make(norm="rms", positions="rotary"), np.random.default_rng(8)
    for block in model.params["blocks"]:
        block["attention"]["q"]["w"] *= 1e4
    step, texts = model.decoding_step(), tokens(model, rng, 2, 12)
    for start, end in ((0, 10), (10, 11), (11, 12)):
        expect_the_forwards(model, step(texts[:, start:end], np.arange(2)), texts[:, :end])


@pytest.mark.parametrize("dtype, tolerance", [(np.float64, 1e-12), (np.float32, 1e-5)])
def test_equal_to_the_plain_step_and_of_its_type(dtype, tolerance):
    for options in covering()[:6]:
        model, rng = make(dtype, **options), np.random.default_rng(4)
        plain = decoder_only_step(model.params, config=model.config)
        lean = model.decoding_step()
        # Two prompts in two pieces; they change places and one becomes two; one of three is left.
        for length, rows in ((5, [0, 1]), (3, [0, 1]), (1, [0, 1]), (1, [1, 0, 0]), (1, [2])):
            ids = tokens(model, rng, len(rows), length)
            a, b = plain(ids, np.array(rows)), lean(ids, np.array(rows))
            assert a.dtype == b.dtype == dtype
            size = np.abs(a[np.isfinite(a)]).max()
            np.testing.assert_allclose(b, a, rtol=tolerance, atol=tolerance * size)


def test_adapters_are_part_of_the_model():
    model, rng = make(bias=False), np.random.default_rng(7)
    adapted = lora(model.params, ["q", "v", "down"], rank=2, rng=rng, alpha=3.0)
    model.params = tree_map(lambda x: x + rng.normal(0, 0.1, x.shape), adapted)  # up is not zero
    step, texts = model.decoding_step(), tokens(model, rng, 2, 6)
    for start, end in ((0, 4), (4, 5), (5, 6)):
        expect_the_forwards(model, step(texts[:, start:end], np.arange(2)), texts[:, :end])


def test_two_steps_of_one_model_know_nothing_of_each_other():
    model, rng = make(), np.random.default_rng(5)
    texts, others = tokens(model, rng, 1, 6), tokens(model, rng, 1, 6)
    first, second = model.decoding_step(), model.decoding_step()
    for start, end in ((0, 3), (3, 4), (4, 5)):
        found = first(texts[:, start:end], np.array([0]))
        second(others[:, start:end], np.array([0]))
        expect_the_forwards(model, found, texts[:, :end])


def test_neither_parameters_nor_earlier_logits_are_changed():
    model, rng = make(norm="layer", norm_placement="post"), np.random.default_rng(6)
    before = tree_map(np.copy, model.params)
    step, rows = model.decoding_step(), np.array([0])
    step(tokens(model, rng, 1, 3), rows)
    logits = step(np.array([[3]]), rows)
    kept = logits.copy()
    logits[:, 2] = 0                                            # a caller may forbid an id
    step(np.array([[4]]), rows)
    assert np.array_equal(np.delete(logits, 2, axis=1), np.delete(kept, 2, axis=1))
    tree_map(np.testing.assert_array_equal, model.params, before)


@pytest.mark.parametrize("ids, words", [
    ([[11]], "ids holds the id 11, but there are 11 entries"),
    ([[-1]], "ids holds the id -1, but there are 11 entries"),
])
def test_wrong_ids_are_named(ids, words):
    step = make().decoding_step()
    step(np.array([[3, 4]]), np.array([0]))
    with pytest.raises(ValueError, match=words):
        step(np.array(ids), np.array([0]))


def test_a_text_that_is_too_long_is_refused():
    step = make().decoding_step()
    step(np.full((1, 19), 3), np.array([0]))
    with pytest.raises(ValueError, match="the sequence has 20 tokens, but max_seq_len is 19"):
        step(np.array([[3]]), np.array([0]))

"""Extreme numbers through every pair: tiny, large, infinite, NaN, and ids from far outside."""

import numpy as np
import pytest

from minitransformer.checks import functional, variants
from minitransformer.functional import cross_entropy_forward, embedding_forward
from minitransformer.models import (
    DecoderOnly, DecoderOnlyConfig, EncoderDecoder, EncoderDecoderConfig, EncoderOnly,
    EncoderOnlyConfig)

CASES = [case for module in (functional, variants) for case in module.cases(0)]
BY_NAME = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.pair}: {case.what}")
FAR_IDS = [-1, 7, 2**31, 2**63 - 1, -2**63]
# An entry that nothing counts may hold anything.
NOT_READ = {("cross_entropy", "ignored, smoothed"), ("convolution", "steps between the windows"),
            ("attention", "masked and causal, T > S")}


def run(case, inputs):
    """(out, the gradients that are arrays) of a case with other inputs."""
    options = dict(case.options)
    if isinstance(options.get("rng"), int):
        options["rng"] = np.random.default_rng(options["rng"])
    out, cache = case.forward(*inputs, **options)
    grads = case.backward(np.ones_like(out), cache)
    grads = grads if isinstance(grads, tuple) else (grads,)
    return out, [grad for grad in grads if grad is not None]


def with_value(case, value, one):
    """The inputs in float32, one after another changed: in one entry, or in all but the signs."""
    single = [None if x is None else x.astype(np.float32) for x in case.inputs]
    for n, x in enumerate(single):
        if x is not None:
            changed = x.copy() if one else np.sign(x) * np.float32(value)
            if one:
                changed.flat[0] = value
            yield [*single[:n], changed, *single[n + 1:]]


@BY_NAME
@pytest.mark.parametrize("one", [True, False], ids=["one", "all"])
@pytest.mark.parametrize("value", [0.0, 1e-42, 1e-30, 1e15])
def test_finite_numbers_give_finite_numbers(case, value, one):
    """1e-42 has no leading 1 in float32 any more; of 1e15 the square still has room."""
    for inputs in with_value(case, value, one):
        out, grads = run(case, inputs)
        assert out.dtype == np.float32
        for array in (out, *grads):
            assert np.isfinite(array).all() and array.dtype == np.float32


@BY_NAME
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # overflow and NaN are the matter here
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 3e38])
def test_what_is_not_finite_follows_ieee(case, value):
    """No error and no other type; and NaN is not lost on the way."""
    for inputs in with_value(case, value, one=True):
        out, grads = run(case, inputs)
        assert out.dtype == np.float32 and all(grad.dtype == np.float32 for grad in grads)
        if np.isnan(value) and (case.pair, case.what) not in NOT_READ:
            assert np.isnan(out).any()


@pytest.mark.parametrize("worst", FAR_IDS)
def test_ids_from_far_outside(worst):
    ids = np.array([[3, worst], [2, 3]])
    with pytest.raises(ValueError, match=f"the id {worst}, but there are 7"):
        embedding_forward(np.ones((7, 4)), ids=ids)
    with pytest.raises(ValueError, match=f"the id {worst}, but there are 7"):
        cross_entropy_forward(np.ones((2, 2, 7)), targets=ids)


@pytest.mark.parametrize("ids", [[[0.5]], [[np.nan]], [[True]], [["1"]], [[None]], [[2**70]]])
def test_what_are_no_ids(ids):
    with pytest.raises((TypeError, ValueError)):
        embedding_forward(np.ones((7, 4)), ids=ids)
    with pytest.raises((TypeError, ValueError)):
        cross_entropy_forward(np.ones((1, 1, 7)), targets=ids)


SIZES = {"d_model": 8, "n_heads": 2, "n_layers": 1, "d_ff": 4, "max_seq_len": 6}


@pytest.mark.parametrize("worst", FAR_IDS)
def test_ids_that_a_model_does_not_know(worst):
    ids, good = np.array([[3, worst]]), np.array([[3, 4]])
    with pytest.raises(ValueError, match=f"the id {worst}, but there are 7"):
        DecoderOnly(DecoderOnlyConfig(7, **SIZES)).forward(ids)
    model = EncoderDecoder(EncoderDecoderConfig(7, 7, **SIZES))
    for src, tgt in ((ids, good), (good, ids)):
        with pytest.raises(ValueError, match=f"the id {worst}, but there are 7"):
            model.forward(src, tgt)
    with pytest.raises(ValueError, match=f"the id {worst}, but there are 7"):
        EncoderOnly(EncoderOnlyConfig(7, **SIZES)).forward(ids=ids)
    with pytest.raises(ValueError, match=f"the id {worst}, but there are 7"):
        model.generate(ids, max_new_tokens=2)


@pytest.mark.parametrize("shape", [(0, 3), (2, 0), (0, 0), (3,), (), (1, 1, 2)])
def test_batches_without_texts_and_texts_without_tokens(shape):
    """Nothing gives nothing, or a sentence says what is missing: no NaN, no error of NumPy."""
    ids = np.full(shape, 3)
    for model, inputs in ((DecoderOnly(DecoderOnlyConfig(7, **SIZES)), (ids,)),
                          (EncoderDecoder(EncoderDecoderConfig(7, 7, **SIZES)), (ids, ids))):
        try:
            logits, _ = model.forward(*inputs)
        except ValueError as error:
            assert "expected" in str(error) or "at least one" in str(error), error
        else:
            assert logits.shape == (*shape, 7) and np.isfinite(logits).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_features_that_are_not_finite_are_refused_at_the_door(value):
    features = np.ones((2, 3, 5), np.float32)
    features[1, 2, 3] = value
    model = EncoderOnly(EncoderOnlyConfig(n_features=5, n_classes=2, **SIZES))
    with pytest.raises(ValueError, match="features.*finite|NaN or infinity"):
        model.forward(features)

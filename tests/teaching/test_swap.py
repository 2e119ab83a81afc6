"""A swapped pair is used wherever the package uses it, and nowhere afterwards."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from minitransformer import functional, layers, models
from minitransformer.checks import models as model_cases
from minitransformer.gradient_check import check_gradients
from minitransformer.teaching.swap import swapped

PAIRS = {name[:-len("_forward")]: package for package in (functional, layers, models)
         for name, value in sorted(vars(package).items())
         if name.endswith("_forward") and callable(value)}


def snapshot():
    """{(module, name): object} of every function and every table of the package."""
    return {(module_name, key): dict(value) if type(value) is dict else value
            for module_name, module in sys.modules.items()
            if module_name.startswith("minitransformer")
            for key, value in vars(module).items() if callable(value) or type(value) is dict}


def counting(function, calls):
    def counted(*args, **kwargs):
        calls.append(function.__name__)
        return function(*args, **kwargs)
    return counted


def one_step(name=""):
    """A training step of a small model that uses the pair: its gradient, from the loss down."""
    from minitransformer.data.batching import Batch
    from minitransformer.models import (
        DecoderOnly, DecoderOnlyConfig, EncoderDecoder, EncoderDecoderConfig, EncoderOnly,
        EncoderOnlyConfig)

    if name in ("encoder_only", "encoder_embedding", "feature_embedding"):
        model = EncoderOnly(EncoderOnlyConfig(n_features=4, n_classes=5, d_model=6, n_heads=3,
                                              n_layers=1, d_ff=5, max_seq_len=7), dtype=np.float64)
        features = np.random.default_rng(0).normal(size=(2, 3, 4))
        return model.loss_and_grads(SimpleNamespace(
            features=features, ids=None, mask=None, targets=np.array([1, 4])), dropout_seed=(0, 0))
    if name in ("decoder_only", "blocks", "head"):
        ids = np.array([[3, 4, 5], [6, 7, 0]])
        model = DecoderOnly(DecoderOnlyConfig(9, d_model=6, n_heads=3, n_layers=1, d_ff=5,
                                              max_seq_len=7), dtype=np.float64)
        return model.loss_and_grads(Batch(None, ids, ids), dropout_seed=(0, 0))
    config = EncoderDecoderConfig(8, 9, d_model=6, n_heads=3, n_layers=1, d_ff=5, max_seq_len=7)
    ids = np.array([[3, 4, 5], [6, 7, 0]])
    return EncoderDecoder(config, dtype=np.float64).loss_and_grads(
        Batch(ids, ids, ids), dropout_seed=(0, 0))


@pytest.mark.parametrize("name", PAIRS)
def test_a_training_step_calls_the_swapped_functions(name):
    calls = []
    forward = counting(getattr(PAIRS[name], f"{name}_forward"), calls)
    backward = counting(getattr(PAIRS[name], f"{name}_backward"), calls)
    plain_loss, plain = one_step(name)
    before = snapshot()
    with swapped(name, forward, backward):
        loss, grads = one_step(name)
    assert snapshot() == before
    assert loss == plain_loss
    # The loss's own backward is p - q: it needs no backward of log-softmax.
    expected = {f"{name}_forward", f"{name}_backward"} - {"log_softmax_backward"}
    assert set(calls) == expected


@pytest.mark.slow
def test_one_half_may_stay_as_it_is():
    original = functional.relu_backward
    with swapped("relu", backward=lambda dout, cache: -original(dout, cache)):
        case = next(case for case in model_cases.cases() if case.pair == "encoder_decoder")
        report = check_gradients(case.forward, case.backward, *case.inputs, options=case.options,
                                 zero=case.zero, max_coordinates=4)
        wrong = [entry.name for entry in report.entries if entry.error > 1e-6]
    assert any("feed_forward.up" in name for name in wrong)


def test_everything_is_back_after_an_error():
    before = snapshot()
    with pytest.raises(ZeroDivisionError):
        with swapped("attention", lambda *args, **kwargs: 1 / 0):
            one_step()
    assert snapshot() == before


def test_an_unknown_pair_names_the_known_ones():
    with pytest.raises(ValueError, match="there is no pair 'heads'; there are attention"):
        with swapped("heads"):
            pass

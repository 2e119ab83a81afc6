"""Attributions: their definitions by other means, completeness, and errors."""

from types import SimpleNamespace

import numpy as np
import pytest

from minitransformer.interpretability.attribution import (
    gradient_times_input, integrated_gradients, occlusion, path_integral, score, score_gradient)
from minitransformer.interpretability.embedded import Embedded, embedded
from minitransformer.models import (
    DecoderOnly, DecoderOnlyConfig, EncoderDecoder, EncoderDecoderConfig, EncoderOnly,
    EncoderOnlyConfig)

SIZES = {"d_model": 12, "n_heads": 3, "n_layers": 2, "d_ff": 9, "max_seq_len": 9}
IDS, TGT = [3, 5, 4, 6, 3, 8], [1, 4, 7, 5]
LANGUAGE_MODEL = DecoderOnly(DecoderOnlyConfig(11, **SIZES), dtype=np.float64)
FUNCTIONS = {
    "language model": embedded(LANGUAGE_MODEL, IDS),
    "classifier": embedded(EncoderOnly(EncoderOnlyConfig(11, n_classes=5, **SIZES),
                                       dtype=np.float64), IDS),
    "translator": embedded(EncoderDecoder(EncoderDecoderConfig(11, 11, **SIZES),
                                          dtype=np.float64), IDS, tgt=TGT, place=2),
}
every_function = pytest.mark.parametrize("name", FUNCTIONS)


def product(start=(0.0, 0.0), end=(1.0, 2.0)):
    """The score u² w of two tokens u and w of one number each: a pencil's model."""
    def forward(x):
        u, w = x[:, 0], x[:, 1]                                              # (B, 1)
        return u * u * w, (u, w)

    def backward(dlogits, cache):
        u, w = cache
        return np.stack([2 * u * w * dlogits, u * u * dlogits], axis=1)      # (B, 2, 1)

    return Embedded(np.reshape(end, (1, 2, 1)), np.reshape(start, (1, 2, 1)), forward, backward)


def test_the_example_by_pencil():
    np.testing.assert_allclose(gradient_times_input(product(), 0), [4, 2], rtol=0, atol=1e-15)
    found = integrated_gradients(product(), 0)
    np.testing.assert_allclose(found.tokens, [4 / 3, 2 / 3], rtol=0, atol=1e-14)
    assert (found.start, found.end, found.steps) == (0, 2, 16) and found.gap < 1e-14
    np.testing.assert_allclose(occlusion(product(), 0), [2, 2], rtol=0, atol=1e-15)
    away = product(start=(1.0, -1.0), end=(3.0, 2.0))  # the score is 9 * 2 - 1 * -1 = 19 higher
    found = integrated_gradients(away, 0)
    # u = 1 + 2 s, w = -1 + 3 s: the integral of 2 * 2 u w is 5 * 4 / 3 * 3 / 2 ...
    s = (np.arange(100_000) + 0.5) / 100_000
    u, w = 1 + 2 * s, -1 + 3 * s
    np.testing.assert_allclose(found.tokens, [np.mean(4 * u * w), np.mean(3 * u * u)], rtol=1e-8)
    np.testing.assert_allclose(found.tokens.sum(), 19, rtol=1e-13)


@every_function
def test_gradient_times_input_is_the_derivative_along_each_token(name):
    function = FUNCTIONS[name]
    found = gradient_times_input(function, 4)
    for t in range(len(IDS)):
        moved = function.x.astype(complex)                                   # (1, T, D)
        moved[0, t] *= 1 + 1e-30j
        assert abs(score(function, 4, moved)[0].imag / 1e-30 - found[t]) < 1e-12
    assert np.abs(found).max() > 1e-3


@every_function
@pytest.mark.parametrize("baseline", ["average", "another text", "one vector"])
def test_integrated_gradients_are_complete(name, baseline):
    function, rng = FUNCTIONS[name], np.random.default_rng(2)
    start = {"average": None, "another text": rng.normal(size=(6, 12)),
             "one vector": rng.normal(size=12)}[baseline]
    found = integrated_gradients(function, 4, baseline=start)
    assert found.gap <= 0.01
    change = score(function, 4)[0] - score(
        function, 4, function.average if start is None else np.broadcast_to(start, (1, 6, 12)))[0]
    np.testing.assert_allclose(found.tokens.sum(), change, rtol=0.01)
    assert found.end - found.start == change


@pytest.mark.slow
@every_function
def test_zeros_are_no_baseline_for_a_model_that_normalizes(name):
    function = FUNCTIONS[name]
    with pytest.raises(ArithmeticError, match="1024 points"):
        integrated_gradients(function, 4, baseline=np.zeros(12))


def test_each_token_s_share_is_that_of_a_fine_sum():
    function = FUNCTIONS["classifier"]
    points = (np.arange(400) + 0.5) / 400
    fine = path_integral(function, 2, function.average, points, np.full(400, 1 / 400))
    found = integrated_gradients(function, 2)
    np.testing.assert_allclose(found.tokens, fine, rtol=0, atol=0.01 * np.abs(fine).max())


def test_a_path_is_walked_in_pieces_that_add_up():
    function = product()
    points, weights = np.linspace(0, 1, 37), np.random.default_rng(1).uniform(size=37)
    expected = [np.sum(weights * 2 * points * 2 * points), 2 * np.sum(weights * points ** 2)]
    np.testing.assert_allclose(path_integral(function, 0, function.average, points, weights),
                               expected, rtol=1e-12)


@every_function
def test_occlusion_takes_one_token_at_a_time(name):
    function = FUNCTIONS[name]
    found = occlusion(function, 4)
    for t in range(len(IDS)):
        without = function.x.copy()
        without[0, t] = function.average[0, t]
        expected = score(function, 4)[0] - score(function, 4, without)[0]
        assert abs(found[t] - expected) < 1e-12


def test_an_answer_may_be_a_difference_of_logits():
    function, weights = FUNCTIONS["translator"], np.zeros(11)
    weights[[4, 7]] = 1, -1
    for method in (score, score_gradient, gradient_times_input, occlusion):
        np.testing.assert_allclose(method(function, weights),
                                   method(function, 4) - method(function, 7), atol=1e-12)


def test_nothing_is_changed():
    function = FUNCTIONS["classifier"]
    for array in (function.x, function.average):
        array.setflags(write=False)
    for method in (score, score_gradient, gradient_times_input, occlusion, integrated_gradients):
        method(function, 3)


def test_single_precision_is_enough():
    model = DecoderOnly(DecoderOnlyConfig(11, **SIZES))
    found = integrated_gradients(embedded(model, IDS), 4)
    assert found.gap <= 0.01 and found.tokens.shape == (6,)


def test_a_step_on_the_way_is_refused_with_both_numbers():
    def forward(x):  # all of the change happens within 1e-6 of the way
        out = np.tanh(1e7 * (x[:, 0] - 0.4567))
        return out, out

    steep = Embedded(np.ones((1, 1, 1)), np.zeros((1, 1, 1)), forward, lambda dlogits, out: (
        dlogits * 1e7 * (1 - out * out))[:, None])
    with pytest.raises(ArithmeticError, match="1024 points .* score changes by 2:"):
        integrated_gradients(steep, 0)


def test_errors_at_the_door():
    function = FUNCTIONS["classifier"]
    for answer in (5, -1):
        with pytest.raises(ValueError, match="numbered 0 to 4"):
            score(function, answer)
    with pytest.raises(ValueError, match="each of the 5 logits"):
        score(function, np.ones(6))
    with pytest.raises(ValueError, match=r"\(7, 12\), which does not broadcast"):
        integrated_gradients(function, 0, baseline=np.ones((7, 12)))
    with pytest.raises(ValueError, match="same score"):
        integrated_gradients(function, 0, baseline=function.x)


def test_nothing_else_is_needed_of_a_function():
    other = SimpleNamespace(**product()._asdict())
    np.testing.assert_allclose(gradient_times_input(other, 0), [4, 2])

"""Rotary positions and ALiBi."""

import math

import numpy as np
import pytest

from minitransformer.functional import attention_forward
from minitransformer.variants import alibi_bias, rotary_backward, rotary_forward

PLACES = np.arange(5)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def test_a_quarter_turn_by_hand():
    x = np.array([1.0, 2, 3, 4]).reshape(1, 1, 1, 4)
    quarter = np.array([math.pi / 2])
    fast, _ = rotary_forward(x, positions=quarter, base=1e30)   # the second pair hardly turns
    np.testing.assert_allclose(fast.ravel(), [-2, 1, 3, 4], atol=1e-12)
    halves, cache = rotary_forward(x, positions=quarter, base=1e30, interleaved=False)
    np.testing.assert_allclose(halves.ravel(), [-3, 2, 1, 4], atol=1e-12)
    back = rotary_backward(halves, cache)
    np.testing.assert_allclose(back, x, atol=1e-12)


def test_the_speeds_fall_from_one():
    x = np.zeros((1, 1, 1, 6))
    x[..., ::2] = 1
    out, _ = rotary_forward(x, positions=np.array([1]), base=1000.0)
    angles = np.arctan2(out[..., 1::2], out[..., ::2]).ravel()
    np.testing.assert_allclose(angles, [1, 0.1, 0.01], rtol=1e-12)
    assert np.array_equal(rotary_forward(x, positions=np.array([1]))[0],
                          rotary_forward(x, positions=np.array([1]), base=10000.0)[0])


@pytest.mark.parametrize("interleaved", [True, False])
def test_dot_products_know_the_distance_alone(interleaved):
    q, k = (np.repeat(normal(1, 1, 1, 6, seed=seed), 5, axis=2) for seed in (1, 2))
    turned_q, turned_k = (rotary_forward(x, positions=PLACES, interleaved=interleaved)[0]
                          for x in (q, k))
    scores = (turned_q @ turned_k.swapaxes(-1, -2))[0, 0]
    for offset in range(-4, 5):
        diagonal = np.diagonal(scores, offset)
        np.testing.assert_allclose(diagonal, diagonal[0], rtol=1e-12)
    assert len(set(np.round(scores[0], 6))) == 5


def test_lengths_stay_and_the_backward_turns_back():
    x = normal(2, 3, 5, 4)
    out, cache = rotary_forward(x, positions=PLACES)
    np.testing.assert_allclose(np.linalg.norm(out, axis=-1), np.linalg.norm(x, axis=-1), rtol=1e-12)
    np.testing.assert_allclose(rotary_backward(out, cache), x, rtol=1e-12, atol=1e-14)
    assert np.array_equal(out[:, :, 0], x[:, :, 0])
    assert np.array_equal(rotary_forward(x, positions=PLACES.tolist())[0], out)


def test_every_text_may_have_places_of_its_own():
    x = normal(2, 3, 5, 4)
    places = np.array([PLACES, PLACES + 7])[:, None]
    out, _ = rotary_forward(x, positions=places)
    for b, own in enumerate((PLACES, PLACES + 7)):
        alone, _ = rotary_forward(x[b:b + 1], positions=own)
        assert np.array_equal(out[b:b + 1], alone)


@pytest.mark.parametrize("x, positions, words", [
    (np.ones((1, 1, 5, 3)), PLACES, "the width of a head is 3"),
    (np.ones((1, 5, 4)), PLACES, r"x has shape \(1, 5, 4\)"),
    (np.ones((1, 1, 5, 4)), PLACES[:4], r"positions have shape \(4,\), expected \(T,\) = \(5,\)"),
    (np.ones((2, 1, 5, 4)), PLACES[None, None], r"or \(B, 1, T\) = \(2, 1, 5\)"),
])
def test_what_does_not_fit_is_named(x, positions, words):
    with pytest.raises(ValueError, match=words):
        rotary_forward(x, positions=positions)


def test_alibi_by_its_definition():
    bias = alibi_bias(2, 3, 3)
    assert bias[0].tolist() == [[0, 1 / 16, 2 / 16], [-1 / 16, 0, 1 / 16], [-2 / 16, -1 / 16, 0]]
    assert np.array_equal(bias[1] * 16, bias[0])


def test_alibi_slopes():
    slopes = [row[0] for row in -alibi_bias(8, 1, 2)[:, 0]]
    assert slopes == [2.0 ** -n for n in range(1, 9)]
    six = [row[0] for row in -alibi_bias(6, 1, 2)[:, 0]]
    assert six == [2.0 ** -2, 2.0 ** -4, 2.0 ** -6, 2.0 ** -8, 2.0 ** -1, 2.0 ** -3]
    assert -alibi_bias(1, 1, 2)[0, 0, 0] == 2.0 ** -8


def test_alibi_for_the_last_queries():
    assert np.array_equal(alibi_bias(3, 2, 5), alibi_bias(3, 5, 5)[:, 3:])
    with pytest.raises(ValueError, match="n_heads is 0"):
        alibi_bias(0, 2, 2)


def test_alibi_prefers_what_is_near():
    q = k = np.ones((1, 2, 4, 3))
    _, cache = attention_forward(q, k, k, causal=True, score_bias=alibi_bias(2, 4, 4))
    last = cache.weights[0, :, -1]
    assert np.all(np.diff(last) > 0)

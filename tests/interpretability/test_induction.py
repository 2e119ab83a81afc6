"""Induction: texts that repeat, and the scores of heads whose pattern is known beforehand."""

import numpy as np
import pytest

from minitransformer.functional import log_softmax_forward
from minitransformer.interpretability.induction import (
    induction_scores, losses_by_half, previous_token_scores, repeated_tokens)
from minitransformer.models import DecoderOnly, DecoderOnlyConfig


def test_texts_repeat_after_their_period_and_draw_from_the_vocabulary():
    ids = repeated_tokens(np.random.default_rng(0), n_texts=50, period=7, length=20,
                          vocab=range(3, 9))
    assert ids.shape == (50, 20) and set(np.unique(ids)) == set(range(3, 9))
    np.testing.assert_array_equal(ids[:, 7:], ids[:, :-7])
    assert len(np.unique(ids[:, :7], axis=0)) == 50


def test_each_text_draws_its_own_period():
    ids = repeated_tokens(np.random.default_rng(0), n_texts=200, period=(4, 6), length=30,
                          vocab=range(100, 400))
    periods = [next(p for p in range(1, 30) if (row[p:] == row[:-p]).all()) for row in ids]
    assert set(periods) == {4, 5, 6}
    chosen = repeated_tokens(np.random.default_rng(0), n_texts=3, period=2, length=5,
                             vocab=[17, 23])
    assert set(np.unique(chosen)) <= {17, 23}


def pattern(T, key_of):
    """weights (2, 3, T, T): in head 1 query t looks at key_of(t), if there is one; else 0."""
    weights = np.zeros((2, 3, T, T))
    for t in range(T):
        if 0 <= key_of(t) <= t:
            weights[:, 1, t, key_of(t)] = 1
    return weights


def test_scores_are_one_for_the_pattern_and_zero_beside_it():
    T, period = 10, 4
    induction, previous = pattern(T, lambda t: t - period + 1), pattern(T, lambda t: t - 1)
    np.testing.assert_array_equal(induction_scores(induction, period), [0, 1, 0])
    np.testing.assert_array_equal(previous_token_scores(induction), [0, 0, 0])
    np.testing.assert_array_equal(previous_token_scores(previous), [0, 1, 0])
    np.testing.assert_array_equal(induction_scores(previous, period), [0, 0, 0])
    for shift in (0, 2):
        beside = pattern(T, lambda t, shift=shift: t - period + shift)
        np.testing.assert_array_equal(induction_scores(beside, period), [0, 0, 0])


def test_scores_are_means_over_texts_and_queries():
    weights = np.random.default_rng(0).random((3, 2, 9, 9))
    want = [np.mean([weights[b, h, t, t - 3] for b in range(3) for t in range(4, 9)])
            for h in range(2)]
    np.testing.assert_allclose(induction_scores(weights, 4), want, rtol=1e-12)
    want = [np.mean([weights[b, h, t, t - 1] for b in range(3) for t in range(1, 9)])
            for h in range(2)]
    np.testing.assert_allclose(previous_token_scores(weights), want, rtol=1e-12)


def test_losses_are_those_of_the_two_halves():
    model = DecoderOnly(DecoderOnlyConfig(9, d_model=8, n_heads=2, n_layers=1, d_ff=8,
                                          max_seq_len=12, dropout=0.0), dtype=np.float64)
    ids = repeated_tokens(np.random.default_rng(0), n_texts=3, period=5, length=10,
                          vocab=range(3, 9))
    logs, _ = log_softmax_forward(model.forward(ids)[0])
    nats = [[-logs[b, t, ids[b, t + 1]] for t in range(9)] for b in range(3)]
    first, second = losses_by_half(model, ids)
    assert first == pytest.approx(np.mean([row[:4] for row in nats]), rel=1e-12)
    assert second == pytest.approx(np.mean([row[5:] for row in nats]), rel=1e-12)


@pytest.mark.parametrize("period", [1, 0, 10])
def test_a_text_that_cannot_be_looked_up_is_refused(period):
    with pytest.raises(ValueError, match=f"period is {period}, expected 2 to 9"):
        induction_scores(np.zeros((1, 1, 10, 10)), period)


@pytest.mark.parametrize("period", [0, (0, 3), (5, 4)])
def test_a_period_below_one_is_refused(period):
    with pytest.raises(ValueError, match="expected 1 or more"):
        repeated_tokens(np.random.default_rng(0), n_texts=1, period=period, length=4, vocab=[3, 4])


def test_weights_must_be_square_and_texts_even():
    with pytest.raises(ValueError, match="weights has shape"):
        previous_token_scores(np.zeros((1, 2, 3, 4)))
    with pytest.raises(ValueError, match="9 tokens"):
        losses_by_half(None, np.zeros((2, 9), int))

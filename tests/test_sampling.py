"""Sampling, on made-up models whose logits are known."""

import numpy as np
import pytest

from minitransformer.sampling import next_token, next_token_probs, sample, sample_steps

LOGITS = np.log([0.5, 0.25, 0.125, 0.0625, 0.0625])


def test_plain_probabilities():
    np.testing.assert_allclose(next_token_probs(LOGITS), np.exp(LOGITS), rtol=1e-12)


def test_temperature_sharpens_and_flattens():
    cold, hot = next_token_probs(LOGITS, temperature=0.5), next_token_probs(LOGITS, temperature=2)
    np.testing.assert_allclose(cold, np.exp(LOGITS) ** 2 / np.sum(np.exp(LOGITS) ** 2), rtol=1e-12)
    assert hot[0] < 0.5 < cold[0]


def test_temperature_zero_takes_the_likeliest_and_of_equal_ones_the_first():
    assert next_token_probs(np.array([1.0, 3, 3, 2]), temperature=0).tolist() == [0, 1, 0, 0]


def test_top_k_keeps_the_likeliest():
    np.testing.assert_allclose(next_token_probs(LOGITS, top_k=2), [2 / 3, 1 / 3, 0, 0, 0])
    assert np.count_nonzero(next_token_probs(LOGITS, top_k=4)) == 4  # of the last two the first
    np.testing.assert_allclose(next_token_probs(LOGITS, top_k=9), np.exp(LOGITS))


@pytest.mark.parametrize("top_p, kept", [(0.4, 1), (0.5, 1), (0.51, 2), (0.8, 3), (1.0, 5)])
def test_top_p_keeps_the_fewest_that_reach_it(top_p, kept):
    probs = next_token_probs(LOGITS, top_p=top_p)
    assert np.count_nonzero(probs) == kept
    np.testing.assert_allclose(probs[:kept], np.exp(LOGITS)[:kept] / np.exp(LOGITS)[:kept].sum())


def test_top_p_comes_after_top_k():
    np.testing.assert_allclose(next_token_probs(LOGITS, top_k=2, top_p=0.6), [1, 0, 0, 0, 0])


def test_what_was_there_already_is_less_attractive():
    logits = np.array([2.0, -1.0, 2.0, 0.5])
    probs = next_token_probs(logits, repetition_penalty=2.0, seen=[0, 1, 1])
    np.testing.assert_allclose(np.log(probs / probs[2]), [-1, -4, 0, -1.5], atol=1e-12)
    assert logits.tolist() == [2, -1, 2, 0.5]


@pytest.mark.parametrize("choice, words", [
    ({"temperature": -0.1}, "temperature is -0.1, expected 0 or more"),
    ({"temperature": float("inf")}, "temperature is inf, expected 0 or more, and finite"),
    ({"top_k": 0}, "top_k is 0, expected at least 1"),
    ({"top_p": 0.0}, "top_p is 0.0, expected above 0"), ({"top_p": 1.1}, "top_p is 1.1"),
    ({"repetition_penalty": 0}, "repetition_penalty is 0, expected above 0"),
])
def test_numbers_out_of_range_are_named(choice, words):
    with pytest.raises(ValueError, match=words):
        next_token_probs(LOGITS, **choice)


@pytest.mark.parametrize("logits", [[1.0, np.nan], [1.0, np.inf], [-np.inf, -np.inf]])
def test_logits_that_are_nan_or_infinite_are_refused(logits):
    with pytest.raises(ValueError, match="the model's logits are NaN or infinite"):
        next_token_probs(np.array(logits))


def sorted_whole(logits, temperature, top_k, top_p, penalty, seen):
    """next_token_probs, all scores sorted for each cut."""
    scores = np.array(logits, float)
    for i in set(seen):
        scores[i] = scores[i] / penalty if scores[i] > 0 else scores[i] * penalty
    order = np.argsort(-scores, kind="stable")
    scores[order[1 if temperature == 0 else top_k or len(order):]] = -np.inf
    probs = np.exp((scores - scores.max()) / (temperature or 1))
    probs /= probs.sum()
    if top_p is not None:
        probs[order[np.cumsum(probs[order]) - probs[order] >= top_p]] = 0
        probs /= probs.sum()
    return probs


@pytest.mark.parametrize("seed", range(20))
def test_cuts_are_those_of_sorting_all_scores(seed):
    rng = np.random.default_rng(seed)
    for digits in (0, 9):                                       # with equal scores, and without
        logits = np.round(3 * rng.normal(size=30), digits)
        logits[3] = -np.inf                                     # padding is never written
        penalty, seen = rng.choice([1.0, 1.3]), rng.integers(30, size=5).tolist()
        for temperature in (0, 0.5, 1, 2):
            for top_k in (None, 1, 6, 30, 99):
                for top_p in (None, 1e-9, 0.5, 0.9, 1.0):
                    choice = {"temperature": temperature, "top_k": top_k, "top_p": top_p,
                              "repetition_penalty": penalty, "seen": seen}
                    wanted = sorted_whole(logits, temperature, top_k, top_p, penalty, seen)
                    probs = next_token_probs(logits, **choice)
                    np.testing.assert_allclose(probs, wanted, rtol=1e-12, atol=0)
                    token = np.random.default_rng(seed).choice(30, p=wanted)
                    assert next_token(logits, np.random.default_rng(seed), **choice) == token


def test_the_likeliest_needs_no_random_number():
    rng = np.random.default_rng(0)
    before = rng.bit_generator.state
    assert next_token(np.array([1.0, 3, 3, 2]), rng, temperature=0) == 1
    assert next_token(np.array([1.0, 3, 3, 2]), rng, temperature=0, repetition_penalty=2.0,
                      seen=[1]) == 2
    assert rng.bit_generator.state == before
    with pytest.raises(ValueError, match="the model's logits are NaN"):
        next_token(np.array([1.0, np.nan]), rng, temperature=0)


@pytest.mark.parametrize("choice", [{"temperature": -1}, {"temperature": 0, "top_k": 0}])
def test_numbers_out_of_range_are_refused_before_the_model_is_asked(choice):
    model = Counting()
    with pytest.raises(ValueError, match="expected"):
        sample(model, [[1]], max_new_tokens=2, **choice)
    assert not model.calls


class Counting:
    """A model that always wants the last id plus one; it keeps each row's text as a cache would."""

    def __init__(self, vocab_size=20):
        self.vocab_size, self.texts, self.calls = vocab_size, None, []

    def __call__(self, ids, rows):
        self.calls.append(ids.shape)
        before = [[] for _ in rows] if self.texts is None else [self.texts[row] for row in rows]
        self.texts = [old + new.tolist() for old, new in zip(before, ids)]
        logits = np.full((len(rows), self.vocab_size), -50.0)
        for row, text in enumerate(self.texts):
            logits[row, (text[-1] + 1) % self.vocab_size] = 50.0
        return logits


def test_prompts_of_any_length_go_on_where_they_stopped():
    model = Counting()
    found = sample(model, [[1, 2, 3], [7], [10, 11]], max_new_tokens=3)
    assert found == [[4, 5, 6], [8, 9, 10], [12, 13, 14]]
    assert model.calls == [(3, 1), (3, 1), (3, 1), (2, 1), (1, 1)]
    assert sample(Counting(), [[1, 2, 3], [7, 8, 9]], max_new_tokens=1) == [[4], [10]]


def test_a_stop_token_ends_its_row_alone():
    assert sample(Counting(), [[1], [3], [5]], max_new_tokens=4, stop={6, 4}) == [[2, 3], [], []]


def test_steps_are_yielded_as_they_come():
    steps = list(sample_steps(Counting(), [[1, 2], [7]], max_new_tokens=2))
    assert steps == [{1: 8}, {0: 3, 1: 9}, {0: 4}]


def test_draws_follow_the_probabilities():
    def step(ids, rows):
        return np.tile(LOGITS, (len(rows), 1))
    found = sample(step, [[0]] * 40, max_new_tokens=100)
    counts = np.bincount(np.ravel(found), minlength=5) / 4000
    assert np.max(np.abs(counts - np.exp(LOGITS))) < 0.03
    assert sample(step, [[0]] * 2, max_new_tokens=9) == [row[:9] for row in found[:2]]


@pytest.mark.parametrize("prompts", [[], [[1], []]])
def test_an_empty_prompt_is_refused(prompts):
    with pytest.raises(ValueError, match="a prompt is empty"):
        sample(Counting(), prompts, max_new_tokens=2)


def test_no_tokens_are_no_request():
    with pytest.raises(ValueError, match="max_new_tokens is 0"):
        sample(Counting(), [[1]], max_new_tokens=0)

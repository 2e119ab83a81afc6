"""Every exhibit is caught by the checks that are said to catch it, and passes the others."""

import dataclasses

import numpy as np
import pytest

from minitransformer.functional import (
    attention_forward, cross_entropy_forward, linear_backward, merge_heads, sinusoidal_positions,
    softmax_forward, split_heads)
from minitransformer.kv_cache import KvCache
from minitransformer.teaching.exhibits.lesson_12 import bits_of_characters_forward
from minitransformer.teaching.exhibits.lesson_21 import backward_with_the_same_mask
from minitransformer.teaching.museum import CHECKS, all_exhibits, exhibit
from minitransformer.variants import (
    batch_norm_backward, batch_norm_forward, blockwise_attention_forward)

EXHIBITS = all_exhibits()


@pytest.mark.slow
@pytest.mark.parametrize("item", EXHIBITS, ids=lambda item: item.name)
def test_an_exhibit_is_caught_and_missed_as_it_says(item):
    assert item.caught_by and item.missed_by
    assert not set(item.caught_by) & set(item.missed_by)
    # Without an experiment, nothing could be said about the loss curve.
    assert "a falling loss" in item.caught_by + item.missed_by
    assert {name: CHECKS[name](item) for name in item.caught_by + item.missed_by} == {
        **dict.fromkeys(item.caught_by, True), **dict.fromkeys(item.missed_by, False)}


def test_names_are_unique():
    assert len({item.name for item in EXHIBITS}) == len(EXHIBITS)


def changed_linear(change):
    return dataclasses.replace(
        exhibit("one_over_batch"), training_inputs=None,
        backward=lambda dout, cache: change(*linear_backward(dout, cache)))


@pytest.mark.parametrize("name", ["the gradient check", "a check with dout = ones",
                                  "a look at the shapes", "a falling loss"])
def test_no_check_catches_a_right_backward(name):
    assert not CHECKS[name](changed_linear(lambda dx, dw, db: (dx, dw, db)))


@pytest.mark.parametrize("name, change", [
    ("the gradient check", lambda dx, dw, db: (dx, dw, db[None])),
    ("a check with dout = ones", lambda dx, dw, db: (dx, dw, 2 * db)),
    ("a look at the shapes", lambda dx, dw, db: (dx, dw.T, db)),
    ("a falling loss", lambda dx, dw, db: (-dx, -dw, -db)),
])
def test_every_check_catches_something(name, change):
    assert CHECKS[name](changed_linear(change))


def test_shuffled_tokens_do_not_catch_right_heads():
    def forward(q, k, v, *, n_heads, causal):
        heads, _ = attention_forward(*(split_heads(x, n_heads) for x in (q, k, v)), causal=causal)
        return merge_heads(heads), None
    right = dataclasses.replace(exhibit("reshape_heads"), forward=forward)
    assert not CHECKS["shuffled tokens"](right)


def test_an_exhibit_is_shown_with_its_code():
    for text in (repr(exhibit("one_over_batch")), exhibit("one_over_batch")._repr_markdown_()):
        assert "Bug museum, lesson 01: 1/B inside a layer" in text
        assert "Would a loss curve show it? no." in text
        assert "Caught by the gradient check" in text and "def linear_backward_over_batch" in text


def test_an_unknown_exhibit_names_the_known_ones():
    with pytest.raises(ValueError, match="there is no exhibit 'x'; there are missing_keepdims"):
        exhibit("x")


def test_more_padding_does_not_catch_a_loss_that_ignores_it():
    def forward(logits, *, targets):
        return cross_entropy_forward(logits, targets=targets, ignore_index=0)
    right = dataclasses.replace(exhibit("padding_in_the_mean"), forward=forward)
    assert not CHECKS["more padding"](right)


def test_shifted_places_do_not_catch_pairs_turned_alike():
    right = dataclasses.replace(exhibit("turned_on"), backward=None)
    assert not CHECKS["shifted places"](right)


def test_changed_padding_does_not_catch_a_norm_that_leaves_it_out():
    right = dataclasses.replace(exhibit("padding_in_statistics"), forward=batch_norm_forward)
    assert not CHECKS["changed padding"](right)


def test_another_text_does_not_catch_a_norm_that_remembers():
    right = dataclasses.replace(exhibit("forgotten_running_statistics"), forward=batch_norm_forward)
    assert not CHECKS["another text beside it"](right)


def test_the_forgotten_mean_is_all_that_is_wrong_in_its_exhibit():
    right = dataclasses.replace(exhibit("forgotten_mean"), backward=batch_norm_backward)
    assert not any(CHECKS[name](right) for name in right.caught_by)


def decode_with_reordering(q, k, v, *, parents):
    kv_cache = KvCache()
    for t in range(k.shape[2]):
        kv_cache.reorder(parents[t])
        kv_cache.extend(k[:, :, t:t + 1], v[:, :, t:t + 1])
    return attention_forward(q, kv_cache.k, kv_cache.v)[0]


def decode_places_in_order(x):
    placed, kv_cache = x + sinusoidal_positions(*x.shape[2:]), KvCache()
    outs = []
    for t in range(x.shape[2]):
        new = placed[:, :, t:t + 1]
        outs.append(attention_forward(new, *kv_cache.extend(new, new))[0])
    return np.concatenate(outs, axis=2)


@pytest.mark.parametrize("name, decode", [
    ("places_from_zero", decode_places_in_order),
    ("beams_not_reordered", decode_with_reordering),
    ("late_temperature", lambda logits, *, temperature: softmax_forward(logits / temperature)[0]),
])
def test_no_check_catches_right_decoding(name, decode):
    right = dataclasses.replace(exhibit(name), decode=decode)
    assert not any(CHECKS[check](right) for check in right.caught_by + right.missed_by)


def test_what_is_no_probability_is_caught():
    item = exhibit("late_temperature")
    for decode in (lambda z, *, temperature: z, lambda z, *, temperature: np.exp(z)):
        assert CHECKS["probabilities that add up to 1"](dataclasses.replace(item, decode=decode))
    wrong = dataclasses.replace(item, decode=lambda z, *, temperature: softmax_forward(2 * z)[0])
    assert CHECKS["a temperature of 1"](wrong)
    others = dataclasses.replace(exhibit("beams_not_reordered"),
                                 decode=lambda q, k, v, *, parents: q)
    assert CHECKS["a beam of one"](others)
    first = dataclasses.replace(exhibit("places_from_zero"), decode=lambda x: x)
    assert CHECKS["the first token alone"](first)


@pytest.mark.parametrize("name", ["another tile size", "all scores lower by 2000"])
def test_right_tiles_are_not_caught(name):
    right = dataclasses.replace(exhibit("unshrunk_total"), forward=blockwise_attention_forward)
    assert not CHECKS[name](right)


def test_the_generator_is_all_that_is_wrong_with_a_mask_drawn_anew():
    right = dataclasses.replace(exhibit("mask_drawn_anew"), backward=backward_with_the_same_mask)
    assert not any(CHECKS[name](right) for name in right.caught_by)


def test_joined_tokens_do_not_catch_bits_of_characters():
    right = dataclasses.replace(exhibit("bits_of_tokens"), forward=bits_of_characters_forward)
    assert not CHECKS["two tokens joined to one"](right)

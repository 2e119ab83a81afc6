"""Yardsticks: probabilities that add up to one, numbers by hand, and gzip's own program."""

import gzip
import math

import pytest

from minitransformer.data.manual import TextSplit
from minitransformer.language_model.yardsticks import DISCOUNTS, NGram, gzip_bits, ngram_bits

TEXT = "abracadabra, abracadabra. a cab! " * 4


@pytest.mark.parametrize("order", [1, 2, 3, 6])
def test_the_probabilities_of_all_next_characters_add_up_to_one(order):
    characters = sorted(set(TEXT) | {"z"})
    model = NGram(TEXT, order=order, n_characters=len(characters)).choose_discounts("abcab. ab")
    for context in ("", "a", "br", "abrac", "zz", "za", ", a cab"):
        probs = [2 ** (-(len(context) + 1) * model.bits_per_character(context + c)
                       + len(context) * (model.bits_per_character(context) if context else 0))
                 for c in characters]
        assert sum(probs) == pytest.approx(1, rel=1e-9) and min(probs) > 0


def test_bigrams_by_hand():
    # "aabab": aa 1, ab 2, ba 1. Before a stand a and b, before b stands a: 2 and 1 of 3.
    model = NGram("aabab", order=2, n_characters=2)
    model.discounts = [0.0, 0.0]
    assert model.bits_per_character("ab") == pytest.approx(-math.log2(2 / 3 * 2 / 3) / 2)
    model.discounts = [0.5, 0.25]
    p_b = (1 - 0.5) / 3 + 0.5 * 2 / 3 * (1 / 2)
    p_b_after_a = (2 - 0.25) / 3 + 0.25 * 2 / 3 * p_b
    p_a = (2 - 0.5) / 3 + 0.5 * 2 / 3 * (1 / 2)
    assert model.bits_per_character("ab") == pytest.approx(
        -(math.log2(p_a) + math.log2(p_b_after_a)) / 2)


def test_discounts_are_chosen_for_the_text_that_is_given():
    model = NGram(TEXT, order=3, n_characters=12)
    before = model.bits_per_character("a cab is a car")
    model.choose_discounts("a cab is a car")
    best = model.bits_per_character("a cab is a car")
    assert best < before
    for k, chosen in enumerate(list(model.discounts)):
        for model.discounts[k] in DISCOUNTS:
            assert model.bits_per_character("a cab is a car") >= best - 1e-12
        model.discounts[k] = chosen


def test_longer_contexts_help_where_text_repeats():
    split = TextSplit(TEXT, TEXT[5:70], TEXT[3:90])
    bits = [ngram_bits(split, order)[1] for order in (1, 2, 3)]
    assert bits[0] > bits[1] > bits[2]


def test_an_order_that_cannot_be_is_refused():
    for order in (0, 5):
        with pytest.raises(ValueError, match=f"order is {order}"):
            NGram("abcde", order=order, n_characters=5)


def test_gzip_counts_what_the_file_grows_by():
    assert gzip_bits(TEXT) == 8 * len(gzip.compress(TEXT.encode(), 9)) / len(TEXT)
    assert gzip_bits(TEXT, after=TEXT) < 0.3 * gzip_bits(TEXT)
    assert gzip_bits("größer", after="x") < gzip_bits("größer")

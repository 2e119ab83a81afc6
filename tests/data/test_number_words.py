"""Number words: known ones, all of them against num2words, and a split without overlap."""

import numpy as np
import pytest

from minitransformer.data.number_words import (
    LIMIT,
    english_words,
    german_words,
    number_pairs,
    split_numbers,
)


@pytest.mark.parametrize("number, english, german", [
    (0, "zero", "null"),
    (1, "one", "eins"),
    (12, "twelve", "zwölf"),
    (17, "seventeen", "siebzehn"),
    (20, "twenty", "zwanzig"),
    (21, "twenty-one", "einundzwanzig"),
    (100, "one hundred", "einhundert"),
    (101, "one hundred and one", "einhunderteins"),
    (1000, "one thousand", "eintausend"),
    (1001, "one thousand and one", "eintausendeins"),
    (1100, "one thousand, one hundred", "eintausendeinhundert"),
    (4567, "four thousand, five hundred and sixty-seven",
     "viertausendfünfhundertsiebenundsechzig"),
    (21_000, "twenty-one thousand", "einundzwanzigtausend"),
    (100_000, "one hundred thousand", "einhunderttausend"),
    (999_999, "nine hundred and ninety-nine thousand, nine hundred and ninety-nine",
     "neunhundertneunundneunzigtausendneunhundertneunundneunzig"),
])
def test_known_numbers(number, english, german):
    assert english_words(number) == english
    assert german_words(number) == german
    assert number_pairs(np.array([number])) == [(english, german)]


def test_exactly_what_num2words_says():
    num2words = pytest.importorskip("num2words").num2words
    numbers = [*range(10_000), *np.random.default_rng(0).integers(10_000, LIMIT, 5_000).tolist(),
               *range(100_000, LIMIT, 99_900), *range(1_000, LIMIT, 20_000)]
    for number in numbers:
        assert english_words(number) == num2words(number)
        assert german_words(number) == num2words(number, lang="de")


def test_different_numbers_have_different_words():
    sample = range(0, LIMIT, 17)
    english, german = zip(*number_pairs(sample))
    assert len(set(english)) == len(set(german)) == len(sample)


@pytest.mark.parametrize("words", [english_words, german_words])
@pytest.mark.parametrize("number", [-1, LIMIT])
def test_a_number_out_of_range_is_refused(words, number):
    with pytest.raises(ValueError, match=f"the number {number} is outside 0 to 999999"):
        words(number)


@pytest.mark.parametrize("sizes", [{"train": 20_000, "validation": 500, "test": 500},
                                   {"train": 7, "validation": 1, "test": 3},
                                   {"train": 980_000, "validation": 10_000, "test": 10_000}])
def test_no_number_is_in_two_parts_or_twice_in_one(sizes):
    split = split_numbers(**sizes, seed=1)
    assert {name: len(part) for name, part in split._asdict().items()} == sizes
    together = np.concatenate(split)
    assert len(np.unique(together)) == len(together)
    assert together.min() >= 0 and together.max() < LIMIT


def test_a_seed_repeats_its_split_and_another_gives_another():
    first, again, other = (split_numbers(train=100, seed=seed) for seed in (3, 3, 4))
    assert all(np.array_equal(a, b) for a, b in zip(first, again))
    assert not np.array_equal(first.test, other.test)


def test_held_out_numbers_are_uniform_and_training_ones_are_shorter():
    split = split_numbers(test=5_000, validation=5_000)
    for part in (split.test, split.validation):
        # The mean of 5,000 uniform draws is within five standard deviations of the middle.
        assert abs(part.mean() / LIMIT - 0.5) < 5 / np.sqrt(12 * 5_000)
    assert np.sum(split.train < 1_000) > 300
    assert np.sum(split.train < 100) > 80
    assert np.mean(split.train >= 100_000) > 0.7


def test_round_numbers_may_be_asked_for():
    plain, rounded = split_numbers(), split_numbers(round_numbers=2_500)
    for part, other in zip(plain[1:], rounded[1:]):
        assert np.array_equal(part, other)  # what is held out stays the same
    assert len(np.unique(np.concatenate(rounded))) == 21_000
    assert np.sum(plain.train % 1_000 == 0) < 100 < 400 < np.sum(rounded.train % 1_000 == 0)
    with pytest.raises(ValueError, match="round_numbers is 51, expected 0 to 50"):
        split_numbers(train=100, round_numbers=51)


@pytest.mark.parametrize("sizes", [{"train": 0}, {"test": -1}, {"train": LIMIT}])
def test_impossible_sizes_are_refused(sizes):
    with pytest.raises(ValueError, match="cannot split"):
        split_numbers(**sizes)

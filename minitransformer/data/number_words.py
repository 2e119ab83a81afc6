"""Numbers below one million in words, English and German: a small language with real grammar.

German says the units before the tens (47 is "siebenundvierzig", seven-and-forty), so a translator
must learn to reorder, and its success can be counted: a translation is right or wrong.
"""

from typing import NamedTuple

import numpy as np

LIMIT = 1_000_000  # numbers run from 0 to LIMIT - 1

_ENGLISH_SMALL = ("zero one two three four five six seven eight nine ten eleven twelve thirteen "
                  "fourteen fifteen sixteen seventeen eighteen nineteen").split()
_ENGLISH_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_GERMAN_SMALL = ("null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn "
                 "vierzehn fünfzehn sechzehn siebzehn achtzehn neunzehn").split()
_GERMAN_TENS = "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig".split()


def english_words(number):
    """4567 -> "four thousand, five hundred and sixty-seven".

    Raises ValueError outside 0 to 999999.
    """
    _expect_number(number)
    thousands, rest = divmod(number, 1000)
    if not thousands:
        return _english_below_1000(rest)
    words = f"{_english_below_1000(thousands)} thousand"
    if not rest:
        return words
    return f"{words}{' and' if rest < 100 else ','} {_english_below_1000(rest)}"


def _english_below_1000(number):
    hundreds, rest = divmod(number, 100)
    if rest < 20:
        words = _ENGLISH_SMALL[rest]
    else:
        tens, units = divmod(rest, 10)
        words = _ENGLISH_TENS[tens - 2] + (f"-{_ENGLISH_SMALL[units]}" if units else "")
    if not hundreds:
        return words
    return f"{_ENGLISH_SMALL[hundreds]} hundred" + (f" and {words}" if rest else "")


def german_words(number):
    """4567 -> "viertausendfünfhundertsiebenundsechzig".

    One is "ein" before hundert, tausend and und, else "eins"; 101000 is "einhunderteinstausend",
    as num2words has it ("einhunderteintausend" is found too). Raises ValueError outside 0 to
    999999.
    """
    _expect_number(number)
    thousands, rest = divmod(number, 1000)
    if not thousands:
        return _german_below_1000(rest)
    words = "ein" if thousands == 1 else _german_below_1000(thousands)
    return f"{words}tausend{_german_below_1000(rest) if rest else ''}"


def _german_below_1000(number):
    hundreds, rest = divmod(number, 100)
    if rest < 20:
        words = _GERMAN_SMALL[rest]
    else:
        tens, units = divmod(rest, 10)
        words = (f"{_german_unit(units)}und" if units else "") + _GERMAN_TENS[tens - 2]
    return f"{_german_unit(hundreds)}hundert{words if rest else ''}" if hundreds else words


def _german_unit(digit):
    return "ein" if digit == 1 else _GERMAN_SMALL[digit]


def _expect_number(number):
    if not 0 <= number < LIMIT:
        raise ValueError(f"the number {number} is outside 0 to {LIMIT - 1}")


class NumberSplit(NamedTuple):
    """Three arrays of numbers; no number is in two of them, or twice in one."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def split_numbers(*, train=20_000, validation=500, test=500, round_numbers=0, seed=0):
    """Draw so many distinct numbers for each part, reproducibly.

    Test and validation are drawn uniformly from all numbers below one million, so nine in ten have
    six digits. So are three in four of the training numbers; the others have a logarithm drawn
    uniformly, because a uniform draw of 20,000 holds about twenty numbers below 1000 and
    "one hundred and one" must be learned too. round_numbers: so many training numbers more are
    drawn with one to five zeros at the end (equal ones count once), since of a uniform draw one in
    a thousand ends with the word "thousand". Raises ValueError for more numbers than there are.
    """
    sizes = {"train": train, "validation": validation, "test": test}
    if min(sizes.values()) < 1 or sum(sizes.values()) > LIMIT:
        raise ValueError(f"cannot split {LIMIT} numbers into {sizes}: each part needs at least "
                         f"one, and together they must fit")
    if not 0 <= round_numbers <= train // 2:
        raise ValueError(f"round_numbers is {round_numbers}, expected 0 to {train // 2}, half of "
                         f"the training numbers")
    rng = np.random.default_rng(seed)
    uniform = rng.permutation(LIMIT)
    held_out, rest = uniform[:test + validation], uniform[test + validation:]
    short = (LIMIT ** rng.random(train // 4)).astype(np.int64) - 1  # digits uniform, 0 included
    place = 10 ** rng.integers(1, 6, size=round_numbers)
    ending_in_zeros = rng.integers(LIMIT, size=round_numbers) // place * place
    chosen = np.setdiff1d(np.concatenate([short, ending_in_zeros]), held_out)  # each once
    rest = rest[~np.isin(rest, chosen)]
    chosen = np.concatenate([chosen, rest[:train - len(chosen)]])
    return NumberSplit(rng.permutation(chosen), held_out[test:], held_out[:test])


def number_pairs(numbers):
    """Numbers -> list of (English words, German words)."""
    return [(english_words(int(n)), german_words(int(n))) for n in numbers]

"""Numbers that end in tens and units: where they stand, and what a translation gets wrong."""

import re
from typing import NamedTuple

from minitransformer.data.number_words import german_words

UNITS = ("ein", *map(german_words, range(2, 10)))
TENS = tuple(map(german_words, range(20, 100, 10)))
ENDING = re.compile(f"({'|'.join(UNITS)})und({'|'.join(TENS)})$")


class Ending(NamedTuple):
    """The places of a number's units and tens: two slices of the German text, two English words."""

    units: slice       # of "...siebenundvierzig": sieben
    tens: slice        # vierzig
    units_word: int    # of "... forty - seven": seven, the last one
    tens_word: int     # forty


def ending(source, target):
    """The Ending of a pair of texts, or None where the number does not end in tens and units.

    source: the English words as a list, target: the German text.
    """
    found = ENDING.search(target)
    if found is None:
        return None
    return Ending(slice(*found.span(1)), slice(*found.span(2)), len(source) - 1, len(source) - 3)


def with_endings(translator, pairs):
    """(the pairs that end in tens and units, as 47 does, their Endings): two lists."""
    found = [(pair, ending(translator.source.split(pair[0]), pair[1])) for pair in pairs]
    kept = [(pair, places) for pair, places in found if places is not None]
    return [pair for pair, _ in kept], [places for _, places in kept]


def mistake(text, target):
    """What is wrong in a translation's tens and units: "" if nothing, else one of six words."""
    units, tens = ENDING.search(target).groups()
    if text == target:
        return ""
    found = ENDING.search(text)
    if found is None:
        return "lost"
    if found.groups() == (units, tens):
        return "elsewhere"
    if (1 + UNITS.index(found[1]), 2 + TENS.index(found[2])) == (2 + TENS.index(tens),
                                                                 1 + UNITS.index(units)):
        return "swapped"
    return {(False, True): "units", (True, False): "tens"}.get(
        (found[1] == units, found[2] == tens), "both")

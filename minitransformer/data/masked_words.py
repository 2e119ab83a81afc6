"""Masked words: a text with holes, and the words that belong there."""

import re
from collections import Counter

import numpy as np

from minitransformer.data.labelled import LabelledBatch
from minitransformer.data.tokenizers import END, WordTokenizer

WORD = re.compile(r"[a-z]+|[.,]")  # of prose; all other marks and all numbers are left out
MASK, RARE = "[mask]", "[rare]"  # a hole, and any word that the vocabulary lacks: no text has them
MASK_ID, RARE_ID = END + 1, END + 2
SHARE, MASKED, OTHER = 0.15, 0.8, 0.1  # of all words; of those, shown as a hole, as another word


def common_words(text, size):
    """A WordTokenizer of MASK, RARE and the `size` most frequent words of the text.

    The text counts in lower case, and a full stop or comma is a word. Raises ValueError when it has
    no words.
    """
    counts = Counter(WORD.findall(text.lower()))
    if not counts:
        raise ValueError("the text has no words: there is nothing to make a vocabulary of")
    return WordTokenizer([MASK, RARE, *sorted(counts, key=lambda w: (-counts[w], w))[:size]])


def encode_words(tokenizer, text):
    """The ids (N,) of a text's words in lower case, RARE where the vocabulary lacks one.

    MASK may be written in the text, for a word to be found.
    """
    ids = {word: END + 1 + i for i, word in enumerate(tokenizer.words)}
    parts = text.lower().split(MASK)
    found = [[ids.get(word, RARE_ID) for word in WORD.findall(part)] for part in parts]
    return np.array([id for i, part in enumerate(found) for id in [MASK_ID] * (i > 0) + part])


class MaskedWordStream:
    """Batches of windows, anywhere in a text; a step's batch depends on (seed, step) alone.

    Of the words in a window (RARE excepted) 15% are asked for, each chosen by itself: their targets
    are their ids, all others' are -1. Of those asked for, 80% are shown as MASK, 10% as a word
    drawn from all, 10% as they are, so that the model must watch every word.
    Raises ValueError for a text shorter than a window. Source: Devlin et al. 2019, 3.1.
    """

    def __init__(self, ids, *, vocab_size, length, batch_size, seed):
        if len(ids) < length:
            raise ValueError(f"the text has {len(ids)} words, fewer than a window's {length}")
        self.ids, self.vocab_size = np.asarray(ids), vocab_size
        self.length, self.batch_size, self.seed = length, batch_size, seed

    def batch(self, step):
        """The LabelledBatch of a step, counted from 0: ids and targets (B, T), all of them real."""
        rng = np.random.default_rng([self.seed, step])
        starts = rng.integers(len(self.ids) - self.length + 1, size=self.batch_size)
        words = self.ids[starts[:, None] + np.arange(self.length)]             # (B, T)
        asked = (rng.random(words.shape) < SHARE) & (words != RARE_ID)         # (B, T)
        dice = rng.random(words.shape)                                         # (B, T)
        others = rng.integers(RARE_ID + 1, self.vocab_size, size=words.shape)  # (B, T)
        shown = np.where(dice < MASKED, MASK_ID, np.where(dice < MASKED + OTHER, others, words))
        return LabelledBatch(None, np.where(asked, shown, words), np.ones(words.shape, bool),
                             np.where(asked, words, -1))

"""What a language model has to beat: n-grams of characters, and gzip. All in bits per character."""

import gzip
import math
from collections import Counter

import numpy as np

DISCOUNTS = tuple(step / 20 for step in range(1, 20))  # 0.05 to 0.95


class NGram:
    """The next character by the `order` - 1 characters before it, interpolated with fewer.

    n(h, c) counts how often c follows the context h in the training text, n(h) = sum_c n(h, c), and
    d(h) is how many different c do. A discount D_k, 0 to 1, is taken off every count of the order k
    and given to what the shorter context h', without its first character, says:

        p(c | h) = max(n(h, c) - D_k, 0) / n(h)  +  D_k d(h) / n(h)  p(c | h')

    where n(h) > 0, else p(c | h'). Below the order 1 stands 1 / n_characters for every character.
    Below the highest order, n(h, c) is not how often hc occurs but after how many different
    characters it does: what a shorter context is asked about is what a longer one has not seen.
    Source: Ney, Essen and Kneser 1994; Kneser and Ney 1995, interpolated as in Chen and Goodman
    1999. Raises ValueError for an order below 1 and a text with no more characters than that.
    """

    def __init__(self, text, *, order, n_characters):
        if not 1 <= order < len(text):
            raise ValueError(f"order is {order}, expected at least 1 and less than the text's "
                             f"{len(text)} characters")
        self.order, self.n_characters = order, n_characters
        self.discounts = [0.75] * order
        grams = Counter(text[i:i + order] for i in range(len(text) - order + 1))
        self._counts = [grams]  # of each order, the highest first
        for _ in range(order - 1):
            grams = Counter(gram[1:] for gram in grams)
            self._counts.insert(0, grams)
        self._contexts = []     # of each order: {h: (n(h), d(h))}
        for grams in self._counts:
            sums, kinds = Counter(), Counter()
            for gram, count in grams.items():
                sums[gram[:-1]] += count
                kinds[gram[:-1]] += 1
            self._contexts.append((sums, kinds))

    def choose_discounts(self, text):
        """Choose the discounts for the fewest bits on text: one by one, until none gains alone."""
        counted, before = self._counted(text), None
        while before != self.discounts:
            before = list(self.discounts)
            for k in range(self.order):
                bits = {}
                for self.discounts[k] in DISCOUNTS:
                    bits[self.discounts[k]] = _bits(self._probs(counted))
                self.discounts[k] = min(bits, key=bits.get)
        return self

    def bits_per_character(self, text):
        """-mean log2 p of the text's characters; the first ones have shorter contexts."""
        return _bits(self._probs(self._counted(text)))

    def _counted(self, text):
        """For each order three arrays (N,): n(h, c), n(h), d(h) of each character of text."""
        counted = []
        for k, (grams, (sums, kinds)) in enumerate(zip(self._counts, self._contexts)):
            here = [text[i - k:i + 1] if i >= k else "" for i in range(len(text))]
            counted.append([np.array(column, float) for column in zip(*(
                (grams[gram], sums[gram[:-1]], kinds[gram[:-1]]) if gram else (0, 0, 0)
                for gram in here))])
        return counted

    def _probs(self, counted):
        """p of each character (N,), by the orders that are counted."""
        probs = np.full(len(counted[0][0]), 1 / self.n_characters)              # (N,)
        for (n, total, kinds), discount in zip(counted, self.discounts):
            seen = total > 0                                                    # (N,)
            total = np.where(seen, total, 1)                                    # (N,)
            mixed = (np.maximum(n - discount, 0) + discount * kinds * probs) / total
            probs = np.where(seen, mixed, probs)                                # (N,)
        return probs


def ngram_bits(split, order):
    """An NGram of split.train: its bits per character of split.validation and of split.test.

    The discounts are chosen on split.validation, so of the two the second alone is unseen.
    """
    n_characters = len(set("".join(split)))
    model = NGram(split.train, order=order, n_characters=n_characters)
    model.choose_discounts(split.validation)
    return tuple(map(model.bits_per_character, (split.validation, split.test)))


def gzip_bits(text, after=""):
    """Bits per character of `gzip -9` of the text.

    after: a text that stands before it in the file; then only what the file grows by is counted.
    gzip refers back 32 KB at most, so of a longer text it has only the end in sight.
    """
    def size(text):
        return len(gzip.compress(text.encode("utf-8"), 9))

    return 8 * (size(after + text) - (size(after) if after else 0)) / len(text)


def _bits(probs):
    return -float(np.mean(np.log(probs))) / math.log(2)

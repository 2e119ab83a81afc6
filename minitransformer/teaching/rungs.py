"""The ladder's bars, from the bottom up: each a model of the next character, one idea better."""

import numpy as np

from minitransformer.teaching.ladder import Rung


def unigram(split, *, seed):
    """Every character by its frequency alone, one added to every count; nothing is drawn."""
    vocabulary = sorted(set("".join(split)))
    counts = np.array([split.train.count(c) + 1 for c in vocabulary])   # (V,)
    bits = -np.log2(counts / counts.sum())                              # (V,)
    tested = np.array([split.test.count(c) for c in vocabulary])        # (V,)
    return np.sum(tested * bits) / tested.sum()


RUNGS = [
    Rung("unigram", "02", unigram, {}),
]

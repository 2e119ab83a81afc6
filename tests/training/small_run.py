"""A model small enough to train in a test, what to train it on, and how two runs compare."""

import numpy as np

from minitransformer.tree import tree_items

SIZES = {"d_model": 16, "n_heads": 2, "n_layers": 1, "d_ff": 32, "max_seq_len": 16}


def make_pairs(count=40):
    """Pairs of uneven length: the target is the source reversed."""
    pairs = []
    for i in range(count):
        source = [3 + (i * 7 + j * j) % 9 for j in range(2 + i % 5)]
        pairs.append((source, source[::-1]))
    return pairs


class Batches:
    """The i-th of a list of batches, round and round."""

    def __init__(self, *batches):
        self.batches = batches

    def batch(self, step):
        return self.batches[step % len(self.batches)]


def assert_same_tree(a, b):
    for (name, x), (_, y) in zip(tree_items(a), tree_items(b)):
        assert x.dtype == y.dtype
        np.testing.assert_array_equal(x, y, err_msg=name)


def assert_same_run(a, b):
    """Two runs that ended in the same state, to the bit, with the same record."""
    for name in ("checkpoint.npz", "log.csv"):
        assert (a / name).read_bytes() == (b / name).read_bytes(), name

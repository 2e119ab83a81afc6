"""Labelled sequences: vectors of uneven length with a class each, in batches with a mask."""

from typing import NamedTuple

import numpy as np


class LabelledBatch(NamedTuple):
    """What an encoder reads, and what it should answer; features or ids, the other is None."""

    features: np.ndarray | None  # (B, T, C), padded with zeros at the end
    ids: np.ndarray | None       # (B, T)
    mask: np.ndarray             # (B, T) True = real token
    targets: np.ndarray          # (B,), or (B, T); -1 does not count


def make_labelled_batch(examples):
    """A LabelledBatch of examples (features (T, C), label), T of each its own, C of all the same.

    Raises ValueError for no examples, an empty sequence, or widths that differ.
    """
    if not len(examples):
        raise ValueError("there are no examples: a batch needs at least one (features, label)")
    shapes = [np.shape(features) for features, _ in examples]
    for i, shape in enumerate(shapes):
        if len(shape) != 2 or not shape[0] or shape[1] != shapes[0][1]:
            raise ValueError(f"the features of example {i} have shape {shape}, expected (T, C) "
                             f"with at least one token and C = {shapes[0][-1]} as in the first")
    lengths = np.array([T for T, _ in shapes])                                # (B,)
    mask = np.arange(lengths.max()) < lengths[:, None]                        # (B, T)
    features = np.zeros((*mask.shape, shapes[0][1]), np.asarray(examples[0][0]).dtype)
    features[mask] = np.concatenate([features for features, _ in examples])   # (B, T, C)
    return LabelledBatch(features, None, mask, np.array([label for _, label in examples]))


def make_text_batch(examples):
    """A LabelledBatch of examples (ids, label), each a list of ids of its own length.

    Padding is the id 0 and False in the mask. Raises ValueError for no examples, or an empty one.
    """
    lengths = np.array([len(ids) for ids, _ in examples])                     # (B,)
    if not len(examples) or not lengths.all():
        raise ValueError("a batch needs at least one (ids, label), and each at least one id")
    mask = np.arange(lengths.max()) < lengths[:, None]                        # (B, T)
    ids = np.zeros(mask.shape, int)                                           # (B, T)
    ids[mask] = np.concatenate([ids for ids, _ in examples])
    return LabelledBatch(None, ids, mask, np.array([label for _, label in examples]))


class LabelledStream:
    """An endless stream of shuffled batches in which a step's batch depends on (seed, step) alone.

    Each epoch shows every example once; len(stream) is the number of steps in it. augment: a
    function of (features (T, C), rng) that gives other features of the same class, new ones each
    time that an example is shown; None shows the examples as they are. make: of a list of examples
    the batch, make_labelled_batch or make_text_batch.
    Raises ValueError as make does, and for a batch_size below one.
    """

    def __init__(self, examples, *, batch_size, seed, augment=None,
                 make=make_labelled_batch):
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}, expected at least 1")
        make(examples)
        self.make, self.examples, self.batch_size = make, examples, batch_size
        self.seed, self.augment = seed, augment

    def __len__(self):
        return -(-len(self.examples) // self.batch_size)

    def batch(self, step):
        """The LabelledBatch of a step, counted from 0. The last of an epoch may be smaller."""
        epoch, place = divmod(step, len(self))
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.examples))
        chosen = order[place * self.batch_size:(place + 1) * self.batch_size]
        examples = [self.examples[i] for i in chosen]
        if self.augment is not None:
            rng = np.random.default_rng([self.seed, epoch, 1 + place])
            examples = [(self.augment(features, rng), label) for features, label in examples]
        return self.make(examples)

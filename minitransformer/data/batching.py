"""Batches: sequences of uneven length in one rectangle, and the same batch for the same step."""

from typing import NamedTuple

import numpy as np

from minitransformer.data.tokenizers import END, PAD, START


class Batch(NamedTuple):
    """Ids of B pairs. Padding is PAD at the end of a row; masks are made from it.

    At position t the decoder has read tgt[:, :t + 1] and is asked for targets[:, t].
    """

    src: np.ndarray      # (B, S)
    tgt: np.ndarray      # (B, T)  START, then the target's ids
    targets: np.ndarray  # (B, T)  the target's ids, then END


def pad_rows(rows):
    """Lists of ids of uneven length -> (B, longest) int64, short rows filled with PAD.

    Raises ValueError for no rows.
    """
    if not len(rows):
        raise ValueError("there are no rows: give at least one list of ids")
    padded = np.full((len(rows), max(map(len, rows))), PAD, dtype=np.int64)
    for ids, row in zip(rows, padded):
        row[:len(ids)] = ids
    return padded


def make_batch(pairs):
    """A Batch of pairs (source ids, target ids), both without START, END and PAD.

    Raises ValueError for no pairs, an empty source, or one of the three special ids in a pair.
    """
    expect_pairs(pairs)
    return Batch(src=pad_rows([src for src, _ in pairs]),
                 tgt=pad_rows([[START, *tgt] for _, tgt in pairs]),
                 targets=pad_rows([[*tgt, END] for _, tgt in pairs]))


def expect_pairs(pairs):
    """Raise ValueError unless there is a pair, no source is empty, and no id is special."""
    if not len(pairs):
        raise ValueError("there are no pairs: a batch needs at least one (source ids, target ids)")
    for i, (src, tgt) in enumerate(pairs):
        if not len(src):
            raise ValueError(f"pair {i} has an empty source: there is nothing to attend to; "
                             f"leave the pair out")
        for side, ids in (("source", src), ("target", tgt)):
            if len(ids) and min(ids) <= END:
                raise ValueError(f"the {side} of pair {i} holds the id {min(ids)}, but a token has "
                                 f"at least {END + 1}: PAD 0, START 1, END 2 are added here")


class BatchStream:
    """An endless stream of shuffled batches in which a step's batch depends on (seed, step) alone.

    A run that resumes at step k asks for batch(k) and gets what an uninterrupted run got: there is
    no position to save. Each epoch shows every pair once; len(stream) is the number of steps in it.
    Pairs of similar length share a batch, so that little is padding: an epoch shuffles the pairs,
    sorts them by length (a stable sort, so equal lengths stay shuffled), cuts the row into batches
    and shuffles these. by_length=False leaves the sorting out: more padding, but each batch is a
    fair sample of all pairs, and its gradient a better estimate of theirs.

    Raises ValueError as make_batch does, and for a batch_size below one.
    """

    def __init__(self, pairs, *, batch_size, seed, by_length=True):
        expect_pairs(pairs)
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}, expected at least 1")
        self.pairs = pairs
        self.batch_size = batch_size
        self.seed = seed
        self.by_length = by_length
        self._lengths = np.array([(len(src), len(tgt)) for src, tgt in pairs])  # (N, 2)
        self._epoch = None  # the epoch that _order belongs to: kept only to save time
        self._order = None

    def __len__(self):
        return -(-len(self.pairs) // self.batch_size)

    def batch(self, step):
        """The Batch of a step, counted from 0. The last of an epoch's cuts may be smaller."""
        epoch, place = divmod(step, len(self))
        if epoch != self._epoch:
            self._epoch, self._order = epoch, self._shuffled(epoch)
        return make_batch([self.pairs[i] for i in self._order[place]])

    def _shuffled(self, epoch):
        """The epoch's batches: a list of arrays of indices into pairs."""
        rng = np.random.default_rng([self.seed, epoch])
        order = rng.permutation(len(self.pairs))
        if self.by_length:
            src_lengths, tgt_lengths = self._lengths[order].T
            order = order[np.lexsort((tgt_lengths, src_lengths))]
        cuts = np.split(order, range(self.batch_size, len(self.pairs), self.batch_size))
        return [cuts[i] for i in rng.permutation(len(cuts))]

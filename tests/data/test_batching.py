"""Batches: shapes and shifts, padding, and the same batch for the same (seed, step)."""

import numpy as np
import pytest

from minitransformer.data.batching import END, PAD, START, BatchStream, make_batch


def random_pairs(n, seed=0):
    """Pairs told apart by their first source id."""
    rng = np.random.default_rng(seed)
    return [([1000 + i, *rng.integers(3, 30, rng.integers(0, 20)).tolist()],
             rng.integers(3, 30, rng.integers(0, 25)).tolist()) for i in range(n)]


def batches(stream, epoch=0):
    return [stream.batch(epoch * len(stream) + i) for i in range(len(stream))]


def test_a_batch_is_padded_and_its_targets_are_one_step_ahead():
    batch = make_batch([([5, 6, 7], [8]), ([9], []), ([3, 4], [3, 4, 5])])
    assert np.array_equal(batch.src, [[5, 6, 7], [9, PAD, PAD], [3, 4, PAD]])
    assert np.array_equal(batch.tgt, [[START, 8, PAD, PAD], [START, PAD, PAD, PAD],
                                      [START, 3, 4, 5]])
    assert np.array_equal(batch.targets, [[8, END, PAD, PAD], [END, PAD, PAD, PAD],
                                          [3, 4, 5, END]])
    assert all(np.issubdtype(ids.dtype, np.integer) for ids in batch)


def test_pairs_may_be_arrays():
    batch = make_batch([(np.array([5, 6]), np.array([7]))])
    assert batch.tgt.tolist() == [[START, 7]]


@pytest.mark.parametrize("pairs, message", [
    ([], "there are no pairs"),
    ([([3], [3]), ([], [3])], "pair 1 has an empty source"),
    ([([3, PAD], [3])], "the source of pair 0 holds the id 0"),
    ([([3], [3]), ([3], [3, END])], "the target of pair 1 holds the id 2"),
    ([([3], [START, 3])], "the target of pair 0 holds the id 1"),
    ([([3, -1], [3])], "the source of pair 0 holds the id -1"),
])
def test_bad_pairs_are_refused(pairs, message):
    for make in (make_batch, lambda pairs: BatchStream(pairs, batch_size=2, seed=0)):
        with pytest.raises(ValueError, match=message):
            make(pairs)


def test_a_batch_size_below_one_is_refused():
    with pytest.raises(ValueError, match="batch_size is 0"):
        BatchStream([([3], [3])], batch_size=0, seed=0)


@pytest.mark.parametrize("by_length", [True, False])
@pytest.mark.parametrize("batch_size", [1, 7, 50, 99])
def test_every_epoch_shows_every_pair_once(batch_size, by_length):
    pairs = random_pairs(50)
    stream = BatchStream(pairs, batch_size=batch_size, seed=3, by_length=by_length)
    for epoch in range(3):
        shown = [row for batch in batches(stream, epoch) for row in zip(batch.src, batch.targets)]
        assert len(shown) == 50
        for src, targets in shown:
            expected_src, expected_tgt = pairs[src[0] - 1000]
            assert src[src != PAD].tolist() == expected_src
            assert targets[targets != PAD].tolist() == [*expected_tgt, END]


def test_a_step_depends_on_the_seed_and_the_step_alone():
    pairs = random_pairs(50)
    one, two = (BatchStream(pairs, batch_size=8, seed=3) for _ in range(2))
    forward = [one.batch(step) for step in range(30)]
    for step in [29, 3, 15, 3, 0]:
        assert all(np.array_equal(a, b) for a, b in zip(two.batch(step), forward[step]))


def test_epochs_and_seeds_differ_in_order_and_in_company():
    pairs = [([1000 + i], [5, 6]) for i in range(40)]  # of one length: nothing fixes the order
    stream, other = (BatchStream(pairs, batch_size=8, seed=seed) for seed in (0, 1))

    def companies(stream, epoch):
        return {frozenset(batch.src[:, 0].tolist()) for batch in batches(stream, epoch)}

    assert not companies(stream, 0) & companies(stream, 1)
    assert not companies(stream, 0) & companies(other, 0)


def test_little_is_padding_and_batches_do_not_come_by_length():
    pairs = random_pairs(2000)
    by_length = batches(BatchStream(pairs, batch_size=16, seed=0))
    padding = sum(np.sum(batch.src == PAD) for batch in by_length)
    in_order = [make_batch(pairs[i:i + 16]) for i in range(0, 2000, 16)]
    assert padding < 0.1 * sum(np.sum(batch.src == PAD) for batch in in_order)
    widths = [batch.src.shape[1] for batch in by_length]
    assert widths != sorted(widths) and widths != sorted(widths, reverse=True)


def test_without_sorting_short_and_long_share_a_batch():
    pairs = random_pairs(2000)
    stream = BatchStream(pairs, batch_size=16, seed=0, by_length=False)
    for batch in batches(stream):
        assert np.ptp(np.sum(batch.src != PAD, axis=-1)) > 5  # lengths run from 1 to 20


def test_the_pairs_are_not_changed():
    pairs = random_pairs(20)
    BatchStream(pairs, batch_size=4, seed=0).batch(2)
    assert pairs == random_pairs(20)

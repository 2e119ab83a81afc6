import numpy as np
import pytest

from minitransformer.data.labelled import LabelledStream, make_labelled_batch, make_text_batch


def examples(count=7):
    """Sequences of 2, 3, 4, 2, ... vectors of three numbers, the i-th holding i everywhere."""
    return [(np.full((2 + i % 3, 3), i, np.float32), i) for i in range(count)]


def test_short_sequences_are_padded_with_zeros_at_the_end():
    batch = make_labelled_batch(examples(3))
    assert batch.features.shape == (3, 4, 3) and batch.features.dtype == np.float32
    assert batch.mask.sum(axis=1).tolist() == [2, 3, 4] and batch.mask[0].tolist()[:2] == [True] * 2
    assert batch.features[..., 0].tolist() == [[0, 0, 0, 0], [1, 1, 1, 0], [2, 2, 2, 2]]
    assert batch.ids is None and batch.targets.tolist() == [0, 1, 2]


def test_each_frame_keeps_its_place_and_its_numbers():
    rng = np.random.default_rng(0)
    some = [(rng.normal(size=(T, 3)), T) for T in (4, 1, 3)]
    batch = make_labelled_batch(some)
    for row, mask, (features, _) in zip(batch.features, batch.mask, some):
        assert np.array_equal(row[mask], features) and not row[~mask].any()


def test_every_epoch_shows_each_example_once_and_in_another_order():
    stream = LabelledStream(examples(), batch_size=3, seed=4)
    assert len(stream) == 3
    epochs = [[label for step in range(3) for label in stream.batch(3 * epoch + step).targets]
              for epoch in range(2)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(7))] * 2
    assert epochs[0] != epochs[1]
    assert [len(stream.batch(step).targets) for step in range(3)] == [3, 3, 1]


def test_a_batch_depends_on_seed_and_step_alone():
    def augment(features, rng):
        return features + rng.normal(size=features.shape)

    one, two, other = (LabelledStream(examples(), batch_size=3, seed=seed, augment=augment)
                       for seed in (4, 4, 5))
    later = [one.batch(step) for step in range(5)][4]
    assert np.array_equal(two.batch(4).features, later.features)
    assert not np.array_equal(other.batch(4).targets, later.targets)
    plain = {float(label): None for label in later.targets}
    assert plain.keys() == {float(label) for label in two.batch(4).targets}
    again = [one.batch(step).features[one.batch(step).mask].sum() for step in (0, 3)]
    assert again[0] != again[1]                                  # drawn anew in every epoch


def test_an_augmentation_may_change_the_length():
    stream = LabelledStream(examples(), batch_size=7, seed=0, augment=lambda x, rng: x[:1])
    assert stream.batch(0).features.shape == (7, 1, 3)


@pytest.mark.parametrize("given, words", [
    ([], "there are no examples"),
    ([(np.ones((2, 3)), 0), (np.ones((2, 4)), 1)], r"of example 1 have shape \(2, 4\), .* C = 3"),
    ([(np.ones((0, 3)), 0)], r"of example 0 have shape \(0, 3\), expected .* at least one token"),
    ([(np.ones(3), 0)], r"have shape \(3,\)"),
])
def test_what_is_no_batch_is_refused(given, words):
    with pytest.raises(ValueError, match=words):
        make_labelled_batch(given)
    with pytest.raises(ValueError, match=words):
        LabelledStream(given, batch_size=2, seed=0)


def test_a_batch_needs_a_size():
    with pytest.raises(ValueError, match="batch_size is 0, expected at least 1"):
        LabelledStream(examples(), batch_size=0, seed=0)


def test_a_batch_of_ids():
    batch = make_text_batch([([5, 6], 1), ([7], 0), ([8, 9, 3], 2)])
    assert batch.ids.tolist() == [[5, 6, 0], [7, 0, 0], [8, 9, 3]] and batch.features is None
    assert batch.mask.tolist() == [[True, True, False], [True, False, False], [True] * 3]
    assert batch.targets.tolist() == [1, 0, 2] and batch.ids.dtype.kind == "i"
    for wrong in ([], [([], 1)]):
        with pytest.raises(ValueError, match="at least one"):
            make_text_batch(wrong)


def test_a_stream_of_ids():
    stream = LabelledStream([([i] * (1 + i), i) for i in range(1, 6)], batch_size=2, seed=1,
                            make=make_text_batch)
    seen = [label for step in range(3) for label in stream.batch(step).targets]
    assert sorted(seen) == [1, 2, 3, 4, 5] and len(stream) == 3
    batch = stream.batch(1)
    assert (batch.mask.sum(axis=1) == 1 + batch.targets).all()

import math

import numpy as np
import pytest

from minitransformer.functional import cross_entropy_backward, cross_entropy_forward

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(2, 3, 5))
TARGETS = np.array([[4, 0, 2], [1, 1, 3]])


def by_definition(logits, targets, *, ignore_index=None, label_smoothing=0.0, normalizer=None):
    total, count, size = 0.0, 0, logits.shape[-1]
    for n in np.ndindex(targets.shape):
        if targets[n] == ignore_index:
            continue
        count += 1
        p = np.exp(logits[n]) / np.sum(np.exp(logits[n]))
        for v in range(size):
            q = (1 - label_smoothing) * (v == targets[n]) + label_smoothing / size
            total -= q * math.log(p[v])
    return total / (normalizer or count)


@pytest.mark.parametrize("options", [
    {}, {"ignore_index": 1}, {"label_smoothing": 0.1}, {"normalizer": 17},
    {"ignore_index": 0, "label_smoothing": 0.3, "normalizer": 9}])
def test_value_by_its_definition(options):
    loss, _ = cross_entropy_forward(LOGITS, targets=TARGETS, **options)
    assert np.ndim(loss) == 0
    assert math.isclose(loss, by_definition(LOGITS, TARGETS, **options), rel_tol=1e-13)


def test_hand_example():
    logits = np.log([[1.0, 2, 5], [2, 4, 2]])               # p = (1, 2, 5) / 8 and (1, 2, 1) / 4
    loss, cache = cross_entropy_forward(logits, targets=np.array([1, 0]))
    assert math.isclose(loss, (math.log(4) + math.log(4)) / 2, rel_tol=1e-14)
    np.testing.assert_allclose(cross_entropy_backward(1.0, cache),
                               [[1 / 16, -6 / 16, 5 / 16], [-3 / 8, 2 / 8, 1 / 8]], rtol=1e-14)


def test_gradient_is_scaled_by_dout():
    _, cache = cross_entropy_forward(LOGITS, targets=TARGETS)
    np.testing.assert_allclose(cross_entropy_backward(-3.0, cache),
                               -3 * cross_entropy_backward(1.0, cache), rtol=1e-15)


def test_smoothed_gradient_adds_up_to_zero_in_each_row():
    _, cache = cross_entropy_forward(LOGITS, targets=TARGETS, label_smoothing=0.2)
    dlogits = cross_entropy_backward(1.0, cache)
    assert np.max(np.abs(dlogits.sum(axis=-1))) < 1e-16


def test_smoothing_spreads_over_all_entries_the_target_included():
    loss, cache = cross_entropy_forward(np.zeros((1, 4)), targets=np.array([2]),
                                        label_smoothing=0.4)
    assert math.isclose(loss, math.log(4), rel_tol=1e-15)
    np.testing.assert_allclose(cross_entropy_backward(1.0, cache),
                               [[0.15, 0.15, 0.25 - 0.7, 0.15]], rtol=1e-14)


def test_an_ignored_position_counts_nothing():
    targets = np.array([[0, 4, 0], [2, 0, 0]])
    loss, cache = cross_entropy_forward(LOGITS, targets=targets, ignore_index=0)
    other = np.where(targets[..., None] == 0, 1e3 * LOGITS, LOGITS)
    assert cross_entropy_forward(other, targets=targets, ignore_index=0)[0] == loss
    dlogits = cross_entropy_backward(1.0, cache)
    assert not dlogits[targets == 0].any()
    alone, cache = cross_entropy_forward(LOGITS[targets != 0], targets=np.array([4, 2]))
    assert math.isclose(loss, alone, rel_tol=1e-15)
    np.testing.assert_allclose(dlogits[targets != 0], cross_entropy_backward(1.0, cache),
                               rtol=1e-15)


def test_an_index_outside_the_vocabulary_can_be_ignored():
    loss, _ = cross_entropy_forward(LOGITS, targets=np.where(TARGETS == 1, -100, TARGETS),
                                    ignore_index=-100)
    assert math.isclose(loss, by_definition(LOGITS, TARGETS, ignore_index=1), rel_tol=1e-13)


def test_nothing_counted_is_loss_zero_and_gradient_zero():
    loss, cache = cross_entropy_forward(LOGITS, targets=np.zeros((2, 3), int), ignore_index=0)
    assert loss == 0
    assert not cross_entropy_backward(1.0, cache).any()


def test_parts_with_a_normalizer_add_up_to_the_whole():
    whole, cache = cross_entropy_forward(LOGITS, targets=TARGETS, ignore_index=1)
    dwhole = cross_entropy_backward(1.0, cache)
    count = int(np.sum(TARGETS != 1))
    loss, rows = 0.0, []
    for row in range(2):
        part, cache = cross_entropy_forward(LOGITS[row], targets=TARGETS[row], ignore_index=1,
                                            normalizer=count)
        loss += part
        rows.append(cross_entropy_backward(1.0, cache))
    assert math.isclose(loss, whole, rel_tol=1e-14)
    np.testing.assert_allclose(np.stack(rows), dwhole, rtol=1e-14)


def test_a_numpy_normalizer_does_not_lift_the_gradient():
    _, cache = cross_entropy_forward(LOGITS.astype(np.float32), targets=TARGETS,
                                     normalizer=np.sum(TARGETS > 0))
    assert cross_entropy_backward(1.0, cache).dtype == np.float32


def test_one_position_and_lists():
    loss, cache = cross_entropy_forward(LOGITS[0, 0], targets=4)
    assert math.isclose(loss, by_definition(LOGITS[:1, :1], TARGETS[:1, :1]), rel_tol=1e-13)
    assert cross_entropy_backward(1.0, cache).shape == (5,)
    assert cross_entropy_forward(LOGITS, targets=TARGETS.tolist())[0] > 0


def test_extreme_logits_stay_finite():
    loss, cache = cross_entropy_forward(np.array([[1e4, 0.0, -1e4]]), targets=np.array([2]),
                                        label_smoothing=0.1)
    assert math.isclose(loss, 0.9 * 2e4 + 0.1 * 1e4, rel_tol=1e-12)
    np.testing.assert_allclose(cross_entropy_backward(1.0, cache),
                               [[1 - 0.1 / 3, -0.1 / 3, -0.9 - 0.1 / 3]], rtol=1e-12)


def test_errors_at_the_door():
    with pytest.raises(ValueError, match=r"targets has shape \(3, 2\), but logits without its "
                                         r"last axis has shape \(2, 3\)"):
        cross_entropy_forward(LOGITS, targets=TARGETS.T)
    with pytest.raises(ValueError, match="targets holds the id 5, but there are 5 entries"):
        cross_entropy_forward(LOGITS, targets=TARGETS + 1)
    with pytest.raises(ValueError, match="targets holds the id -1"):
        cross_entropy_forward(LOGITS, targets=TARGETS - 1)
    with pytest.raises(TypeError, match="targets must be integers, got float64"):
        cross_entropy_forward(LOGITS, targets=TARGETS * 1.0)
    with pytest.raises(TypeError, match="targets must be integers, got bool"):
        cross_entropy_forward(LOGITS, targets=TARGETS > 1)
    for count in (0, -3):
        with pytest.raises(ValueError, match=f"normalizer is {count}, expected a count above 0"):
            cross_entropy_forward(LOGITS, targets=TARGETS, normalizer=count)
    for rate in (-0.1, 1.0):
        with pytest.raises(ValueError, match=f"label_smoothing is {rate}, expected 0 <= it < 1"):
            cross_entropy_forward(LOGITS, targets=TARGETS, label_smoothing=rate)

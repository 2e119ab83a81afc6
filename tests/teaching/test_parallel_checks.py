"""The museum's check of several processes catches nothing where they are right."""

import dataclasses

import numpy as np

from minitransformer.functional import cross_entropy_backward, cross_entropy_forward
from minitransformer.teaching.exhibits.lesson_23 import (
    backward_of_the_parts, forward_with_bias_after_the_sum, mean_of_means_forward)
from minitransformer.teaching.museum import CHECKS, exhibit


def test_a_bias_after_the_sum_and_a_gradient_that_is_not_summed_are_not_caught():
    right = dataclasses.replace(exhibit("summed_twice"), backward=backward_of_the_parts)
    assert right.forward is forward_with_bias_after_the_sum
    assert not any(CHECKS[name](right) for name in right.caught_by)


def test_one_count_for_all_is_not_caught():
    def forward(logits, *, targets, size):
        count = int((targets != 0).sum())
        parts = [cross_entropy_forward(logits[rank::size], targets=targets[rank::size],
                                       ignore_index=0, normalizer=count) for rank in range(size)]
        return sum(loss for loss, _ in parts), ([cache for _, cache in parts], logits.shape)

    def backward(dout, cache):
        caches, shape = cache
        dlogits = np.empty(shape)
        for rank, own in enumerate(caches):
            dlogits[rank::len(caches)] = cross_entropy_backward(dout, own)
        return dlogits

    item = exhibit("mean_of_means")
    right = dataclasses.replace(item, forward=forward, backward=backward)
    assert not any(CHECKS[name](right) for name in item.caught_by + item.missed_by)


def test_equal_counts_hide_a_mean_of_means():
    (logits,), _ = exhibit("mean_of_means").inputs(np.random.default_rng(0))
    targets = np.array([[1, 3, 2, 1, 3], [2, 3, 1, 1, 2]])
    two, one = (mean_of_means_forward(logits, targets=targets, size=size)[0] for size in (2, 1))
    assert np.isclose(two, one, rtol=1e-12)

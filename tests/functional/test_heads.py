import numpy as np
import pytest

from minitransformer.functional import merge_heads, split_heads


def test_split_by_indices():
    x = np.random.default_rng(0).normal(size=(2, 5, 12))
    heads = split_heads(x, 3)
    assert heads.shape == (2, 3, 5, 4)
    for b, h, t, k in np.ndindex(heads.shape):
        assert heads[b, h, t, k] == x[b, t, 4 * h + k]


def test_merge_is_the_inverse():
    x = np.random.default_rng(0).normal(size=(2, 5, 12))
    assert np.array_equal(merge_heads(split_heads(x, 3)), x)


def test_each_is_the_transpose_of_the_other():
    rng = np.random.default_rng(0)
    x, dheads = rng.normal(size=(2, 5, 12)), rng.normal(size=(2, 3, 5, 4))
    assert np.isclose(np.sum(split_heads(x, 3) * dheads), np.sum(x * merge_heads(dheads)),
                      rtol=1e-13)


def test_one_head_is_the_whole_width():
    x = np.random.default_rng(0).normal(size=(2, 5, 12))
    assert np.array_equal(split_heads(x, 1)[:, 0], x)


def test_wrong_shapes_are_named():
    with pytest.raises(ValueError, match="d_model 12 is not divisible by n_heads 5"):
        split_heads(np.ones((2, 5, 12)), 5)
    with pytest.raises(ValueError, match="d_model 12 is not divisible by n_heads 0"):
        split_heads(np.ones((2, 5, 12)), 0)
    with pytest.raises(ValueError, match=r"x has shape \(5, 12\), expected \(B, T, D\)"):
        split_heads(np.ones((5, 12)), 3)
    with pytest.raises(ValueError, match=r"x has shape \(2, 5, 12\), expected \(B, H, T, K\)"):
        merge_heads(np.ones((2, 5, 12)))

import pytest

from minitransformer.functional import causal_mask, padding_mask


def test_causal_mask():
    for T, S in [(4, 4), (2, 5), (5, 3), (1, 1), (1, 6)]:
        mask = causal_mask(T, S)
        assert mask.dtype == bool and mask.shape == (T, S)
        for t in range(T):
            for s in range(S):
                assert mask[t, s] == (s <= t + (S - T))


def test_the_last_query_sees_all():
    assert causal_mask(3, 7)[-1].all()


def test_padding_mask():
    mask = padding_mask([[5, 3, 0], [7, 0, 0]], 0)
    assert mask.dtype == bool
    assert mask.tolist() == [[[[True, True, False]]], [[[True, False, False]]]]
    with pytest.raises(ValueError, match=r"ids has shape \(3,\), expected \(B, S\)"):
        padding_mask([5, 3, 0], 0)

import math
import warnings

import numpy as np
import pytest

from minitransformer.functional import attention_backward, attention_forward

B, H, G, T, S, K = 2, 6, 3, 4, 7, 5
RNG = np.random.default_rng(0)
Q, KEYS, V = RNG.normal(size=(B, H, T, K)), RNG.normal(size=(B, G, S, K)), RNG.normal(
    size=(B, G, S, K))
DOUT = RNG.normal(size=(B, H, T, K))
BIAS = RNG.normal(size=(H, T, S))
MASK = RNG.random((B, 1, T, S)) < 0.6
MASK[0, 0, 2] = False                     # a query with nothing to attend to


def by_definition(q, k, v, *, mask=None, causal=False, score_bias=None):
    """One query at a time, over the list of keys that it may see."""
    B, H, T, K = q.shape
    G, S = k.shape[1:3]
    out, weights = np.zeros(q.shape), np.zeros((B, H, T, S))
    allowed = np.broadcast_to(True if mask is None else mask, (B, H, T, S))
    bias = np.broadcast_to(0.0 if score_bias is None else score_bias, (B, H, T, S))
    for b, h, t in np.ndindex(B, H, T):
        g = h // (H // G)
        seen = [s for s in range(S) if allowed[b, h, t, s] and not (causal and s > t + S - T)]
        scores = [float(q[b, h, t] @ k[b, g, s]) / math.sqrt(K) + bias[b, h, t, s] for s in seen]
        total = sum(math.exp(score) for score in scores)
        for s, score in zip(seen, scores, strict=True):
            weights[b, h, t, s] = math.exp(score) / total
            out[b, h, t] += weights[b, h, t, s] * v[b, g, s]
    return out, weights


@pytest.mark.parametrize("options", [
    {}, {"mask": MASK}, {"causal": True}, {"score_bias": BIAS}, {"mask": MASK[0, 0]},
    {"mask": np.array([True, False, True, True, False, True, True])},
    {"mask": MASK, "causal": True, "score_bias": BIAS[0]}])
@pytest.mark.parametrize("groups", [1, 3, 6])
def test_value_by_its_definition(groups, options):
    rng = np.random.default_rng(1)
    k, v = rng.normal(size=(2, B, groups, S, K))
    out, cache = attention_forward(Q, k, v, **options)
    expected, weights = by_definition(Q, k, v, **options)
    np.testing.assert_allclose(out, expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(cache.weights, weights, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(("T", "S"), [(5, 5), (3, 6), (6, 3)])
def test_causal_lets_the_last_query_see_all_keys(T, S):
    rng = np.random.default_rng(1)
    q, k, v = (rng.normal(size=(B, H, n, K)) for n in (T, S, S))
    out, cache = attention_forward(q, k, v, causal=True)
    expected, weights = by_definition(q, k, v, causal=True)
    np.testing.assert_allclose(out, expected, rtol=1e-12, atol=1e-14)
    assert np.array_equal(cache.weights == 0, weights == 0)
    assert (cache.weights[:, :, -1] > 0).all()
    for gradient in attention_backward(rng.normal(size=out.shape), cache):
        assert np.isfinite(gradient).all()
    if T > S:
        assert not out[:, :, : T - S].any()  # the first queries stand before every key


def test_hand_example():
    # One head of width 4, so scores are halved: log 9 and 0, hence weights 9/10 and 1/10.
    q = np.array([[[[2 * math.log(9), 0, 0, 0]]]])
    k = np.array([[[[1.0, 0, 0, 0], [0, 1, 0, 0]]]])
    v = np.array([[[[10.0, 0, 0, 0], [0, 20, 0, 0]]]])
    out, cache = attention_forward(q, k, v)
    np.testing.assert_allclose(out, [[[[9, 2, 0, 0]]]], rtol=1e-14)
    dq, dk, dv = attention_backward(np.array([[[[1.0, 0, 0, 0]]]]), cache)
    np.testing.assert_allclose(dv, [[[[0.9, 0, 0, 0], [0.1, 0, 0, 0]]]], rtol=1e-14)
    # dscores = 0.9 * (10 - 9) = 0.9 and 0.1 * (0 - 9) = -0.9
    np.testing.assert_allclose(dq, [[[[0.45, -0.45, 0, 0]]]], rtol=1e-14)
    np.testing.assert_allclose(dk[0, 0, :, 0], math.log(9) * np.array([0.9, -0.9]), rtol=1e-14)


def test_rows_of_weights_add_up_to_one_or_are_zero():
    _, cache = attention_forward(Q, KEYS, V, mask=MASK)
    totals = cache.weights.sum(axis=-1)
    empty = np.broadcast_to(~MASK.any(axis=-1), totals.shape)
    np.testing.assert_allclose(totals[~empty], 1, rtol=1e-14)
    assert empty.any() and not totals[empty].any()


def test_a_query_with_nothing_to_attend_to_gives_zeros_and_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out, cache = attention_forward(Q, KEYS, V, mask=MASK, score_bias=BIAS)
        dq, dk, dv = attention_backward(DOUT, cache)
    assert not out[0, :, 2].any() and not dq[0, :, 2].any()
    other = DOUT.copy()
    other[0, :, 2] = 1e9  # what its output should be is nobody's business
    for gradient, same in zip((dq, dk, dv), attention_backward(other, cache), strict=True):
        assert np.array_equal(gradient, same)


def test_nobody_may_attend_to_anything():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out, cache = attention_forward(Q, KEYS, V, mask=np.zeros((T, S), bool))
        gradients = attention_backward(DOUT, cache)
    assert not any(array.any() for array in (out, *gradients))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e4, 1e15])
def test_a_masked_key_counts_nothing_however_large_its_score(size, dtype):
    q, k, v, dout = (x.astype(dtype) for x in (Q, KEYS, V, DOUT))
    mask = np.ones((T, S), bool)
    mask[:, 3] = False
    out, cache = attention_forward(q, k, v, mask=mask)
    gradients = attention_backward(dout, cache)
    k[:, :, 3], v[:, :, 3] = size * Q[0, 0, 0], size
    louder, cache = attention_forward(q, k, v, mask=mask)
    assert np.array_equal(out, louder)
    assert not cache.weights[..., 3].any()
    dq, dk, dv = attention_backward(dout, cache)
    assert np.array_equal(dq, gradients[0])
    assert not dk[:, :, 3].any() and not dv[:, :, 3].any()


def test_all_scores_may_be_very_negative():
    bias = np.full((T, S), -1e30)
    mask = np.ones((T, S), bool)
    mask[:, 0] = False  # a finite sentinel such as -1e9 would now be the largest score
    _, cache = attention_forward(Q, KEYS, V, mask=mask, score_bias=bias)
    assert not cache.weights[..., 0].any()
    np.testing.assert_allclose(cache.weights.sum(axis=-1), 1, rtol=1e-13)


def test_no_later_key_changes_an_earlier_output_to_the_bit():
    rng = np.random.default_rng(2)
    q, k, v = rng.normal(size=(3, B, H, 6, K))
    out, _ = attention_forward(q, k, v, causal=True)
    for t in range(5):
        later_k, later_v = k.copy(), v.copy()
        later_k[:, :, t + 1:] = 1e6 * rng.normal(size=later_k[:, :, t + 1:].shape)
        later_v[:, :, t + 1:] = 1e6
        changed, _ = attention_forward(q, later_k, later_v, causal=True)
        assert np.array_equal(changed[:, :, : t + 1], out[:, :, : t + 1])


def test_shared_heads_equal_repeated_ones_and_add_their_gradients():
    out, cache = attention_forward(Q, KEYS, V, causal=True)
    dq, dk, dv = attention_backward(DOUT, cache)
    wide = [np.repeat(x, H // G, axis=1) for x in (KEYS, V)]
    wide_out, wide_cache = attention_forward(Q, *wide, causal=True)
    wide_dq, *wide_gradients = attention_backward(DOUT, wide_cache)
    np.testing.assert_allclose(out, wide_out, rtol=1e-13)
    np.testing.assert_allclose(dq, wide_dq, rtol=1e-12)
    for gradient, each in zip((dk, dv), wide_gradients, strict=True):
        added = each.reshape(B, G, H // G, S, K).sum(axis=2)
        np.testing.assert_allclose(gradient, added, rtol=1e-12, atol=1e-14)


def test_a_float64_bias_does_not_lift_float32():
    arrays = [x.astype(np.float32) for x in (Q, KEYS, V)]
    out, cache = attention_forward(*arrays, score_bias=BIAS)
    assert out.dtype == cache.weights.dtype == np.float32


def test_a_mask_may_be_a_list():
    mask = [True, False, True, True, False, True, True]
    out, _ = attention_forward(Q, KEYS, V, mask=mask)
    assert np.array_equal(out, attention_forward(Q, KEYS, V, mask=np.array(mask))[0])


def test_one_query_to_one_key():
    out, cache = attention_forward(Q[:, :, :1], KEYS[:, :, :1], V[:, :, :1])
    assert (cache.weights == 1).all()
    np.testing.assert_array_equal(out, np.repeat(V[:, :, :1], H // G, axis=1))


def test_errors_at_the_door():
    with pytest.raises(ValueError, match=r"k has shape \(2, 3, 7, 4\), expected \(2, G, S, 5\)"):
        attention_forward(Q, KEYS[..., :4], V)
    with pytest.raises(ValueError, match=r"k has shape \(1, 3, 7, 5\), expected \(2, G, S, 5\)"):
        attention_forward(Q, KEYS[:1], V)
    with pytest.raises(ValueError, match=r"v has shape \(2, 3, 6, 5\), expected \(2, 3, 7, 5\)"):
        attention_forward(Q, KEYS, V[:, :, :6])
    with pytest.raises(ValueError, match=r"v has shape \(2, 1, 7, 5\), expected \(2, 3, 7, 5\)"):
        attention_forward(Q, KEYS, V[:, :1])
    with pytest.raises(ValueError, match="5 query heads cannot share 3 key/value heads"):
        attention_forward(Q[:, :5], KEYS, V)
    with pytest.raises(TypeError, match="mask must be boolean .*, got int64"):
        attention_forward(Q, KEYS, V, mask=MASK.astype(np.int64))
    with pytest.raises(ValueError, match=r"mask has shape \(7, 4\), which does not broadcast to "
                                         r"\(B, H, T, S\) = \(2, 6, 4, 7\)"):
        attention_forward(Q, KEYS, V, mask=np.ones((S, T), bool))
    with pytest.raises(ValueError, match="does not broadcast"):
        attention_forward(Q, KEYS, V, mask=np.ones((3, B, H, T, S), bool))
    with pytest.raises(ValueError, match=r"mask has shape \(1, 2, 6, 4, 7\), which does not"):
        attention_forward(Q, KEYS, V, mask=np.ones((1, B, H, T, S), bool))
    with pytest.raises(ValueError, match="6 query heads cannot share 0 key/value heads"):
        attention_forward(Q, KEYS[:, :0], V[:, :0])
    with pytest.raises(ValueError, match=r"score_bias has shape \(4, 6\), which does not"):
        attention_forward(Q, KEYS, V, score_bias=np.ones((T, S - 1)))
    with pytest.raises(ValueError, match=r"q has shape \(6, 4, 5\), expected \(B, H, T, K\)"):
        attention_forward(Q[0], KEYS, V)
    with pytest.raises(ValueError, match=r"no keys \(S = 0\)"):
        attention_forward(Q, KEYS[:, :, :0], V[:, :, :0])


@pytest.mark.parametrize("cut", [np.s_[:0], np.s_[:, :, :0]])  # B = 0, T = 0
def test_no_queries_give_no_results(cut):
    q = Q[cut]
    k, v = KEYS[:len(q)], V[:len(q)]
    out, cache = attention_forward(q, k, v, causal=True)
    gradients = attention_backward(out, cache)
    assert [g.shape for g in (out, *gradients)] == [q.shape, q.shape, k.shape, v.shape]
    assert not any(g.any() for g in gradients)

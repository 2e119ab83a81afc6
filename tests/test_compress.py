"""Compression: no weight is off by more than promised, and what is cut off is really gone."""

import numpy as np
import pytest

from minitransformer.compress import (
    Quantized, cut_heads, dequantize, is_matrix, low_rank_factors, pack, quantize, quantized_bytes,
    rank_within, silence_heads, unpack, with_matrices)
from minitransformer.layers import multi_head_attention_forward, multi_head_attention_init
from minitransformer.tree import tree_items

RNG = np.random.default_rng(0)
W = RNG.normal(size=(7, 5)) * np.array([1, 10, 0.01, 1e4, 3])


def test_a_column_worked_by_hand():
    w = np.array([[1.27, 0.0], [-0.40, 0.0], [0.126, 0.0]])
    codes, scale, bits = quantize(w)
    assert codes.dtype == np.int8 and bits == 8
    np.testing.assert_array_equal(codes, [[127, 0], [-40, 0], [13, 0]])
    np.testing.assert_allclose(scale, [0.01, 1.0], rtol=1e-15)  # zeros get the scale 1
    np.testing.assert_allclose(dequantize(Quantized(codes, scale, bits)),
                               [[1.27, 0], [-0.4, 0], [0.13, 0]], atol=1e-15)


@pytest.mark.parametrize("bits", range(2, 9))
def test_no_weight_is_off_by_more_than_half_a_step_and_the_largest_is_kept(bits):
    quantized = quantize(W, bits=bits)
    error = np.abs(dequantize(quantized) - W)
    assert np.all(error <= 0.5000001 * quantized.scale)
    assert np.max(error / quantized.scale) > 0.3
    top = 2 ** (bits - 1) - 1
    np.testing.assert_array_equal(np.max(np.abs(quantized.codes.astype(int)), axis=0), top)
    np.testing.assert_allclose(np.max(np.abs(dequantize(quantized)), axis=0),
                               np.max(np.abs(W), axis=0))


def test_an_outlier_touches_its_own_column_only():
    wild = W.copy()
    wild[2, 1] *= 1000
    others = [0, 2, 3, 4]
    np.testing.assert_array_equal(quantize(wild).codes[:, others], quantize(W).codes[:, others])


def test_the_scale_can_be_multiplied_after_the_product():
    x, (codes, scale, _) = RNG.normal(size=(3, 7)), quantize(W)
    np.testing.assert_allclose((x @ codes) * scale, x @ dequantize(quantize(W)), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept_and_the_argument_too(dtype):
    w = W.astype(dtype)
    before = w.copy()
    assert dequantize(quantize(w)).dtype == quantize(w).scale.dtype == dtype
    assert all(x.dtype == dtype for x in low_rank_factors(w, 2))
    np.testing.assert_array_equal(w, before)


@pytest.mark.parametrize("bits", range(2, 9))
def test_packed_codes_come_back_and_take_the_bytes_that_are_said(bits):
    quantized = quantize(W, bits=bits)
    packed = pack(quantized)
    assert packed.dtype == np.uint8
    assert packed.nbytes + quantized.scale.nbytes == quantized_bytes(quantized)
    np.testing.assert_array_equal(unpack(packed, shape=W.shape, bits=bits), quantized.codes)


def test_weights_too_small_to_be_divided_do_not_overflow():
    tiny = np.array([[1e-44], [-2e-43]], np.float32)
    assert np.all(np.abs(dequantize(quantize(tiny))) <= 3e-43)


@pytest.mark.parametrize("w, bits, words", [
    (W, 1, "bits is 1"), (W, 9, "bits is 9"), (W[0], 8, "w"),
    (np.array([[1.0, np.nan]]), 8, "NaN or infinity")])
def test_what_cannot_be_quantized_is_refused(w, bits, words):
    with pytest.raises(ValueError, match=words):
        quantize(w, bits=bits)


@pytest.mark.parametrize("rank", [1, 2, 4, 5])
def test_the_error_of_two_factors_is_the_tail_of_the_singular_values(rank):
    a, b = low_rank_factors(W, rank)
    assert a.shape == (7, rank) and b.shape == (rank, 5)
    s = np.linalg.svd(W, compute_uv=False)
    np.testing.assert_allclose(np.linalg.norm(W - a @ b), np.sqrt(np.sum(s[rank:] ** 2)),
                               atol=1e-13 * s[0], rtol=1e-10)
    other = RNG.normal(size=(7, rank))       # no other matrix of this rank is nearer
    nearest = np.linalg.lstsq(other, W, rcond=None)[0]
    assert np.linalg.norm(W - other @ nearest) >= np.linalg.norm(W - a @ b)


@pytest.mark.parametrize("rank", [0, 6])
def test_a_rank_that_the_matrix_cannot_have_is_refused(rank):
    with pytest.raises(ValueError, match=f"rank is {rank}.*1 to 5"):
        low_rank_factors(W, rank)


def test_the_rank_within_a_share_is_the_largest():
    assert rank_within((128, 512), 0.5) == 51
    assert 51 * (128 + 512) <= 0.5 * 128 * 512 < 52 * (128 + 512)


def layer(**sizes):
    params = multi_head_attention_init(RNG, d_model=12, dtype=np.float64, **sizes)
    return {name: {key: RNG.normal(size=x.shape) for key, x in part.items()}
            for name, part in params.items()}


@pytest.mark.parametrize("heads, left", [([1], 3), ([3, 0], 2), ([2, 2], 3)])
def test_a_layer_without_heads_is_smaller_and_computes_what_the_silenced_one_does(heads, left):
    params, x = layer(), RNG.normal(size=(2, 5, 12))
    whole, _ = multi_head_attention_forward(params, x, n_heads=4, causal=True)
    silent, _ = multi_head_attention_forward(
        silence_heads(params, heads, n_heads=4), x, n_heads=4, causal=True)
    small = cut_heads(params, heads, n_heads=4)
    cut, _ = multi_head_attention_forward(small, x, n_heads=left, causal=True)
    np.testing.assert_allclose(cut, silent, rtol=1e-12, atol=1e-13)
    assert not np.allclose(silent, whole)
    assert small["q"]["w"].shape == (12, 3 * left) and small["q"]["b"].shape == (3 * left,)
    assert small["out"]["w"].shape == (3 * left, 12) and small["out"]["b"].shape == (12,)


def test_what_a_head_adds_is_what_is_missing_without_it():
    params, x = layer(), RNG.normal(size=(1, 4, 12))
    out, cache = multi_head_attention_forward(params, x, n_heads=4)
    without, _ = multi_head_attention_forward(silence_heads(params, [2], n_heads=4), x, n_heads=4)
    head = (cache.attention.weights @ cache.attention.v)[:, 2]                 # (1, 4, 3)
    np.testing.assert_allclose(out - without, head @ params["out"]["w"][6:9], rtol=1e-10)


def test_silencing_leaves_the_argument_alone_and_refuses_heads_that_are_not_there():
    params = layer()
    before = {name: x.copy() for name, x in tree_items(params)}
    silence_heads(params, [0], n_heads=4)
    assert all(np.array_equal(x, before[name]) for name, x in tree_items(params))
    for change in (silence_heads, cut_heads):
        with pytest.raises(ValueError, match="there is no head 4 among 4"):
            change(params, [4], n_heads=4)


def test_heads_that_share_keys_are_not_cut():
    with pytest.raises(ValueError, match="share keys and values"):
        cut_heads(layer(d_kv=6), [0], n_heads=4)


def test_only_weight_matrices_are_changed():
    params = {"embedding": {"table": W}, "blocks": [layer()], "norm": {"gain": W[0]}}
    changed = dict(tree_items(with_matrices(params, lambda w: 2 * w)))
    for name, x in tree_items(params):
        np.testing.assert_array_equal(changed[name], 2 * x if name.endswith(".w") else x)
    assert is_matrix("output.w") and not is_matrix("output.b")

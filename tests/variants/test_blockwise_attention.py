"""Blockwise attention: the numbers of attention, whatever the tiles, and no T x S array."""

import tracemalloc
import warnings

import numpy as np
import pytest

from minitransformer.functional import attention_backward, attention_forward
from minitransformer.variants import (
    BlockwiseAttentionCache, alibi_bias, blockwise_attention_backward, blockwise_attention_forward)
from minitransformer.variants.attention_by_length import (
    PLAIN_UP_TO, attention_by_length_backward, attention_by_length_forward,
    plain_attention_forward)
from minitransformer.variants.blockwise_attention import Tiles

B, H, G, T, S, K = 2, 6, 3, 5, 8, 4
RNG = np.random.default_rng(0)
Q, KEYS, V = RNG.normal(size=(B, H, T, K)), RNG.normal(size=(B, G, S, K)), RNG.normal(
    size=(B, G, S, K))
DOUT = RNG.normal(size=(B, H, T, K))
BIAS = RNG.normal(size=(H, T, S))
MASK = RNG.random((B, 1, T, S)) < 0.6
MASK[0, 0, 2] = False                     # a query with nothing to attend to
OPTIONS = {
    "nothing": {}, "mask": {"mask": MASK}, "one row of mask": {"mask": MASK[0, 0, 0]},
    "causal": {"causal": True}, "bias": {"score_bias": BIAS},
    "bias of one number": {"score_bias": np.array(0.3)},
    "all": {"mask": MASK, "causal": True, "score_bias": BIAS[0]},
}


def agree(ours, theirs, tolerance=1e-13):
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, rtol=0, atol=tolerance)


@pytest.mark.parametrize("block_size", [1, 2, 3, 5, 8, 100])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_the_same_as_plain_attention(options, block_size):
    out, cache = attention_forward(Q, KEYS, V, **options)
    tiled, tiles = blockwise_attention_forward(Q, KEYS, V, block_size=block_size, **options)
    agree([tiled], [out])
    agree(blockwise_attention_backward(DOUT, tiles), attention_backward(DOUT, cache))


@pytest.mark.parametrize(("T", "S"), [(6, 6), (3, 7), (7, 3), (1, 5)])
@pytest.mark.parametrize("block_size", [1, 2, 4])
def test_causal_of_any_shape(T, S, block_size):
    rng = np.random.default_rng(1)
    q, k, v, dout = (rng.normal(size=(B, H, n, K)) for n in (T, S, S, T))
    out, cache = attention_forward(q, k, v, causal=True)
    tiled, tiles = blockwise_attention_forward(q, k, v, causal=True, block_size=block_size)
    agree([tiled], [out])
    agree(blockwise_attention_backward(dout, tiles), attention_backward(dout, cache))


def test_a_bias_given_tile_by_tile():
    def bias(t, t_end, s, s_end):
        assert t_end - t <= 3 and s_end - s <= 3
        return BIAS[:, t:t_end, s:s_end]

    found = []
    for score_bias in (BIAS, bias):
        out, cache = blockwise_attention_forward(Q, KEYS, V, score_bias=score_bias, block_size=3)
        found.append([out, *blockwise_attention_backward(DOUT, cache)])
    for whole, by_tiles in zip(*found, strict=True):
        assert np.array_equal(whole, by_tiles)


def test_the_log_of_the_denominator():
    _, cache = blockwise_attention_forward(Q, KEYS, V, mask=MASK, block_size=3)
    scores = np.einsum("bhtk,bhsk->bhts", Q, np.repeat(KEYS, H // G, axis=1)) / np.sqrt(K)
    total = np.sum(np.exp(scores) * MASK, axis=-1, keepdims=True)
    with np.errstate(divide="ignore"):
        expected = np.where(total == 0, np.inf, np.log(total))
    np.testing.assert_allclose(cache.log_total, expected, rtol=1e-13)


@pytest.mark.parametrize("mask", [MASK, np.zeros((T, S), bool)])
def test_a_query_with_nothing_to_attend_to_gives_zeros_and_no_warning(mask):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out, cache = blockwise_attention_forward(Q, KEYS, V, mask=mask, block_size=3)
        dq, dk, dv = blockwise_attention_backward(DOUT, cache)
    assert not out[0, :, 2].any() and not dq[0, :, 2].any()
    other = DOUT.copy()
    other[0, :, 2] = 1e9
    for gradient, same in zip((dq, dk, dv), blockwise_attention_backward(other, cache)):
        assert np.array_equal(gradient, same)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scores_far_apart_in_any_order(dtype):
    # The highest score of a row comes first, last, or in between; those left behind must vanish.
    k = np.array([[[[0.0], [200], [-300], [100], [4000], [10]]]], dtype)
    v = np.arange(6, dtype=dtype).reshape(1, 1, 6, 1)
    for order in ([0, 1, 2, 3, 4, 5], [4, 0, 1, 2, 3, 5], [5, 3, 2, 1, 0, 4]):
        out, _ = blockwise_attention_forward(np.ones((1, 1, 1, 1), dtype), k[:, :, order],
                                             v[:, :, order], block_size=2)
        assert out.item() == 4


def test_no_later_key_changes_an_earlier_output_to_the_bit():
    rng = np.random.default_rng(2)
    q, k, v = rng.normal(size=(3, B, H, 7, K))
    out, _ = blockwise_attention_forward(q, k, v, causal=True, block_size=3)
    k[:, :, 4:], v[:, :, 4:] = 1e6, -1e6
    changed, _ = blockwise_attention_forward(q, k, v, causal=True, block_size=3)
    assert np.array_equal(changed[:, :, :4], out[:, :, :4])


def test_memory_grows_with_the_length_not_with_its_square():
    peaks = []
    for length in (512, 1024):
        x = np.random.default_rng(0).normal(size=(4, 1, 2, length, 8)).astype(np.float32)
        q, k, v, dout = x
        tracemalloc.start()
        out, cache = blockwise_attention_forward(q, k, v, block_size=64)
        gradients = blockwise_attention_backward(dout, cache)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert len(gradients) == 3
    assert peaks[1] < 2.2 * peaks[0]
    assert peaks[1] < 0.3 * 4 * 2 * 1024 * 1024  # a quarter of one array of scores


@pytest.mark.parametrize(("changes", "error", "words"), [
    ({"q": Q[0]}, ValueError, r"q has shape .* expected .* = \(B H T K\)"),
    ({"k": KEYS[..., :3]}, ValueError, "k has shape"),
    ({"v": V[:, :, :3]}, ValueError, "v has shape"),
    ({"k": KEYS[:, :, :0], "v": V[:, :, :0]}, ValueError, r"no keys \(S = 0\)"),
    ({"q": Q[:, :5]}, ValueError, "5 query heads cannot share 3 key/value heads"),
    ({"k": KEYS[:, :0], "v": V[:, :0]}, ValueError, "6 query heads cannot share 0 key/value heads"),
    ({"mask": np.ones((T, S))}, TypeError, "mask must be boolean"),
    ({"mask": np.ones((T, S + 1), bool)}, ValueError, "mask has shape"),
    ({"score_bias": np.ones((H, T + 1, S))}, ValueError, "score_bias has shape"),
    ({"block_size": 0}, ValueError, "block_size is 0"),
])
def test_refusals(changes, error, words):
    given = {"q": Q, "k": KEYS, "v": V, **changes}
    with pytest.raises(error, match=words):
        blockwise_attention_forward(given.pop("q"), given.pop("k"), given.pop("v"), **given)


@pytest.mark.parametrize("length", [PLAIN_UP_TO, PLAIN_UP_TO + 1])
def test_by_length_it_is_one_or_the_other(length):
    rng = np.random.default_rng(3)
    q, k, v, dout = rng.normal(size=(4, 3, 2, length, 2))
    dout.setflags(write=False)

    def bias(t, t_end, s, s_end):
        return alibi_bias(2, length, length, slice(t, t_end), slice(s, s_end))

    out, cache = attention_by_length_forward(q, k, v, causal=True, score_bias=bias)
    assert isinstance(cache, BlockwiseAttentionCache) == (length > PLAIN_UP_TO)
    plain, plain_cache = plain_attention_forward(q, k, v, causal=True, score_bias=bias)
    agree([out], [plain])
    agree(attention_by_length_backward(dout, cache), attention_backward(dout, plain_cache), 1e-12)


def test_tiles_in_which_all_keys_lie_ahead_are_left_out():
    tiles = Tiles((1, 1, 6, 8), 3, None, True, None)     # query t sees the keys up to t + 2
    assert tiles.keys(slice(0, 3)) == [slice(0, 3), slice(3, 5)]
    assert tiles.keys(slice(3, 6)) == [slice(0, 3), slice(3, 6), slice(6, 8)]
    assert len(tiles._replace(causal=False).keys(slice(0, 3))) == 3


def test_a_part_of_alibi():
    whole = alibi_bias(3, 5, 7)
    assert np.array_equal(alibi_bias(3, 5, 7, slice(1, 4), slice(2, 6)), whole[:, 1:4, 2:6])

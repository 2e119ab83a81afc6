"""The room for keys and values: how it grows, and who shares it. What is kept: test_decoding."""

import numpy as np
import pytest

from minitransformer.kv_cache import DecoderBlockKvCache, KvCache

B, G, K = 2, 3, 4


def tokens(count, seed=0):
    """k, v of this many tokens, (B, G, count, K) each."""
    return np.random.default_rng(seed).standard_normal((2, B, G, count, K)).astype(np.float32)


def test_the_room_doubles_so_that_few_tokens_are_copied():
    (k, v), cache, rooms = tokens(100), KvCache(), []
    for t in range(100):
        k_all, v_all = cache.extend(k[:, :, t:t + 1], v[:, :, t:t + 1])
        assert np.array_equal(k_all, k[:, :, :t + 1]) and np.array_equal(v_all, v[:, :, :t + 1])
        rooms.append(cache.nbytes // (2 * B * G * K * 4))
    assert sorted(set(rooms)) == [1, 2, 4, 8, 16, 32, 64, 128]
    assert all(t + 1 <= room < 2 * (t + 1) for t, room in enumerate(rooms))


def test_a_first_prompt_takes_no_more_room_than_it_needs():
    (k, v), cache = tokens(7), KvCache()
    assert cache.nbytes == 0
    cache.extend(k, v)
    assert cache.nbytes == k.nbytes + v.nbytes
    cache.extend(*tokens(30, seed=1))            # more than double
    assert cache.length == 37 and cache.nbytes == 2 * B * G * 37 * K * 4


def test_what_was_returned_stays_as_it_was():
    (k, v), cache = tokens(9), KvCache()
    early, _ = cache.extend(k[:, :, :5], v[:, :, :5])
    cache.extend(k[:, :, 5:6], v[:, :, 5:6])
    cache.extend(k[:, :, 6:], v[:, :, 6:])
    cache.reorder(np.array([1, 1]))
    assert np.array_equal(early, k[:, :, :5])
    assert np.array_equal(cache.k, k[[1, 1]])


def test_rows_that_go_on_as_they_are_copy_nothing():
    cache = KvCache()
    cache.extend(*tokens(3))
    before = cache.k
    cache.reorder(np.arange(B))
    assert np.shares_memory(before, cache.k)
    cache.reorder(np.array([0]))                 # the second has ended
    assert cache.k.shape == (1, G, 3, K)
    k, v = tokens(2, seed=1)[:, :1]
    assert np.array_equal(cache.extend(k, v)[0][:, :, 3:], k)
    cache.reorder(np.array([0, 0, 0]))
    assert cache.v.shape == (3, G, 5, K)


def test_a_refused_extension_leaves_the_cache_as_it_was():
    cache = KvCache()
    cache.extend(*tokens(3))
    with pytest.raises(ValueError, match="k has shape"):
        cache.extend(*tokens(1)[:, :1])
    assert cache.length == 3 and cache.k.shape == (B, G, 3, K)


def test_a_block_reorders_both_of_its_sites():
    block = DecoderBlockKvCache(KvCache(), KvCache())
    k, v = tokens(4)
    block.self_attention.extend(k[:, :, :1], v[:, :, :1])
    block.cross_attention.extend(k, v)
    block.reorder(np.array([1, 0, 1]))
    assert np.array_equal(block.self_attention.v, v[[1, 0, 1], :, :1])
    assert np.array_equal(block.cross_attention.k, k[[1, 0, 1]])


def test_rows_that_are_equal_change_places_without_a_copy():
    cache = KvCache()
    k, v = tokens(3)
    cache.extend(k, v)
    cache.reorder(np.array([0, 0, 1, 1, 1]))      # two hypotheses of one source, three of another
    kept = cache.k
    cache.reorder(np.array([1, 0, 4, 4, 2]))      # each goes on as one of the same source
    assert np.shares_memory(kept, cache.k)
    cache.reorder(np.array([0, 2, 3]))            # now two are left out
    assert np.array_equal(cache.k, k[[0, 1, 1]]) and np.array_equal(cache.v, v[[0, 1, 1]])
    assert not np.shares_memory(kept, cache.k)


@pytest.mark.parametrize("method", ["extend", "append"])
def test_rows_that_have_grown_are_no_longer_equal(method):
    cache = KvCache()
    cache.extend(*tokens(3))
    cache.reorder(np.array([0, 0]))
    k, v = tokens(1, seed=1)
    if method == "extend":
        cache.extend(k, v)
    else:
        cache.append(k[:, :, 0], v[:, :, 0])
    cache.reorder(np.array([1, 0]))
    assert np.array_equal(cache.k[:, :, 3:], k[[1, 0]])
    assert np.array_equal(cache.v[:, :, 3:], v[[1, 0]])

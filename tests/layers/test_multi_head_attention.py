import numpy as np
import pytest
from plain import plain_attention

from minitransformer.checks.case import randomize
from minitransformer.kv_cache import KvCache
from minitransformer.layers import (
    multi_head_attention_backward,
    multi_head_attention_forward,
    multi_head_attention_init,
)
from minitransformer.layers.options import POSITIONS
from minitransformer.tree import tree_items

B, T, S, D, H = 2, 5, 7, 12, 3
RNG = np.random.default_rng(0)
PARAMS = randomize(RNG, multi_head_attention_init(RNG, d_model=D, dtype=np.float64))
X, MEMORY = RNG.normal(size=(B, T, D)), RNG.normal(size=(B, S, D))
MASK = np.array([[True] * S, [True, False, True, True, False, True, False]])


def attend(x, memory=None, **options):
    return multi_head_attention_forward(PARAMS, x, memory, n_heads=H, **options)


def test_init():
    params = multi_head_attention_init(np.random.default_rng(0), d_model=D)
    assert {name: (x.shape, x.dtype.name) for name, x in tree_items(params)} == {
        f"{role}.{name}": (shape, "float32") for role in ("q", "k", "v", "out")
        for name, shape in (("w", (D, D)), ("b", (D,)))}
    assert len({params[role]["w"].tobytes() for role in params}) == 4


def test_self_attention_head_by_head():
    expected = plain_attention(PARAMS, X, X, H, lambda b, t, s: True)
    np.testing.assert_allclose(attend(X)[0], expected, rtol=1e-11, atol=1e-13)


def test_causal_self_attention_head_by_head():
    expected = plain_attention(PARAMS, X, X, H, lambda b, t, s: s <= t)
    np.testing.assert_allclose(attend(X, causal=True)[0], expected, rtol=1e-11, atol=1e-13)


def test_masked_cross_attention_head_by_head():
    out, cache = attend(X, MEMORY, mask=MASK[:, None, None, :])
    expected = plain_attention(PARAMS, X, MEMORY, H, lambda b, t, s: MASK[b, s])
    np.testing.assert_allclose(out, expected, rtol=1e-11, atol=1e-13)
    weights = cache.attention.weights  # the microscope: the probabilities are in the cache
    assert weights.shape == (B, H, T, S)
    assert not weights[1][..., ~MASK[1]].any()


def test_attending_to_itself_as_a_memory_is_self_attention():
    out, cache = attend(X)
    same, cross_cache = attend(X, X)
    assert np.array_equal(out, same)
    dout = RNG.normal(size=out.shape)
    dparams, dx, nothing = multi_head_attention_backward(dout, cache)
    cross_dparams, dx_q, dmemory = multi_head_attention_backward(dout, cross_cache)
    assert nothing is None
    np.testing.assert_allclose(dx, dx_q + dmemory, rtol=1e-14, atol=1e-15)
    for (name, gradient), (_, other) in zip(tree_items(dparams), tree_items(cross_dparams),
                                            strict=True):
        assert np.array_equal(gradient, other), name


def test_no_later_token_changes_an_earlier_output_to_the_bit():
    out, _ = attend(X, causal=True)
    for t in range(T - 1):
        later = X.copy()
        later[:, t + 1:] = 1e3 * RNG.normal(size=later[:, t + 1:].shape)
        assert np.array_equal(attend(later, causal=True)[0][:, : t + 1], out[:, : t + 1])


@pytest.mark.parametrize("name", ["none", "rotary", "alibi"])
def test_a_kv_cache_equals_the_whole_sequence(name):
    positions = POSITIONS[name]
    whole, _ = attend(X, causal=True, positions=positions)
    kv_cache, parts = KvCache(), []
    for start, end in [(0, 2), (2, 3), (3, 5)]:
        out, cache = attend(X[:, start:end], causal=True, kv_cache=kv_cache, positions=positions)
        assert cache is None
        parts.append(out)
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, rtol=1e-12, atol=1e-14)
    assert kv_cache.length == T


def test_a_kv_cache_projects_the_memory_once():
    whole, _ = attend(X, MEMORY, mask=MASK[:, None, None, :])
    kv_cache = KvCache()
    for t in range(T):
        # From the second step on the memory is not read: another one makes no difference.
        memory = MEMORY if t == 0 else np.zeros_like(MEMORY)
        out, _ = attend(X[:, t:t + 1], memory, mask=MASK[:, None, None, :], kv_cache=kv_cache)
        np.testing.assert_allclose(out, whole[:, t:t + 1], rtol=1e-12, atol=1e-14)
    assert kv_cache.length == S


def test_too_many_heads_are_named():
    with pytest.raises(ValueError, match="d_model 12 is not divisible by n_heads 5"):
        multi_head_attention_forward(PARAMS, X, n_heads=5)

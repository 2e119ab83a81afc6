"""Optimizers against a step by hand, against PyTorch's, and in what they must leave alone."""

import math

import numpy as np
import pytest

from minitransformer.training import SGD, AdamW, clip_by_global_norm
from minitransformer.tree import tree_items, tree_map, tree_norm


def random_tree(seed, dtype=np.float64):
    """A matrix, a vector and a scalar."""
    rng = np.random.default_rng(seed)
    return {"block": [{"w": rng.normal(size=(3, 4)).astype(dtype),
                       "b": rng.normal(size=4).astype(dtype)}],
            "scale": rng.normal(size=()).astype(dtype)}


def difference(a, b):
    return max(np.max(np.abs(x - y)) for (_, x), (_, y) in zip(tree_items(a), tree_items(b)))


def test_sgd_by_hand():
    params = {"w": np.array([1.0, -2.0])}
    optimizer = SGD(params, lr=0.1, momentum=0.5)
    optimizer.step({"w": np.array([1.0, 2.0])})   # velocity (1, 2)
    np.testing.assert_allclose(params["w"], [0.9, -2.2], rtol=1e-15)
    optimizer.step({"w": np.array([1.0, 0.0])})   # velocity (1.5, 1)
    np.testing.assert_allclose(params["w"], [0.75, -2.3], rtol=1e-15)


def test_adamw_by_hand():
    params = {"w": np.array([[2.0, 1.0]])}
    optimizer = AdamW(params, lr=0.1, betas=(0.5, 0.75), eps=1.0, weight_decay=0.5)
    # t = 1: m_hat = g and v_hat = g^2, so w - lr (g / (|g| + 1) + w / 2).
    optimizer.step({"w": np.array([[3.0, -1.0]])})
    np.testing.assert_allclose(
        params["w"], [[2 - 0.1 * (3 / 4 + 1), 1 - 0.1 * (-1 / 2 + 1 / 2)]], rtol=1e-15)
    # t = 2 with g = 1: m = 3 / 4 + 1 / 2, m_hat = m / (3 / 4); v = 27 / 16 + 1 / 4, / (7 / 16).
    before = params["w"][0, 0]
    optimizer.step({"w": np.array([[1.0, 0.0]])})
    m_hat, v_hat = (3 / 4 + 1 / 2) / (3 / 4), (27 / 16 + 1 / 4) / (7 / 16)
    expected = before - 0.1 * (m_hat / (math.sqrt(v_hat) + 1) + before / 2)
    assert params["w"][0, 0] == pytest.approx(expected, rel=1e-15)


def adamw_line_by_line(w, g, m, v, *, t, lr, betas, eps, weight_decay):
    """The docstring's formula: w, m and v after step t."""
    m = betas[0] * m + (1 - betas[0]) * g
    v = betas[1] * v + (1 - betas[1]) * g ** 2
    m_hat, v_hat = m / (1 - betas[0] ** t), v / (1 - betas[1] ** t)
    return w - lr * (m_hat / (np.sqrt(v_hat) + eps) + weight_decay * w), m, v


@pytest.mark.parametrize("make", [
    lambda rng: rng.normal(size=(300, 700)), lambda rng: rng.normal(size=200_001),
    lambda rng: rng.normal(size=(2, 150_000)), lambda rng: rng.normal(size=(700, 300)).T,
    lambda rng: rng.normal(size=(90, 1800))[::2, 1:], lambda rng: rng.normal(size=(0, 4))],
    ids=["matrix", "vector", "long rows", "transposed", "strided", "empty"])
def test_adamw_of_an_array_that_is_cut_into_pieces(make):
    rng = np.random.default_rng(0)
    w = make(rng)
    settings = {"lr": 0.1, "betas": (0.8, 0.95), "eps": 1e-3,
                "weight_decay": 0.3 * (w.ndim == 2)}
    expected, m, v = w.copy(), np.zeros(w.shape), np.zeros(w.shape)
    optimizer = AdamW({"w": w}, **settings)
    for t in range(1, 4):
        g = rng.normal(size=w.shape)
        optimizer.step({"w": g})
        expected, m, v = adamw_line_by_line(expected, g, m, v, t=t, **settings)
        np.testing.assert_allclose(w, expected, rtol=1e-13, atol=1e-14)
        np.testing.assert_allclose(optimizer.first["w"], m, rtol=1e-13, atol=1e-14)
        np.testing.assert_allclose(optimizer.second["w"], v, rtol=1e-13, atol=1e-14)


def test_adamw_in_float32_stays_beside_float64():
    exact = random_tree(0)
    rounded = tree_map(lambda x: x.astype(np.float32), exact)
    optimizers = [AdamW(params, lr=0.01, weight_decay=0.1) for params in (exact, rounded)]
    for seed in range(1, 21):
        grads = tree_map(lambda g: 1e-6 * g, random_tree(seed))  # v is near 1e-15
        optimizers[0].step(grads)
        optimizers[1].step(tree_map(lambda g: g.astype(np.float32), grads))
    assert difference(exact, rounded) < 1e-6


def test_weight_decay_leaves_vectors_and_scalars_alone():
    params = random_tree(0)
    before = tree_map(np.copy, params)
    AdamW(params, lr=0.1, weight_decay=0.5).step(tree_map(np.zeros_like, params))
    np.testing.assert_allclose(params["block"][0]["w"], 0.95 * before["block"][0]["w"])
    np.testing.assert_array_equal(params["block"][0]["b"], before["block"][0]["b"])
    assert params["scale"] == before["scale"]


OPTIMIZERS = {
    "sgd": lambda params: SGD(params, lr=0.1),
    "momentum": lambda params: SGD(params, lr=0.1, momentum=0.9),
    "adamw": lambda params: AdamW(params, lr=0.1, weight_decay=0.1),
}


@pytest.fixture(params=OPTIMIZERS.values(), ids=OPTIMIZERS.keys())
def make_optimizer(request):
    return request.param


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_step_works_in_place_keeps_the_dtype_and_the_gradients(make_optimizer, dtype):
    params, grads = random_tree(0, dtype), random_tree(1, dtype)
    before, grads_before = tree_map(np.copy, params), tree_map(np.copy, grads)
    arrays = [array for _, array in tree_items(params)]
    make_optimizer(params).step(grads)
    for array, (_, now), (_, old) in zip(arrays, tree_items(params), tree_items(before)):
        assert now is array and now.dtype == dtype and np.all(now != old)
    assert difference(grads, grads_before) == 0


def test_a_frozen_array_stays(make_optimizer):
    params, grads = random_tree(0), random_tree(1)
    frozen = params["block"][0]["w"].copy()
    grads["block"][0]["w"] = None
    optimizer = make_optimizer(params)
    optimizer.step(grads)
    optimizer.step(grads)
    np.testing.assert_array_equal(params["block"][0]["w"], frozen)
    assert np.all(params["block"][0]["b"] != random_tree(0)["block"][0]["b"])


def test_lr_of_a_step_replaces_the_own_one_once(make_optimizer):
    params = random_tree(0)
    optimizer = make_optimizer(params)
    before = tree_map(np.copy, params)
    optimizer.step(random_tree(1), lr=0.0)
    assert difference(params, before) == 0
    optimizer.step(random_tree(1))
    assert difference(params, before) > 0


def test_load_state_continues_exactly(make_optimizer):
    params = random_tree(0)
    optimizer = make_optimizer(params)
    optimizer.step(random_tree(1))
    copy = tree_map(np.copy, params)
    other = make_optimizer(copy)
    other.load_state(tree_map(np.copy, optimizer.state()))
    optimizer.step(random_tree(2))
    other.step(random_tree(2))
    assert difference(params, copy) == 0


def test_wrong_gradients_change_nothing(make_optimizer):
    params = random_tree(0)
    before = tree_map(np.copy, params)
    optimizer = make_optimizer(params)
    late = random_tree(1)
    late["scale"] = np.zeros(1)  # the last array: the others must not have moved by then
    with pytest.raises(ValueError, match="gradient of 'scale'.*shape"):
        optimizer.step(late)
    with pytest.raises(ValueError, match="trees differ"):
        optimizer.step({"block": late["block"]})
    assert difference(params, before) == 0


def test_a_state_of_another_shape_is_refused():
    optimizer = AdamW(random_tree(0))
    state = tree_map(np.copy, optimizer.state())
    state["first"]["scale"] = np.zeros(3)
    with pytest.raises(ValueError, match=r"\(3,\)"):
        optimizer.load_state(state)


@pytest.mark.parametrize("make", [
    lambda p: SGD(p, lr=-1.0), lambda p: SGD(p, lr=0.1, momentum=1.0), lambda p: AdamW(p, lr=-1.0),
    lambda p: AdamW(p, betas=(1.0, 0.9)), lambda p: AdamW(p, betas=(0.9, -0.1)),
    lambda p: AdamW(p, eps=0.0), lambda p: AdamW(p, weight_decay=-0.1),
    lambda p: AdamW(p, lr=math.nan), lambda p: clip_by_global_norm(p, 0.0)])
def test_settings_out_of_range_are_refused(make):
    with pytest.raises(ValueError, match="expected"):
        make(random_tree(0))


def test_clipping_keeps_the_direction_and_reports_the_norm_before():
    grads = {"a": np.array([3.0]), "b": [np.array([[4.0]]), None]}
    clipped, norm = clip_by_global_norm(grads, 1.0)
    assert norm == 5.0 and tree_norm(clipped) == pytest.approx(1.0, rel=1e-15)
    assert clipped["a"][0] == pytest.approx(0.6) and clipped["b"][1] is None
    assert grads["a"][0] == 3.0  # the given gradient is not changed
    same, norm = clip_by_global_norm(grads, 5.0)
    assert same is grads and norm == 5.0


def test_clipping_keeps_float32():
    clipped, _ = clip_by_global_norm(random_tree(0, np.float32), 0.1)
    assert all(array.dtype == np.float32 for _, array in tree_items(clipped))


def as_torch(torch, tree):
    return [torch.tensor(array, requires_grad=True) for _, array in tree_items(tree)]


@pytest.mark.parametrize("name, settings", [
    ("SGD", {"lr": 0.1}), ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("AdamW", {"lr": 0.05, "weight_decay": 0.0}),
    ("AdamW", {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-4, "weight_decay": 0.2})])
def test_equals_pytorch(name, settings):
    torch = pytest.importorskip("torch")
    params = random_tree(0)
    theirs = as_torch(torch, params)
    groups = [{"params": [w]} for w in theirs]
    if "weight_decay" in settings:  # ours decays arrays with two or more axes only
        groups = [{"params": [w], **({} if w.ndim >= 2 else {"weight_decay": 0.0})} for w in theirs]
    their_optimizer = getattr(torch.optim, name)(groups, **settings)
    optimizer = {"SGD": SGD, "AdamW": AdamW}[name](params, **settings)
    for seed in range(1, 21):
        grads = random_tree(seed)
        for w, (_, g) in zip(theirs, tree_items(grads)):
            w.grad = torch.tensor(g)
        their_optimizer.step()
        optimizer.step(grads)
    for (_, ours), w in zip(tree_items(params), theirs):
        np.testing.assert_allclose(ours, w.detach().numpy(), rtol=1e-12, atol=1e-12)


def test_clipping_equals_pytorch():
    torch = pytest.importorskip("torch")
    grads = random_tree(0)
    theirs = as_torch(torch, grads)
    for w, (_, g) in zip(theirs, tree_items(grads)):
        w.grad = torch.tensor(g)
    their_norm = float(torch.nn.utils.clip_grad_norm_(theirs, 0.5))
    clipped, norm = clip_by_global_norm(grads, 0.5)
    assert norm == pytest.approx(their_norm, rel=1e-12)
    for (_, ours), w in zip(tree_items(clipped), theirs):
        # PyTorch divides by norm + 1e-6, we by the norm.
        np.testing.assert_allclose(ours, w.grad.numpy() * (norm + 1e-6) / norm, rtol=1e-12)

"""The bug museum's checks of smaller models: what quantizing and cutting must not touch."""

import numpy as np

from minitransformer.tree import tree_map


def outlier_catches(exhibit):
    """Whether a column of w that is 1000 times as large changes the outputs of other columns."""
    (x,), options = exhibit.inputs(np.random.default_rng(0))
    wild = options["w"].copy()
    wild[:, 0] *= 1000
    before, _ = exhibit.forward(x, **options)
    after, _ = exhibit.forward(x, **options | {"w": wild})
    return not np.allclose(before[:, 1:], after[:, 1:], rtol=1e-9, atol=1e-12)


def half_a_step_catches(exhibit):
    """Whether a weight, read off with x = 1, is off by more than half a step of its column."""
    _, options = exhibit.inputs(np.random.default_rng(0))
    w = options["w"]
    stored, _ = exhibit.forward(np.eye(len(w)), **options)                 # (D, E)
    step = np.max(np.abs(w), axis=0) / 127                                 # (E,)
    return bool(np.any(np.abs(stored - w) > 0.5000001 * step))


def other_numbers_catch(exhibit):
    """Whether the output changes when everything that belonged to the cut head changes."""
    (x,), options = exhibit.inputs(np.random.default_rng(0))
    params, n_heads, head = options["params"], options["n_heads"], options["head"]
    K = params["q"]["w"].shape[1] // n_heads
    mine = slice(head * K, (head + 1) * K)
    other = tree_map(np.copy, params)
    for name in "qkv":
        other[name]["w"][:, mine] += 1
        other[name]["b"][mine] += 1
    other["out"]["w"][mine] += 1
    before, _ = exhibit.forward(x, **options)
    after, _ = exhibit.forward(x, **options | {"params": other})
    return not np.allclose(before, after, rtol=1e-9, atol=1e-12)


PRICE_CHECKS = {
    "an outlier in another column": outlier_catches,
    "half a step": half_a_step_catches,
    "other numbers in the cut head": other_numbers_catch,
}

"""What every pair promises, whatever it computes.

A folder's tests inherit the promises as tests, one for each of its check cases:

    @pytest.mark.parametrize("case", case_params("pair"))
    class TestEveryPair(Contract):
        kind, bar = "pair", 1e-12
"""

from types import SimpleNamespace

import numpy as np
import pytest

from minitransformer.checks import all_cases
from minitransformer.gradient_check import check_gradients
from minitransformer.tree import tree_items, tree_map

# Inputs outside a tree that are read-only and then get no gradient: a tied table, which is a
# parameter, and what enters blocks of which the lowest are frozen and nothing below asks.
MAY_GO_WITHOUT = {("head", 2), ("blocks", 1)}


def case_params(kind):
    """The check cases of one kind ("pair", "layer", "model"), for pytest.mark.parametrize."""
    return [pytest.param(case, id=f"{case.pair}: {case.what}")
            for (k, _), cases in all_cases().items() if k == kind for case in cases]


class Contract:
    """kind: a key of checks.PACKAGES; bar: the largest error that the complex step may show."""

    @pytest.mark.parametrize("seed", [0, 1, 2])
    def test_gradient_along_a_random_direction(self, case, seed):
        report = check_direction(case, seed)
        assert report.passed(self.bar), report

    def test_gradient_is_exact(self, case, prove):
        proof = prove(self.kind, case)
        assert proof.complex.passed(self.bar), proof.complex
        assert proof.central.passed(1e-7), proof.central

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_dtype_and_shapes_are_kept(self, case, dtype):
        assert_keeps_dtype(case, dtype)

    def test_float32_agrees_with_float64(self, case):
        assert_float32_agrees(case)

    def test_arguments_are_not_changed(self, case):
        assert_changes_nothing(case)

    def test_memory_layout_does_not_matter(self, case):
        assert_ignores_memory_layout(case)

    def test_cache_is_named(self, case):
        assert_cache_is_named(case)


def check_direction(case, seed=0):
    """The report of the quickest check: all inputs moved at once, in one random direction."""
    return check_gradients(case.forward, case.backward, *case.inputs, options=case.options,
                           method="directional", seed=seed, frozen=case.frozen)


def run_case(case, dtype=np.float64, arrange=np.array):
    """Forward and backward once, on copies: what went in and what came out.

    arrange makes each input, option and cotangent from the original: np.array is a plain copy.
    """
    def as_dtype(x):
        return arrange(x.astype(dtype) if x.dtype == np.float64 else x)

    inputs = [tree_map(as_dtype, x) for x in case.inputs]
    options = {name: as_dtype(x) if isinstance(x, np.ndarray) else x
               for name, x in case.options.items()}
    if "rng" in options:
        options["rng"] = np.random.default_rng(options["rng"])
    out, cache = case.forward(*inputs, **options)
    rng = np.random.default_rng(7)
    dout = tree_map(lambda o: as_dtype(np.asarray(rng.normal(size=np.shape(o)))), out)
    given = {"inputs": inputs, "options": options, "dout": dout}
    before = snapshot(given)
    kept = snapshot(cache)
    result = case.backward(dout, cache)
    gradients = result if isinstance(result, tuple) else (result,)
    return SimpleNamespace(inputs=inputs, out=out, cache=cache, gradients=gradients, given=given,
                           before=before, kept=kept)


def snapshot(tree):
    """The bytes of every array, by name."""
    return {name: x.tobytes() for name, x in tree_items(tree) if isinstance(x, np.ndarray)}


def assert_keeps_dtype(case, dtype):
    """Outputs and gradients have the dtype of the inputs, and gradients their shapes and trees."""
    run = run_case(case, dtype)
    for name, x in tree_items(run.out):
        assert x.dtype == dtype, f"out {name}"
    for array, gradient in zip(run.inputs, run.gradients, strict=True):
        if gradient is None:
            continue
        tree_map(lambda x, g: None, array, gradient)  # raises where the trees differ in build
        shapes = [(name, x.shape) for name, x in tree_items(array)
                  if not name or not name.endswith(case.frozen)]
        assert [(name, g.shape) for name, g in tree_items(gradient)] == shapes
        for name, g in tree_items(gradient):
            assert isinstance(g, np.ndarray) and g.dtype == dtype, f"gradient {name}"


def assert_float32_agrees(case):
    """The same numbers in float32 as in float64, to float32's precision."""
    single, double = run_case(case, np.float32), run_case(case)
    for part in ("out", "gradients"):
        exact = dict(tree_items(getattr(double, part)))
        for name, x in tree_items(getattr(single, part)):
            scale = max(1, np.max(np.abs(exact[name])))
            assert np.max(np.abs(x - exact[name])) < 2e-5 * scale, f"{part} {name}"


def assert_changes_nothing(case):
    """Neither forward nor backward writes to its arguments, nor backward to the cache."""
    originals = snapshot({"inputs": list(case.inputs), "options": case.options})
    run = run_case(case)
    assert snapshot({k: run.given[k] for k in ("inputs", "options")}) == originals
    assert snapshot(run.given) == run.before
    assert snapshot(run.cache) == run.kept
    # Arrays that cannot be written to will do. In a parameter tree they are frozen: they may do
    # without a gradient, and the others are the same to the bit.
    found, full = (snapshot(of.gradients) for of in (run_case(case, arrange=_read_only), run))
    assert found == {name: full[name] for name in found}
    for name in full.keys() - found.keys():
        number = int(name.partition(".")[0])
        in_a_tree = isinstance(case.inputs[number], (dict, list))
        assert in_a_tree or (case.pair, number) in MAY_GO_WITHOUT, name


def assert_ignores_memory_layout(case):
    """Arrays that do not lie in memory row by row give the same numbers."""
    plain, strided = run_case(case), run_case(case, arrange=_column_by_column)
    for part in ("out", "gradients"):
        expected = dict(tree_items(getattr(plain, part)))
        for name, x in tree_items(getattr(strided, part)):
            np.testing.assert_allclose(x, expected[name], rtol=1e-10, atol=1e-12,
                                       err_msg=f"{part} {name}")


def assert_cache_is_named(case):
    """The cache is a NamedTuple: a reader finds what was kept by name."""
    assert hasattr(type(run_case(case).cache), "_fields")


def _read_only(x):
    x = np.array(x)
    x.setflags(write=False)
    return x


def _column_by_column(x):
    return np.array(x, order="F")

"""The list of cases is complete, its inputs are fit to expose a mistake, and a mistake fails."""

import inspect

import numpy as np
import pytest

from minitransformer import functional, layers, models
from minitransformer.checks import all_cases, pair_names, print_checks, run_checks
from minitransformer.checks import functional as functional_cases
from minitransformer.checks import layers as layer_cases
from minitransformer.functional import linear_backward
from minitransformer.layers.options import ACTIVATIONS, NORM_PLACEMENTS, NORMS, TIED_EMBEDDINGS
from minitransformer.tree import tree_items

CASES = all_cases()
NO_BACKWARD = {"kv_cache"}  # decoding with a cache of keys and values has no backward
EVERY_CASE = pytest.mark.parametrize("case", [
    pytest.param(case, id=f"{case.pair}: {case.what}") for cases in CASES.values()
    for case in cases])


def test_every_exported_forward_has_a_case():
    for kind, package in (("pair", functional), ("layer", layers), ("model", models)):
        exported = {name for name, value in vars(package).items()
                    if name.endswith("_forward") and callable(value)}
        assert exported and exported == {f"{name}_forward" for k, name in CASES if k == kind}


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_every_keyword_leaves_its_default_in_some_case(kind, name):
    cases = CASES[kind, name]
    for parameter in inspect.signature(cases[0].forward).parameters.values():
        if parameter.kind is not parameter.KEYWORD_ONLY or parameter.name in NO_BACKWARD:
            continue
        given = [case.options[parameter.name] for case in cases if parameter.name in case.options]
        assert any(isinstance(value, np.ndarray) or value != parameter.default
                   for value in given), f"{name} is never checked with {parameter.name}"


def test_every_option_by_name_is_in_some_case():
    def seen(read):
        return {read(case.options) for cases in CASES.values() for case in cases
                if read(case.options) is not None}

    assert seen(lambda options: options.get("activation")) == set(ACTIVATIONS)
    configs = [case.options["config"] for name in ("encoder_block", "decoder_block")
               for case in CASES["layer", name]]
    assert {config.norm for config in configs} == set(NORMS)
    assert {config.norm_placement for config in configs} == set(NORM_PLACEMENTS)
    assert seen(lambda options: options.get("tied_embeddings")) == set(TIED_EMBEDDINGS)


def test_a_pair_without_a_case_is_an_error(monkeypatch):
    monkeypatch.setattr(functional, "swish_forward", lambda x: (x, None), raising=False)
    monkeypatch.setattr(functional, "swish_backward", lambda dout, cache: dout, raising=False)
    with pytest.raises(LookupError, match="minitransformer.functional exports swish_forward, but "
                                          "no check case covers it: add one to "
                                          "minitransformer.checks.functional"):
        all_cases()
    with pytest.raises(LookupError, match="swish_forward"):
        next(run_checks())


def test_a_forward_without_a_backward_is_an_error(monkeypatch):
    monkeypatch.setattr(layers, "swish_forward", lambda x: (x, None), raising=False)
    with pytest.raises(LookupError, match="exports swish_forward without its backward"):
        pair_names("layer")


@pytest.mark.parametrize("fault", [
    lambda dx, dw, db: (dx, dw, 2 * db), lambda dx, dw, db: (-dx, dw, db),
    lambda dx, dw, db: (dx, dw * (1 + 1e-11), db)])
def test_a_wrong_backward_fails_its_row(monkeypatch, capsys, fault):
    assert print_checks(only=["linear"])
    assert "All 1 rows pass." in capsys.readouterr().out

    def wrong(dout, cache):
        dx, dw, db = linear_backward(dout, cache)
        return fault(dx, dw, db) if db is not None else (dx, dw, db)

    monkeypatch.setattr(functional, "linear_backward", wrong)
    assert not print_checks(only=["linear", "relu"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.endswith("exceeds its bar") for line in lines if line.startswith("pair")] == [
        True, False]
    assert lines[-1].endswith("Exceeded by: linear.")


def test_a_row_gathers_all_cases_of_its_pair():
    (row,) = run_checks(only=["layer_norm"])
    assert (row.kind, row.name, row.cases, row.passed) == ("pair", "layer_norm", 3, True)
    assert row.coordinates == (64 + 8 + 8) + 64 + (40 + 8 + 8)
    assert 0 < row.complex_error < 1e-15 < row.central_error < 1e-9
    assert row.seconds > 0


def test_an_unknown_name_is_answered_with_the_list():
    with pytest.raises(ValueError, match="there is no pair named 'attenshun'; there are: "
                                         "add_and_norm, attention, "):
        next(run_checks(only=["softmax", "attenshun"]))


@EVERY_CASE
def test_no_axis_can_be_mistaken_for_another(case):
    for name, x in tree_items(list(case.inputs)):
        square = name.split(".")[-2:] in (["q", "w"], ["k", "w"], ["v", "w"], ["out", "w"])
        assert square or len(set(x.shape)) == x.ndim, f"{name} {x.shape}"


@pytest.mark.parametrize("module", [functional_cases, layer_cases])
def test_named_sizes_differ(module):
    sizes = [size for name, size in vars(module).items() if len(name) == 1 and name.isupper()]
    assert len(sizes) >= 7 and len(set(sizes)) == len(sizes) and 1 not in sizes


@EVERY_CASE
def test_inputs_hold_no_zeros_and_no_ones(case):
    for name, x in tree_items(list(case.inputs)):
        assert x.dtype == np.float64 and not np.isin(x, [0, 1]).any(), name


def test_cases_are_drawn_from_the_seed():
    again, other = all_cases(), all_cases(seed=1)
    for key, cases in CASES.items():
        for case, same, different in zip(cases, again[key], other[key], strict=True):
            assert case.what == same.what == different.what
            for (_, x), (_, y), (_, z) in zip(*(tree_items(list(c.inputs)) for c in (
                    case, same, different)), strict=True):
                assert np.array_equal(x, y) and x.shape == z.shape and not np.array_equal(x, z)


def test_another_seed_passes_too():
    assert all(row.passed for row in run_checks(seed=3, only=pair_names("pair")))

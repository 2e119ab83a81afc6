"""Layers whose parameters are frozen: no gradient for them, the same to the bit for all else."""

import contract
import numpy as np
import pytest

from minitransformer.layers import (
    tied_embeddings_backward, tied_embeddings_forward, token_embedding_backward,
    token_embedding_forward)
from minitransformer.tree import freeze, is_frozen, no_gradients, tree_items, tree_map

CASES = [case for case in contract.case_params("layer")
         if case.values[0].pair != "tied_embeddings"]


@pytest.mark.parametrize("case", CASES)
def test_a_frozen_layer_passes_gradients_on_and_makes_none(case):
    def gradients(arrange):
        inputs = [arrange(x) if isinstance(x, dict) else x for x in case.inputs]
        out, cache = case.forward(*inputs, **case.options)
        dout = tree_map(np.cos, out)
        before = tree_map(np.copy, dout)
        found = case.backward(dout, cache)
        tree_map(np.testing.assert_array_equal, dout, before)
        return found if isinstance(found, tuple) else (found,)

    full, frozen = gradients(lambda tree: tree), gradients(freeze)
    for x, gradient, without in zip(case.inputs, full, frozen, strict=True):
        if isinstance(x, dict):
            assert without == no_gradients(x) and (not x or list(tree_items(gradient)))
        else:
            assert np.array_equal(gradient, without)


@pytest.mark.parametrize("part", ["table", "positions"])
def test_a_table_and_its_positions_are_frozen_apart(part):
    case, = [c.values[0] for c in CASES if c.values[0].what == "learned positions"]
    (params,), options = case.inputs, case.options
    out, cache = token_embedding_forward(params, **options)
    full = token_embedding_backward(np.cos(out), cache)
    _, cache = token_embedding_forward({**params, part: freeze(params[part])}, **options)
    found = token_embedding_backward(np.cos(out), cache)
    assert found.pop(part) is None and full.pop(part).any()
    (name, gradient), = found.items()
    assert np.array_equal(gradient, full[name])


@pytest.mark.parametrize("name", ["output", "all"])
def test_a_frozen_table_that_is_tied_stays_frozen_in_every_place(name):
    table = np.ones((5, 3))
    params = {"encoder": {}, "decoder": {"embedding": {"table": freeze(table)}}}
    if name == "output":
        params["encoder"]["embedding"] = {"table": table}
    full, cache = tied_embeddings_forward(params, tied_embeddings=name)
    assert is_frozen(full["decoder"]["output"])
    assert is_frozen(full["encoder"]["embedding"]) == (name == "all")
    gradient = no_gradients(full)
    if name == "output":
        gradient["encoder"]["embedding"]["table"] = table
    assert tied_embeddings_backward(gradient, cache) == {
        **no_gradients(params), **({"encoder": gradient["encoder"]} if name == "output" else {})}

import numpy as np
import pytest

from minitransformer.layers import tied_embeddings_backward, tied_embeddings_forward

RNG = np.random.default_rng(0)
TABLE, OTHER = RNG.normal(size=(2, 7, 4))
OUTPUT = {"w": RNG.normal(size=(4, 7)), "b": RNG.normal(size=7)}


def make_params(tied):
    params = {"encoder": {"embedding": {"table": OTHER}, "norm": {"gain": np.ones(4)}},
              "decoder": {"embedding": {"table": TABLE}, "output": OUTPUT}}
    if tied != "none":
        del params["decoder"]["output"]
    if tied == "all":
        del params["encoder"]["embedding"]
    return params


@pytest.mark.parametrize("tied", ["none", "output", "all"])
def test_the_full_tree(tied):
    params = make_params(tied)
    full, _ = tied_embeddings_forward(params, tied_embeddings=tied)
    assert full["decoder"]["embedding"]["table"] is TABLE
    assert full["encoder"]["embedding"]["table"] is (TABLE if tied == "all" else OTHER)
    assert full["encoder"]["norm"] is params["encoder"]["norm"]
    if tied == "none":
        assert full["decoder"]["output"] is OUTPUT
    else:
        assert list(full["decoder"]["output"]) == ["w"]
        assert np.array_equal(full["decoder"]["output"]["w"], TABLE.T)
        assert np.shares_memory(full["decoder"]["output"]["w"], TABLE)
    assert params.keys() == make_params(tied).keys()  # the given dicts are left as they were
    assert params["decoder"].keys() == make_params(tied)["decoder"].keys()


@pytest.mark.parametrize("tied", ["none", "output", "all"])
def test_a_shared_table_gets_the_sum_of_its_gradients(tied):
    _, cache = tied_embeddings_forward(make_params(tied), tied_embeddings=tied)
    dfull = {"encoder": {"embedding": {"table": np.full((7, 4), 100.0)}, "norm": {}},
             "decoder": {"embedding": {"table": np.full((7, 4), 1.0)},
                         "output": {"w": 10 * OUTPUT["w"]}}}
    dparams = tied_embeddings_backward(dfull, cache)
    dtable = dparams["decoder"]["embedding"]["table"]
    expected = np.ones((7, 4))
    if tied != "none":
        expected = expected + 10 * OUTPUT["w"].T
    if tied == "all":
        expected = expected + 100
    np.testing.assert_allclose(dtable, expected, rtol=1e-15)
    assert ("output" in dparams["decoder"]) == (tied == "none")
    assert ("embedding" in dparams["encoder"]) == (tied != "all")
    assert "output" in dfull["decoder"] and "embedding" in dfull["encoder"]

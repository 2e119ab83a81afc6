import math
from types import SimpleNamespace

import numpy as np
import pytest

from minitransformer.functional import sinusoidal_positions
from minitransformer.layers import (
    token_embedding_backward,
    token_embedding_forward,
    token_embedding_init,
)

IDS = np.array([[3, 1, 3], [0, 2, 4]])


def make_config(**changes):
    base = {"d_model": 6, "max_seq_len": 8, "dropout": 0.5, "positions": "sinusoidal",
            "scale_embeddings": True}
    return SimpleNamespace(**{**base, **changes})


def make_params(dtype=np.float64):
    return token_embedding_init(np.random.default_rng(0), vocab_size=5, d_model=6, dtype=dtype)


def test_init_makes_scaled_rows_of_unit_size():
    params = token_embedding_init(np.random.default_rng(0), vocab_size=400, d_model=64)
    table = params["table"]
    assert list(params) == ["table"]
    assert table.shape == (400, 64) and table.dtype == np.float32
    assert abs((table * 8).std() - 1) < 0.02 and abs((table * 8).mean()) < 0.02


def test_value_is_scaled_row_plus_position():
    params = make_params()
    x, _ = token_embedding_forward(params, ids=IDS, config=make_config())
    for b, t in np.ndindex(2, 3):
        expected = math.sqrt(6) * params["table"][IDS[b, t]] + sinusoidal_positions(8, 6)[t]
        np.testing.assert_allclose(x[b, t], expected, rtol=1e-14)


def test_a_later_start_goes_on_where_the_first_part_ended():
    params, config = make_params(), make_config()
    whole, _ = token_embedding_forward(params, ids=IDS, config=config)
    rest, _ = token_embedding_forward(params, ids=IDS[:, 1:], config=config, start=1)
    assert np.array_equal(rest, whole[:, 1:])


def test_without_positions_equal_tokens_are_equal():
    x, _ = token_embedding_forward(make_params(), ids=IDS, config=make_config(positions="none"))
    assert np.array_equal(x[0, 0], x[0, 2])
    np.testing.assert_allclose(x[0, 0], math.sqrt(6) * make_params()["table"][3], rtol=1e-15)


def test_gradient_adds_over_repeated_ids():
    config = make_config()
    _, cache = token_embedding_forward(make_params(), ids=IDS, config=config)
    dparams = token_embedding_backward(np.ones((2, 3, 6)), cache)
    counts = np.array([1, 1, 1, 2, 1])[:, None]
    np.testing.assert_allclose(dparams["table"], math.sqrt(6) * counts * np.ones(6), rtol=1e-15)


def test_dropout_acts_on_the_sum_by_the_key_and_site_0():
    params, config = make_params(), make_config()
    whole, _ = token_embedding_forward(params, ids=IDS, config=config)
    x, cache = token_embedding_forward(params, ids=IDS, config=config, dropout_key=(1, 2, 3))
    keep = np.random.default_rng([1, 2, 3, 0]).random(x.shape, dtype=np.float32) >= 0.5
    np.testing.assert_allclose(x, np.where(keep, 2 * whole, 0), rtol=1e-15)
    dtable = token_embedding_backward(np.ones_like(x), cache)["table"]
    np.testing.assert_allclose(dtable[3], 2 * math.sqrt(6) * (1.0 * keep[0, 0] + keep[0, 2]),
                               rtol=1e-15)


def test_the_longest_sequence_fits_and_no_longer_one():
    params, config = make_params(), make_config(max_seq_len=3)
    token_embedding_forward(params, ids=IDS, config=config)
    with pytest.raises(ValueError, match="the sequence has 4 tokens, but max_seq_len is 3"):
        token_embedding_forward(params, ids=IDS, config=config, start=1)


def test_bad_ids_are_named():
    with pytest.raises(ValueError, match=r"ids has shape \(3,\), expected \(B, T\)"):
        token_embedding_forward(make_params(), ids=IDS[0], config=make_config())
    with pytest.raises(ValueError, match="ids holds the id 5, but there are 5 entries"):
        token_embedding_forward(make_params(), ids=IDS + 1, config=make_config())

"""Shards and their joining, and what cannot be shared; no MPI is needed."""

from types import SimpleNamespace

import numpy as np
import pytest

from minitransformer.models import DecoderOnly, DecoderOnlyConfig
from minitransformer.parallel import TensorParallel
from minitransformer.parallel.shards import first_id, join, shard
from minitransformer.tree import freeze, tree_items, tree_size

LLAMA = {"activation": "swiglu", "norm": "rms", "positions": "rotary", "n_kv_heads": 2,
         "tied_embeddings": "none"}
GPT = {"activation": "gelu_tanh", "positions": "learned"}


def model(**changes):
    sizes = {"d_model": 8, "n_heads": 4, "n_layers": 2, "d_ff": 12, "max_seq_len": 6, **changes}
    made = DecoderOnly(DecoderOnlyConfig(11, **sizes), seed=0)
    rng = np.random.default_rng(1)
    for _, x in tree_items(made.params):
        x[...] = rng.normal(size=x.shape)
    return made


@pytest.mark.parametrize("changes, size", [(LLAMA, 1), (LLAMA, 2), (GPT, 2), (GPT, 4)])
def test_the_parts_joined_are_the_whole(changes, size):
    made = model(**changes)
    shards = [shard(made.params, rank, size, config=made.config) for rank in range(size)]
    whole = dict(tree_items(join(shards, config=made.config)))
    for name, x in tree_items(made.params):
        assert np.array_equal(whole[name], x), name
        assert not any(np.shares_memory(x, y) for y in dict(tree_items(shards[0])).values())
    if size > 1:
        assert tree_size(shards[0]) < 0.6 * tree_size(made.params)


def test_each_process_has_its_part_of_gate_and_of_up():
    made = model(**LLAMA)
    up = made.params["blocks"][0]["feed_forward"]["up"]["w"]            # (8, 24)
    mine = shard(made.params, 1, 2, config=made.config)["blocks"][0]["feed_forward"]["up"]["w"]
    assert np.array_equal(mine, np.hstack([up[:, 6:12], up[:, 18:24]]))


def test_heads_stay_whole_and_the_vocabulary_may_be_uneven():
    made = model(**GPT)
    mine = shard(made.params, 2, 4, config=made.config)
    assert np.array_equal(mine["blocks"][1]["attention"]["out"]["w"],
                          made.params["blocks"][1]["attention"]["out"]["w"][4:6])
    table = made.params["embedding"]["table"]
    assert np.array_equal(mine["embedding"]["table"], table[6:9]) and first_id(11, 2, 4) == 6
    assert [first_id(11, rank, 4) for rank in range(5)] == [0, 3, 6, 9, 11]


@pytest.mark.parametrize("changes, size, words", [
    ({}, 3, "n_heads is 4, which 3 processes cannot share evenly"),
    (LLAMA, 4, "n_kv_heads is 2, which 4 processes"),
    ({"d_ff": 10}, 4, "d_ff is 10, which 4 processes"),
    ({"n_heads": 16, "d_model": 16, "d_ff": 16}, 16, "vocab_size is 11, too few for 16"),
])
def test_what_cannot_be_shared_is_refused_by_name(changes, size, words):
    with pytest.raises(ValueError, match=words):
        TensorParallel(model(**changes), comm=SimpleNamespace(rank=0, size=size))


def test_a_process_may_have_a_single_id():
    made = DecoderOnly(DecoderOnlyConfig(4, d_model=4, n_heads=4, n_layers=1, d_ff=4))
    assert [len(shard(made.params, rank, 4, config=made.config)["embedding"]["table"])
            for rank in range(4)] == [1, 1, 1, 1]


def test_frozen_arrays_and_adapters_are_refused():
    made = model()
    with pytest.raises(ValueError, match="'output.gain' is frozen"):
        shard(freeze({"output": {"gain": np.ones(3)}}), 0, 2, config=made.config)
    made.params["blocks"][0]["attention"]["q"]["down"] = np.ones((8, 2))
    with pytest.raises(ValueError, match="merge adapters before sharding"):
        shard(made.params, 0, 2, config=made.config)

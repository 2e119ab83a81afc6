"""On every process: a tensor-parallel decoder equals one process's, gathered; and complex steps."""

import numpy as np
from small_runs import Uneven, written

from minitransformer.checks.case import randomize
from minitransformer.functional import cross_entropy_forward
from minitransformer.gradient_check import assert_gradients
from minitransformer.models import DecoderOnly, DecoderOnlyConfig, decoder_only_init
from minitransformer.parallel import TensorParallelDecoderOnly, ending_together, world
from minitransformer.parallel.shards import gather, shard
from minitransformer.parallel.split_layers import (
    split_attention_backward, split_attention_forward, split_feed_forward_backward,
    split_feed_forward_forward)
from minitransformer.parallel.vocabulary import (
    vocabulary_cross_entropy_backward, vocabulary_cross_entropy_forward)
from minitransformer.training import AdamW
from minitransformer.tree import tree_items

comm = world()
BAR = 1e-10
SIZES = {"d_model": 16, "n_heads": 8, "n_layers": 2, "d_ff": 12, "max_seq_len": 12, "dropout": 0.2}
CONFIGS = {
    "gpt": {"activation": "gelu_tanh", "positions": "learned"},
    "llama, recomputed": {"norm": "rms", "activation": "swiglu", "positions": "rotary",
                          "n_kv_heads": 4, "tied_embeddings": "none", "bias": False,
                          "recompute": True},
    "own output, swiglu with biases": {"activation": "swiglu", "tied_embeddings": "none"},
    "post-norm, alibi": {"norm_placement": "post", "positions": "alibi", "activation": "silu"},
    "blockwise alibi, no id is padding": {"positions": "alibi", "attention": "blockwise",
                                          "scale_embeddings": False, "pad_id": -1},
}


def equal_to_one_process(what, changes):
    config = DecoderOnlyConfig(11, **{**SIZES, **changes})
    rng = np.random.default_rng(4)
    alone = DecoderOnly.of(config, randomize(rng, decoder_only_init(rng, config=config,
                                                                    dtype=np.float64)))
    split = TensorParallelDecoderOnly(alone, comm=comm)
    assert split.params["blocks"][0]["attention"]["q"]["w"].shape == (16, 16 // comm.size)
    for (name, x), (_, expected) in zip(tree_items(split.whole().params),
                                        tree_items(alone.params), strict=True):
        assert np.array_equal(x, expected), name
    optimizers = [AdamW(model.params, lr=1e-2) for model in (split, alone)]
    worst = 0.0
    for step in range(3):
        batch = Uneven(written).batch(step + 1)
        assert abs(split.loss(batch) - alone.loss(batch)) < BAR
        options = {"dropout_seed": (6, step), "label_smoothing": 0.1 * step,
                   "normalizer": 7 if step == 2 else None}
        loss, grads = split.loss_and_grads(batch, **options)
        own_loss, own_grads = alone.loss_and_grads(batch, **options)
        assert abs(loss - own_loss) < BAR, what
        joined = dict(tree_items(gather(grads, config=config, comm=comm)))
        for name, expected in tree_items(own_grads):
            gap = np.linalg.norm(joined[name] - expected)
            scale = np.linalg.norm(expected)
            if not name.endswith("k.b"):  # 0 in theory
                gap /= scale
                worst = max(worst, gap)
            assert gap < BAR, (what, name, gap)
        for name, x in tree_items(grads):  # what is whole is the same on all, to the bit
            if name.endswith(("gain", "bias", "out.b", "down.b", "positions")):
                assert len(set(comm.allgather(x.tobytes()))) == 1, name
        for optimizer, found in zip(optimizers, (grads, own_grads)):
            optimizer.step(found)
    if comm.rank == 0:
        print(f"{what}: worst gradient {worst:.1e}", flush=True)


def columns(x, axis=-1):
    return np.array_split(x, comm.size, axis)[comm.rank]


def loss_of_split_logits():
    """Complex step through max, sum and the target's logit; -1 does not count."""
    targets = np.array([[3, 0, -1, 10], [4, 9, 10, -1]])
    options = {"ignore_index": -1, "label_smoothing": 0.2, "normalizer": 5}
    first = sum(len(part) for part in np.array_split(np.arange(11), comm.size)[:comm.rank])

    def forward(logits):
        return vocabulary_cross_entropy_forward(
            columns(logits), targets=targets, first=first, vocab_size=11, comm=comm, **options)

    def backward(dout, cache):
        parts = comm.allgather(vocabulary_cross_entropy_backward(dout, cache))
        return np.concatenate(parts, axis=-1)

    logits = np.random.default_rng(1).normal(size=(2, 4, 11))
    assert_gradients(forward, backward, logits)
    expected = cross_entropy_forward(800 * logits, targets=targets, **options)[0]
    assert np.allclose(forward(800 * logits)[0], expected, rtol=1e-13)  # exp alone would overflow
    for bad, error in ((targets + 1, "holds the id 11"), (targets[:1], "must be the same")):
        try:
            vocabulary_cross_entropy_forward(columns(logits), targets=bad, first=first,
                                             vocab_size=11, comm=comm)
        except ValueError as found:
            assert error in str(found), found
        else:
            raise AssertionError(f"accepted: {error}")


def split_branches():
    """Complex step through a split feed-forward and a split attention, every array whole."""
    rng = np.random.default_rng(2)
    config = DecoderOnlyConfig(11, **{**SIZES, "n_layers": 1, "n_kv_heads": 4,
                                      "activation": "swiglu", "positions": "alibi"})
    block = randomize(rng, decoder_only_init(rng, config=config, dtype=np.float64))["blocks"][0]
    branches = [("feed_forward", split_feed_forward_forward, split_feed_forward_backward,
                 {"activation": "swiglu"}, ()),
                ("attention", split_attention_forward, split_attention_backward,
                 {"config": config, "causal": True}, ("k.b",))]
    for branch in branches:
        prove_branch(config, block, rng.normal(size=(2, 3, 16)), *branch)


def prove_branch(config, block, x, name, split_forward, split_backward, options, zero):
    def forward(params, x):
        mine = shard({name: params}, comm.rank, comm.size, config=config)[name]
        return split_forward(mine, x, comm=comm, **options)

    def backward(dout, cache):
        dparams, dx = split_backward(dout, cache)
        return gather({name: dparams}, config=config, comm=comm)[name], dx

    assert_gradients(forward, backward, block[name], x, max_coordinates=64, zero=zero)


with ending_together(comm):
    for item in CONFIGS.items():
        equal_to_one_process(*item)
    loss_of_split_logits()
    split_branches()
    comm.Barrier()  # all have come so far
    if comm.rank == 0:
        print("ok", flush=True)

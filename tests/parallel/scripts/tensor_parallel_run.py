"""On every process: a tensor-parallel model equals one process's, gathered; and complex steps."""

import numpy as np
from small_runs import make

from minitransformer.checks.case import randomize
from minitransformer.functional import cross_entropy_forward
from minitransformer.gradient_check import assert_gradients
from minitransformer.models import DecoderOnlyConfig, decoder_only_init
from minitransformer.parallel import TensorParallel, ending_together, world
from minitransformer.parallel.shards import gather, norm_of_all, shard
from minitransformer.parallel.split_layers import (
    split_attention_backward, split_attention_forward, split_feed_forward_backward,
    split_feed_forward_forward)
from minitransformer.parallel.vocabulary import (
    vocabulary_cross_entropy_backward, vocabulary_cross_entropy_forward)
from minitransformer.training import AdamW
from minitransformer.tree import tree_items, tree_norm

comm = world()
BAR = 1e-10
SIZES = {"d_model": 16, "n_heads": 8, "n_layers": 2, "d_ff": 12, "max_seq_len": 12, "dropout": 0.2}
SWIGLU = {"activation": "swiglu", "tied_embeddings": "none"}
MODELS = {
    "gpt": ("decoder_only", {"activation": "gelu_tanh", "positions": "learned"}),
    "llama, recomputed": ("decoder_only", {**SWIGLU, "norm": "rms", "positions": "rotary",
                                           "n_kv_heads": 4, "bias": False, "recompute": True}),
    "own output, swiglu with biases": ("decoder_only", SWIGLU),
    "post-norm, alibi": ("decoder_only", {"norm_placement": "post", "positions": "alibi",
                                          "activation": "silu"}),
    "blockwise alibi, no id is padding": ("decoder_only", {
        "positions": "alibi", "attention": "blockwise", "scale_embeddings": False, "pad_id": -1}),
    "the paper's": ("encoder_decoder", {"norm_placement": "post", "tied_embeddings": "output"}),
    "one table, alibi, swiglu": ("encoder_decoder", {
        "tgt_vocab_size": 11, "tied_embeddings": "all", "positions": "alibi",
        "activation": "swiglu", "n_kv_heads": 4}),
    "learned places, recomputed": ("encoder_decoder", {
        "tgt_vocab_size": 11, "tied_embeddings": "all", "positions": "learned",
        "recompute": True, "norm": "rms"}),
    "rotary, blockwise": ("encoder_decoder", {"positions": "rotary", "attention": "blockwise"}),
    "classes of ids": ("encoder_only", {"positions": "learned"}),
    "classes of features": ("features", {"positions": "alibi", "activation": "swiglu",
                                         "recompute": True}),
    "masked words, as bert": ("masked words", {"norm_placement": "post", "embedding_norm": True,
                                               "tied_embeddings": "output"}),
    "masked words, own output": ("masked words", {"positions": "rotary", "n_kv_heads": 4}),
}


def equal_to_one_process(what, kind, changes):
    alone, _, batches = make(kind, **{**SIZES, **changes})
    config = alone.config
    alone.params = randomize(np.random.default_rng(4), alone.params)
    split = TensorParallel(alone, comm=comm)
    assert dict(tree_items(split.params))[f"{first_block(kind)}.w"].shape == (16, 16 // comm.size)
    for (name, x), (_, expected) in zip(tree_items(split.whole().params),
                                        tree_items(alone.params), strict=True):
        assert np.array_equal(x, expected), name
    optimizers = [AdamW(model.params, lr=1e-2) for model in (split, alone)]
    worst = 0.0
    for step in range(2):
        batch = batches.batch(step + 1)
        if step and hasattr(batch, "tgt"):  # what causality does not hide, the padding mask must
            batch.tgt[0, 0] = 0
        assert abs(split.loss(batch) - alone.loss(batch)) < BAR, what
        options = {"dropout_seed": (6, step), "label_smoothing": 0.1 + step / 10,
                   "normalizer": 7 if step else None}
        loss, grads = split.loss_and_grads(batch, **options)
        own_loss, own_grads = alone.loss_and_grads(batch, **options)
        assert abs(loss - own_loss) < BAR, what
        expected = tree_norm(own_grads)
        assert abs(norm_of_all(grads, config=config, comm=comm) - expected) < BAR * expected, what
        joined = dict(tree_items(gather(grads, config=config, comm=comm)))
        assert list(joined) == [name for name, _ in tree_items(own_grads)], what
        for name, expected in tree_items(own_grads):
            gap = np.linalg.norm(joined[name] - expected)
            scale = np.linalg.norm(expected)
            if not name.endswith("k.b"):  # 0 in theory
                gap /= scale
                worst = max(worst, gap)
            assert gap < BAR, (what, name, gap)
        for name, x in tree_items(grads):  # what is whole is the same on all, to the bit
            if name.endswith(("gain", "bias", "out.b", "down.b", "positions", "embedding.w")):
                assert len(set(comm.allgather(x.tobytes()))) == 1, name
        for optimizer, found in zip(optimizers, (grads, own_grads)):
            optimizer.step(found)
    if comm.rank == 0:
        print(f"{what}: worst gradient {worst:.1e}", flush=True)


def first_block(kind):
    return {"encoder_decoder": "decoder.blocks.0.cross_attention.q"}.get(kind,
                                                                         "blocks.0.attention.q")


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
                 {"config": config}, ()),
                ("attention", split_attention_forward, split_attention_backward,
                 {"config": config, "causal": True}, ("k.b",))]
    for branch in branches:
        prove_branch(config, block, rng.normal(size=(2, 3, 16)), *branch)


def prove_branch(config, block, x, name, split_forward, split_backward, options, zero):
    def forward(params, x):
        mine = shard({name: params}, comm.rank, comm.size, config=config)[name]
        return split_forward(mine, x, comm=comm, **options)

    def backward(dout, cache):
        dparams, dx, *_ = split_backward(dout, cache)
        return gather({name: dparams}, config=config, comm=comm)[name], dx

    assert_gradients(forward, backward, block[name], x, max_coordinates=64, zero=zero)


with ending_together(comm):
    for item in MODELS.items():
        equal_to_one_process(item[0], *item[1])
    loss_of_split_logits()
    split_branches()
    comm.Barrier()  # all have come so far
    if comm.rank == 0:
        print("ok", flush=True)

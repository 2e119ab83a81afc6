"""No pair on several processes writes into what it is given. Threads play the processes."""

from functools import partial

import numpy as np
import pytest

from minitransformer.models import (
    DecoderOnly, DecoderOnlyConfig, EncoderDecoder, EncoderDecoderConfig, EncoderOnly,
    EncoderOnlyConfig)
from minitransformer.parallel import (
    collectives, mean_over_all, ring_attention, ring_shift, split_blocks, split_ends, split_layers,
    split_models, vocabulary)
from minitransformer.parallel.shards import first_id, shard
from minitransformer.teaching.thread_processes import together
from minitransformer.training.watch import arrays_in
from minitransformer.tree import tree_map

SIZES = {"d_model": 8, "n_heads": 2, "n_layers": 2, "d_ff": 6, "max_seq_len": 7}
ONE, TWO = DecoderOnlyConfig(11, **SIZES), EncoderDecoderConfig(11, 11, **SIZES)
CLASSES = EncoderOnlyConfig(vocab_size=11, n_classes=5, **SIZES)
IDS = np.array([[3, 10, 4, 5, 0], [6, 7, 8, 0, 0]])                     # (B, T)


def calls(comm):
    """{name of a pair: (its module, its differentiable inputs, its options)}, on this process."""
    rng = np.random.default_rng([5, comm.rank])
    one, two, classes = (
        shard(kind(config, dtype=np.float64).params, comm.rank, comm.size, config=config)
        for kind, config in ((DecoderOnly, ONE), (EncoderDecoder, TWO), (EncoderOnly, CLASSES)))
    block, x = one["blocks"][0], rng.normal(size=(2, 5, 8))             # (B, T, D)
    own = {"config": ONE, "comm": comm}
    q, k, v = rng.normal(size=(3, 2, 2, 5, 4))                          # (B, H, T, K) each
    first = first_id(11, comm.rank, comm.size)
    table = one["embedding"]["table"]                                   # (V_r, D)
    return {
        "copy_to_all": (collectives, (x,), {}),
        "sum_over_all": (collectives, (x,), {}),
        "ring_shift": (ring_shift, (x,), {}),
        "ring_attention": (ring_attention, (q, k, v), {"causal": True}),
        "mean_over_all": (mean_over_all, (x,), {"mask": IDS > 0}),
        "column_parallel": (split_layers, (block["feed_forward"]["up"], x), {}),
        "row_parallel": (split_layers, (block["attention"]["out"], x[..., :4]), {}),
        "split_feed_forward": (split_layers, (block["feed_forward"], x), {"config": ONE}),
        "split_attention": (split_layers, (block["attention"], x), {"config": ONE}),
        "split_encoder_block": (split_blocks, (block, x), own),
        "split_decoder_block": (split_blocks, (two["decoder"]["blocks"][0], x, x[:, :3]),
                                {"config": TWO}),
        "split_blocks": (split_blocks, (one["blocks"], x), own),
        "vocabulary_embedding": (vocabulary, (table,), {"ids": IDS, "first": first}),
        "vocabulary_cross_entropy": (vocabulary, (x @ table.T,), {
            "targets": IDS, "first": first, "vocab_size": 11}),
        "batch_table": (split_ends, (one["embedding"],), {"ids": IDS, "vocab_size": 11}),
        "split_head": (split_ends, (one, x, table), own),
        "split_decoder_only": (split_models, (one,), {"ids": IDS, **own}),
        "split_encoder_only": (split_models, (classes,), {"ids": IDS, "mask": IDS > 0,
                                                          "config": CLASSES}),
        "split_encoder_decoder": (split_models, (two,), {"src": IDS, "tgt": IDS, "config": TWO}),
    }


@pytest.mark.parametrize("name", together(1, calls)[0])
def test_a_pair_changes_nothing(name):
    def work(comm):
        module, inputs, options = calls(comm)[name]
        before = numbers(inputs)
        forward = partial(getattr(module, f"{name}_forward"), **{"comm": comm, **options})
        out, cache = forward(*inputs)
        assert numbers(inputs) == before
        rng = np.random.default_rng(6)  # the same on all processes, as some of them must be
        dout = tree_map(lambda y: rng.normal(size=np.shape(y)), out)
        for _, x in arrays_in(dout):
            if isinstance(x, np.ndarray):
                x.setflags(write=False)
        backward, kept = getattr(module, f"{name}_backward"), numbers((inputs, out, cache))
        gradients = numbers(backward(dout, cache))
        assert numbers((inputs, out, cache)) == kept
        assert gradients and numbers(backward(dout, cache)) == gradients

    together(2, work)


def numbers(value):
    """The bytes of every array in nested tuples, lists and dicts."""
    return [x.tobytes() for _, x in arrays_in(value)]

"""Lesson 08's exercise on the way back through a decoder block."""

import numpy as np

from minitransformer.layers import (
    add_and_norm_backward,
    decoder_block_forward,
    decoder_block_init,
    feed_forward_backward,
    multi_head_attention_backward,
)
from minitransformer.teaching.causal_blocks import BlockConfig
from minitransformer.teaching.exercise import Mistake, Prediction, call, pair_exercise
from minitransformer.tree import tree_map


def my_decoder_block_backward(dout, cache):
    """dout (B, T, D) -> dparams, dx (B, T, D), dmemory (B, S, D)."""
    before, dparams = cache.before, {}
    dparams["after_feed_forward"], dx_skip, dbranch = add_and_norm_backward(
        dout, cache.after_feed_forward)
    dparams["feed_forward"], dinside = feed_forward_backward(dbranch, cache.feed_forward)
    dparams["before_feed_forward"], dx_branch = before.backward(dinside, cache.before_feed_forward)
    dx = dx_skip + dx_branch

    dparams["after_cross_attention"], dx_skip, dbranch = add_and_norm_backward(
        dx, cache.after_cross_attention)
    dparams["cross_attention"], dinside, dmemory = multi_head_attention_backward(
        dbranch, cache.cross_attention)
    dparams["before_cross_attention"], dx_branch = before.backward(
        dinside, cache.before_cross_attention)
    dx = dx_skip + dx_branch

    dparams["after_self_attention"], dx_skip, dbranch = add_and_norm_backward(
        dx, cache.after_self_attention)
    dparams["self_attention"], dinside, _ = multi_head_attention_backward(
        dbranch, cache.self_attention)
    dparams["before_self_attention"], dx_branch = before.backward(
        dinside, cache.before_self_attention)
    return dparams, dx_skip + dx_branch, dmemory


def decoder_block_mistake(fault):
    """my_decoder_block_backward with one thing wrong."""
    def backward(dout, cache):
        dparams, dx, dmemory = {}, dout, None
        for name in ("feed_forward", "cross_attention", "self_attention"):
            arriving = dout if fault == f"dout at {name}" else dx
            dafter, dx_skip, dbranch = add_and_norm_backward(
                arriving, getattr(cache, f"after_{name}"))
            inside = getattr(cache, name)
            if fault == f"dx into {name}":
                dbranch = arriving
            if name == "feed_forward":
                dsublayer, dinside = feed_forward_backward(dbranch, inside)
            else:
                dsublayer, dinside, found = multi_head_attention_backward(dbranch, inside)
                dmemory = found if name == "cross_attention" else dmemory
            dbefore, dx_branch = cache.before.backward(dinside, getattr(cache, f"before_{name}"))
            if fault == f"no norm before {name}":
                dx_branch = dinside
            dx = dx_branch if fault == f"no skip at {name}" else dx_skip + dx_branch
            dparams |= {f"before_{name}": dbefore, name: dsublayer, f"after_{name}": dafter}
        if fault == "dmemory of self-attention":
            dmemory = None
        if fault == "dmemory twice":
            dmemory = 2 * dmemory
        return dparams, dx, dmemory
    return backward


def decoder_block_inputs(rng):
    """Pre- and post-norm, with dropout. The keys have no bias: its gradient is 0 in theory."""
    for placement in ("pre", "post"):
        config = BlockConfig(d_model=6, n_heads=2, d_ff=5, dropout=0.3, norm_placement=placement)
        params = tree_map(lambda w: rng.normal(size=w.shape),
                          decoder_block_init(rng, config=config, dtype=np.float64))
        for name in ("self_attention", "cross_attention"):
            del params[name]["k"]["b"]
        yield call(params, rng.normal(size=(2, 4, 6)), rng.normal(size=(2, 3, 6)), config=config,
                   dropout_key=(0, 1, 2))


ITEMS = (
    pair_exercise(
        "8.3", "the backward of a decoder block", 15,
        forward=decoder_block_forward,
        solution=my_decoder_block_backward,
        builds="decoder_block_backward",
        names="params x memory",
        inputs=decoder_block_inputs,
        mistakes=(
            Mistake(decoder_block_mistake("no skip at self_attention"),
                    "At the lowest sum dx_skip is missing: x went past self-attention too."),
            Mistake(decoder_block_mistake("no skip at cross_attention"),
                    "Below cross-attention dx_skip is missing: only what came through the branch "
                    "is handed on."),
            Mistake(decoder_block_mistake("no skip at feed_forward"),
                    "Below feed-forward dx_skip is missing: only what came through the branch is "
                    "handed on."),
            Mistake(decoder_block_mistake("dout at cross_attention"),
                    "Cross-attention's part gets dout, but between the two stands feed-forward: "
                    "hand on the sum that you have made there."),
            Mistake(decoder_block_mistake("dout at self_attention"),
                    "Self-attention's part gets dout: hand on the sum that you have made at "
                    "cross-attention."),
            Mistake(decoder_block_mistake("dx into cross_attention"),
                    "Into cross-attention's backward goes the dbranch that add_and_norm_backward "
                    "returns: dx has not passed the joint yet."),
            Mistake(decoder_block_mistake("no norm before self_attention"),
                    "At self-attention dinside is added as it is: first it passes the norm in "
                    "front of the sublayer."),
            Mistake(decoder_block_mistake("no norm before cross_attention"),
                    "At cross-attention dinside is added as it is: first it passes the norm in "
                    "front of the sublayer."),
            Mistake(decoder_block_mistake("dmemory of self-attention"),
                    "Self-attention has no memory, and returns None for it. Keep cross-attention's "
                    "third result under a name that is not written over."),
            Mistake(decoder_block_mistake("dmemory twice"),
                    "The keys' and the values' shares are added inside "
                    "multi_head_attention_backward already."),
        ),
        hints=("Three times the same three lines, from the last part of the forward to the first: "
               "the joint, the sublayer, the norm in front. Then the sum of skip and branch, which "
               "goes into the next part.",
               "For feed-forward: dafter, dx_skip, dbranch = add_and_norm_backward(dout, "
               "cache.after_feed_forward); dff, dinside = feed_forward_backward(dbranch, "
               "cache.feed_forward); dbefore, dx_branch = cache.before.backward(dinside, "
               "cache.before_feed_forward); dx = dx_skip + dx_branch.",
               "Cross-attention: the same with multi_head_attention_backward, whose three results "
               "are dparams, dinside, dmemory. Self-attention: the same again, the third is None."),
    ),
    Prediction(
        "8.4", "Six decoder blocks, untrained. How many times as long as one block's share "
        "(on average) is their sum, the memory's gradient?",
        answer=2.55,
        because="It is near the root of 6, 2.45. The shares point in unrelated directions, and "
                "then squared lengths add, not lengths.",
    ),
)

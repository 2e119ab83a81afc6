"""Lesson 07's exercises on the block: add and norm, and three broken blocks."""

import functools

import numpy as np

from minitransformer.functional import dropout_backward, dropout_forward, residual_backward
from minitransformer.layers import (
    add_and_norm_backward,
    add_and_norm_forward,
    feed_forward_backward,
    multi_head_attention_backward,
)
from minitransformer.layers.options import IDENTITY, NORMS
from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, call, pair_exercise


def my_add_and_norm_backward(dout, cache):
    """dout (B, T, D) -> dparams, dx (B, T, D), dbranch (B, T, D)."""
    dparams, dtotal = cache.after.backward(dout, cache.norm)
    dx, dbranch = residual_backward(dtotal, cache.residual)
    dbranch = dropout_backward(dbranch, cache.dropout)
    return dparams, dx, dbranch


def block_backward(dout, cache, *, fault):
    """encoder_block_backward of a pre-norm block, with the line A, B or D wrong."""
    before = cache.before
    after_feed_forward, dx_skip, dbranch = add_and_norm_backward(dout, cache.after_feed_forward)
    if fault == "A":  # the other site's mask
        dbranch = dropout_backward(dx_skip, cache.after_attention.dropout)
    dfeed_forward, dinside = feed_forward_backward(dbranch, cache.feed_forward)
    before_feed_forward, dx_branch = before.backward(dinside, cache.before_feed_forward)
    dx = dx_branch if fault == "B" else dx_skip + dx_branch
    after_attention, dx_skip, dbranch = add_and_norm_backward(dx, cache.after_attention)
    dattention, dinside, _ = multi_head_attention_backward(dbranch, cache.attention)
    before_attention, dx_branch = before.backward(dinside, cache.before_attention)
    dx = dx_branch if fault == "D" else dx_skip + dx_branch
    return {"before_attention": before_attention, "attention": dattention,
            "after_attention": after_attention, "before_feed_forward": before_feed_forward,
            "feed_forward": dfeed_forward, "after_feed_forward": after_feed_forward}, dx


block_1, block_2, block_3 = (functools.partial(block_backward, fault=f) for f in "BDA")


def my_diagnosis():
    """Where the gradient flows, a fault spreads: find the first array that is wrong.

    Block 1: feed-forward is right and the attention is wrong, so the sum between them is: B.
    Block 2: only x is wrong, the last that is computed: D.
    Block 3: feed-forward is wrong too, and only line A comes before it.
    """
    return "BDA"


def add_and_norm_inputs(rng):
    params = {"gain": rng.normal(size=3), "bias": rng.normal(size=3)}
    x, branch = rng.normal(size=(2, 2, 5, 3))
    yield call(params, x, branch, after=NORMS["layer"], rate=0.4, dropout_key=(0, 1, 2), site=1)
    yield call({}, x, branch, after=IDENTITY, rate=0.4, dropout_key=(0, 1, 2), site=0)
    yield call(params, x, branch, after=NORMS["layer"], rate=0.4)


def add_and_norm_mistake(*, dx=None, dbranch=None):
    """my_add_and_norm_backward with one of its results made from dout, dtotal and the cache."""
    def backward(dout, cache):
        dparams, dtotal = cache.after.backward(dout, cache.norm)
        masked = dropout_backward(dtotal, cache.dropout)
        return (dparams, dx(dout, dtotal, masked) if dx else dtotal,
                dbranch(dout, dtotal, masked, cache) if dbranch else masked)
    return backward


def mask_first(dout, cache):
    """my_add_and_norm_backward that passes the dropout before the norm, on both sides."""
    dparams, dtotal = cache.after.backward(dropout_backward(dout, cache.dropout), cache.norm)
    return dparams, dtotal, dtotal


ITEMS = (
    pair_exercise(
        "7.4", "the backward of add and norm", 12,
        forward=add_and_norm_forward,
        solution=my_add_and_norm_backward,
        builds="add_and_norm_backward",
        names="params x branch",
        inputs=add_and_norm_inputs,
        mistakes=(
            Mistake(add_and_norm_mistake(dx=lambda dout, dtotal, masked: masked),
                    "dx carries the mask, but only the branch was dropped. (An in-place "
                    "`dbranch *= ...` does this: dx and dbranch are two names of one array. Or "
                    "the two stand in the wrong order.)"),
            Mistake(add_and_norm_mistake(dbranch=lambda dout, dtotal, masked, cache: dtotal),
                    "The branch passed a dropout on its way: its gradient passes it too."),
            Mistake(add_and_norm_mistake(dx=lambda dout, dtotal, masked: dout),
                    "The skip path too ends in the norm: dx is the norm's gradient, not dout."),
            Mistake(add_and_norm_mistake(dx=lambda dout, dtotal, masked: dtotal + masked),
                    "x is used once here. That the branch was made of it is for the block to add."),
            Mistake(mask_first, "Walk back from the end: first the norm, then the dropout."),
            Mistake(add_and_norm_mistake(
                        dbranch=lambda dout, dtotal, masked, cache: dropout_backward(
                            dout, cache.dropout)),
                    "The branch too ends in the norm: pass that first, then the dropout."),
            Mistake(add_and_norm_mistake(
                        dbranch=lambda dout, dtotal, masked, cache: cache.after.backward(
                            dropout_backward(dout, cache.dropout), cache.norm)[1]),
                    "Walk back from the end: first the norm, then the dropout."),
            Mistake(add_and_norm_mistake(
                        dbranch=lambda dout, dtotal, masked, cache: dropout_forward(
                            dtotal, rate=0.4, rng=np.random.default_rng(0))[0]),
                    "This draws a new mask: the backward needs the one of the forward, which is "
                    "in cache.dropout."),
        ),
        hints=("The last step forward was the norm: cache.after.backward(dout, cache.norm) gives "
               "dparams and dtotal.",
               "Then the sum, residual_backward(dtotal, cache.residual): dx and dbranch. Only one "
               "of the two has another step to go.",
               "dbranch = dropout_backward(dbranch, cache.dropout)"),
    ),
    Exercise(
        "7.5", "three broken blocks", 8,
        solution=my_diagnosis,
        mistakes=(
            Mistake(lambda: "DBA", "The two skip paths are exchanged. What does the attention's "
                                   "gradient come from: line B or line D?"),
            Mistake(lambda: "BAD", "Blocks 2 and 3 are exchanged. A wrong mask in line A reaches "
                                   "everything that is computed after it."),
            Mistake(lambda: "ADB", "In block 1 feed-forward is right. Would it be after a wrong "
                                   "line A?"),
            *(Mistake(lambda form=form: form, "The letters are right: write them as one string of "
                                              "three capitals, nothing between them.")
              for form in ("bda", "B D A", "B, D, A", "B,D,A")),
            Mistake(lambda: "ABD", "Begin with block 2, where one array alone is wrong: it must be "
                                   "the last that is computed."),
        ),
        hints=("Write down in which order the lines compute what the table lists: the gradients "
               "of feed-forward, of its norm, of the attention, of its norm, and of x.",
               "Whatever is computed before the faulty line is right; what is computed from its "
               "result is wrong. Look for the first wrong one."),
    ),
    Prediction(
        "7.6", "64 blocks without skip paths and without norms: the gradient at the bottom is "
        "10 to the power of -n times as long as at the top. What is n?",
        answer=17.6,
        because="Each block multiplies it by about 0.53, and 0.53 to the power of 64 is 10 to the "
                "power of minus 17.6.",
    ),
)

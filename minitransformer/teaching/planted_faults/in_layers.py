"""Six faults in how layers and models are put together: every pair in them is right."""


from minitransformer.functional import dropout_backward
from minitransformer.layers import (
    add_and_norm_backward,
    decoder_block_backward,
    feed_forward_backward,
    multi_head_attention_backward,
    projection_backward,
    tied_embeddings_backward,
)
from minitransformer.models import decoder_backward
from minitransformer.teaching.planted_faults.fault import Fault


def feed_forward_mask_without_bias(dout, cache):
    hidden = cache.up.x @ cache.up.w                             # computed again, without + b
    return feed_forward_backward(
        dout, cache._replace(activation=cache.activation._replace(positive=hidden > 0)))


def encoder_block_with_one_mask(dout, cache):
    before, last = cache.before, cache.after_feed_forward.dropout  # all that one object remembers
    dafter_feed_forward, dx_skip, dbranch = add_and_norm_backward(dout, cache.after_feed_forward)
    dfeed_forward, dinside = feed_forward_backward(dbranch, cache.feed_forward)
    dbefore_feed_forward, dx_branch = before.backward(dinside, cache.before_feed_forward)
    dx = dx_skip + dx_branch
    dafter_attention, dx_skip, _ = add_and_norm_backward(dx, cache.after_attention)
    dbranch = dropout_backward(dx_skip, last)                    # the other site's mask
    dattention, dinside, _ = multi_head_attention_backward(dbranch, cache.attention)
    dbefore_attention, dx_branch = before.backward(dinside, cache.before_attention)
    dx = dx_skip + dx_branch
    return {"before_attention": dbefore_attention, "attention": dattention,
            "after_attention": dafter_attention, "before_feed_forward": dbefore_feed_forward,
            "feed_forward": dfeed_forward, "after_feed_forward": dafter_feed_forward}, dx


def decoder_block_without_skip(dout, cache):
    before = cache.before
    dparams, _, dmemory = decoder_block_backward(dout, cache)    # dparams mended below
    _, dx_skip, dbranch = add_and_norm_backward(dout, cache.after_feed_forward)
    _, dinside = feed_forward_backward(dbranch, cache.feed_forward)
    dx = dx_skip + before.backward(dinside, cache.before_feed_forward)[1]
    _, _, dbranch = add_and_norm_backward(dx, cache.after_cross_attention)
    _, dinside, _ = multi_head_attention_backward(dbranch, cache.cross_attention)
    dx = before.backward(dinside, cache.before_cross_attention)[1]  # + dx_skip forgotten
    _, dx_skip, dbranch = add_and_norm_backward(dx, cache.after_self_attention)
    dself_attention, dinside, _ = multi_head_attention_backward(dbranch, cache.self_attention)
    dbefore_self_attention, dx_branch = before.backward(dinside, cache.before_self_attention)
    dparams |= {"self_attention": dself_attention,
                "before_self_attention": dbefore_self_attention}
    return dparams, dx_skip + dx_branch, dmemory


def tied_embeddings_without_output(dfull, cache):
    encoder, decoder = dict(dfull["encoder"]), dict(dfull["decoder"])
    if cache.tied_embeddings == "none":
        return tied_embeddings_backward(dfull, cache)
    decoder.pop("output")                                        # its share is not added
    if cache.tied_embeddings == "all":
        encoder.pop("embedding")
    return {"encoder": encoder, "decoder": decoder}


def decoder_with_memory_of_one_block(dlogits, cache):
    dparams, _ = decoder_backward(dlogits, cache)
    _, dx = projection_backward(dlogits, cache.output)
    _, dx = cache.norm.backward(dx, cache.final_norm)
    for block_cache in reversed(cache.blocks):
        _, dx, dmemory = decoder_block_backward(dx, block_cache)  # overwritten, not added
    return dparams, dmemory


def decoder_with_rows_exchanged(dlogits, cache):
    dparams, dmemory = decoder_backward(dlogits, cache)
    x = cache.output.x.swapaxes(0, 1).reshape(-1, cache.output.x.shape[-1])  # (T B, D), time first
    dparams["output"]["w"] = x.T @ dlogits.reshape(-1, dlogits.shape[-1])    # (B T, V), batch first
    return dparams, dmemory


FAULTS = (
    Fault("mask_without_bias", "feed_forward", feed_forward_mask_without_bias,
          "ReLU's mask without the bias",
          "to save memory the backward computes hidden again, and forgets + b."),
    Fault("one_mask", "encoder_block", encoder_block_with_one_mask, "one mask for two dropouts",
          "one dropout object at two sites remembers only its last mask. One of the three faults "
          "of the public project."),
    Fault("no_skip", "decoder_block", decoder_block_without_skip, "a forgotten skip path",
          "at the cross-attention's fan-out the sum is missing."),
    Fault("untied", "tied_embeddings", tied_embeddings_without_output,
          "a tied table hears one of its uses",
          "the output's share of the gradient is dropped, not added."),
    Fault("memory_once", "decoder", decoder_with_memory_of_one_block,
          "the memory hears one decoder block",
          "`dmemory = ...` in a loop, where `dmemory = dmemory + ...` is right."),
    Fault("rows_exchanged", "decoder", decoder_with_rows_exchanged,
          "time first meets batch first",
          "the output's dw pairs the rows of x with the wrong rows of dlogits."),
)

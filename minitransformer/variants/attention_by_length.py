"""Attention, plain or blockwise: the same pair, chosen by the number of queries."""

from minitransformer.functional import attention_backward, attention_forward
from minitransformer.variants.blockwise_attention import (
    BlockwiseAttentionCache, blockwise_attention_backward, blockwise_attention_forward)

PLAIN_UP_TO = 512  # queries; beyond, causal tiles take 0.9 of the time, at 2048 queries 0.6


def plain_attention_forward(q, k, v, **options):
    """attention_forward; score_bias may also be a function, as in blockwise_attention_forward."""
    if callable(options.get("score_bias")):
        bias = options["score_bias"](0, q.shape[2], 0, k.shape[2])  # broadcasts to (B, H, T, S)
        options["score_bias"] = bias
    return attention_forward(q, k, v, **options)


def attention_by_length_forward(q, k, v, **options):
    """plain_attention_forward up to PLAIN_UP_TO queries, then blockwise_attention_forward."""
    plain = q.shape[2] <= PLAIN_UP_TO
    return (plain_attention_forward if plain else blockwise_attention_forward)(q, k, v, **options)


def attention_by_length_backward(dout, cache):
    """The backward of the forward that was taken."""
    blockwise = isinstance(cache, BlockwiseAttentionCache)
    return (blockwise_attention_backward if blockwise else attention_backward)(dout, cache)

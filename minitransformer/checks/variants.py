"""Cases for the pairs of variants."""

import numpy as np

from minitransformer import variants as v
from minitransformer.checks.case import Case

B, T, S, H, D, K = 2, 5, 8, 3, 7, 6


def cases(seed=0):
    """All cases of the package, their inputs drawn from seed."""
    rng = np.random.default_rng([seed, 4])

    def normal(*shape):
        return rng.normal(size=shape)

    gelu = v.gelu_forward, v.gelu_backward
    gelu_tanh = v.gelu_tanh_forward, v.gelu_tanh_backward
    silu = v.silu_forward, v.silu_backward
    swiglu = v.swiglu_forward, v.swiglu_backward
    rms_norm = v.rms_norm_forward, v.rms_norm_backward
    batch_norm = v.batch_norm_forward, v.batch_norm_backward
    low_rank = v.low_rank_forward, v.low_rank_backward
    mean_pooling = v.mean_pooling_forward, v.mean_pooling_backward
    convolution = v.convolution_forward, v.convolution_backward
    rotary = v.rotary_forward, v.rotary_backward
    blockwise = v.blockwise_attention_forward, v.blockwise_attention_backward
    heads = normal(B, 6, T, 4), normal(B, 3, S, 4), normal(B, 3, S, 4)
    bias = normal(6, T, S)
    allowed = rng.random((B, 1, T, S)) < 0.6
    allowed[0, 0, 2] = False                           # a query with nothing to attend to

    def bias_of_tile(t, t_end, s, s_end):
        return bias[:, t:t_end, s:s_end]

    real = np.array([[True] * T, [True, False, True, False, False]])     # (B, T)
    running = normal(D), 0.5 + rng.random(D)
    columns = normal(B, T, D), normal(D), normal(D)
    places = np.array([[3, 4, 5, 6, 7], [0, 0, 1, 2, 3]])[:, None]       # (B, 1, T)
    return [
        Case("blockwise_attention", "one tile", *blockwise, heads),
        Case("blockwise_attention", "masked, biased", *blockwise, heads,
             {"mask": allowed, "score_bias": bias, "block_size": 3}),
        Case("blockwise_attention", "causal, biased tile by tile", *blockwise, heads,
             {"causal": True, "score_bias": bias_of_tile, "block_size": 4}),
        Case("convolution", "every step", *convolution,
             (normal(B, S, D), normal(3, D, T), normal(T))),
        Case("convolution", "every second step, padding, a step left over", *convolution,
             (normal(B, S, D), normal(3, D, T), normal(T)), {"stride": 2, "padding": 1}),
        Case("convolution", "steps between the windows", *convolution,
             (normal(H, S, D), normal(2, D, T), normal(T)), {"stride": 3, "padding": 2}),
        Case("gelu", "three axes", *gelu, (2 * normal(B, T, D),)),
        Case("gelu_tanh", "three axes", *gelu_tanh, (2 * normal(B, T, D),)),
        Case("silu", "three axes", *silu, (2 * normal(B, T, D),)),
        Case("swiglu", "three axes", *swiglu, (normal(B, T, D), normal(B, T, D))),
        Case("rms_norm", "three axes", *rms_norm, (normal(B, T, D), normal(D))),
        Case("rms_norm", "large eps", *rms_norm, (normal(T, D), normal(D)), {"eps": 0.3}),
        Case("rms_norm", "frozen", *rms_norm, (normal(B, T, D), normal(D)), {"trainable": False},
             frozen=("gain",)),
        Case("batch_norm", "three axes", *batch_norm, columns),
        Case("batch_norm", "padding, running statistics kept", *batch_norm, columns,
             {"mask": real, "running": running}),
        Case("batch_norm", "running statistics used", *batch_norm, columns,
             {"mask": real, "running": running, "training": False, "eps": 0.3}),
        Case("low_rank", "three axes", *low_rank, (normal(B, T, D), normal(D, 3), normal(3, S))),
        Case("low_rank", "scaled, one row", *low_rank, (normal(D), normal(D, 2), normal(2, T)),
             {"scale": -1.7}),
        Case("low_rank", "frozen", *low_rank, (normal(B, T, D), normal(D, 1), normal(1, S)),
             {"scale": 0.3, "trainable": False}, frozen=("down", "up")),
        Case("mean_pooling", "all tokens", *mean_pooling, (normal(B, T, D),)),
        Case("mean_pooling", "padding, a sequence without a real token", *mean_pooling,
             (normal(H, T, D),), {"mask": np.concatenate([real, np.zeros((1, T), bool)])}),
        Case("rotary", "neighbours are pairs", *rotary, (normal(B, H, T, K),),
             {"positions": np.arange(T)}),
        Case("rotary", "halves are pairs, places of each text", *rotary, (normal(B, H, T, K),),
             {"positions": places, "base": 50.0, "interleaved": False}),
    ]

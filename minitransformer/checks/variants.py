"""Cases for the pairs of variants."""

import numpy as np

from minitransformer import variants as v
from minitransformer.checks.case import Case

B, T, H, D, K = 2, 5, 3, 7, 6


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
    mean_pooling = v.mean_pooling_forward, v.mean_pooling_backward
    rotary = v.rotary_forward, v.rotary_backward
    real = np.array([[True] * T, [True, False, True, False, False]])     # (B, T)
    running = normal(D), 0.5 + rng.random(D)
    columns = normal(B, T, D), normal(D), normal(D)
    places = np.array([[3, 4, 5, 6, 7], [0, 0, 1, 2, 3]])[:, None]       # (B, 1, T)
    return [
        Case("gelu", "three axes", *gelu, (2 * normal(B, T, D),)),
        Case("gelu_tanh", "three axes", *gelu_tanh, (2 * normal(B, T, D),)),
        Case("silu", "three axes", *silu, (2 * normal(B, T, D),)),
        Case("swiglu", "three axes", *swiglu, (normal(B, T, D), normal(B, T, D))),
        Case("rms_norm", "three axes", *rms_norm, (normal(B, T, D), normal(D))),
        Case("rms_norm", "large eps", *rms_norm, (normal(T, D), normal(D)), {"eps": 0.3}),
        Case("batch_norm", "three axes", *batch_norm, columns),
        Case("batch_norm", "padding, running statistics kept", *batch_norm, columns,
             {"mask": real, "running": running}),
        Case("batch_norm", "running statistics used", *batch_norm, columns,
             {"mask": real, "running": running, "training": False, "eps": 0.3}),
        Case("mean_pooling", "all tokens", *mean_pooling, (normal(B, T, D),)),
        Case("mean_pooling", "padding, a sequence without a real token", *mean_pooling,
             (normal(H, T, D),), {"mask": np.concatenate([real, np.zeros((1, T), bool)])}),
        Case("rotary", "neighbours are pairs", *rotary, (normal(B, H, T, K),),
             {"positions": np.arange(T)}),
        Case("rotary", "halves are pairs, places of each text", *rotary, (normal(B, H, T, K),),
             {"positions": places, "base": 50.0, "interleaved": False}),
    ]

"""Cases for the pairs of functional."""

import numpy as np

from minitransformer import functional as f
from minitransformer.checks.case import Case

B, H, G, T, S, K, D, E, V = 2, 6, 3, 5, 7, 4, 8, 9, 11


def cases(seed=0):
    """All cases of the package, their inputs drawn from seed."""
    rng = np.random.default_rng([seed, 1])

    def normal(*shape):
        return rng.normal(size=shape)

    linear = f.linear_forward, f.linear_backward
    embedding = f.embedding_forward, f.embedding_backward
    softmax = f.softmax_forward, f.softmax_backward
    log_softmax = f.log_softmax_forward, f.log_softmax_backward
    cross_entropy = f.cross_entropy_forward, f.cross_entropy_backward
    relu = f.relu_forward, f.relu_backward
    layer_norm = f.layer_norm_forward, f.layer_norm_backward
    residual = f.residual_forward, f.residual_backward
    dropout = f.dropout_forward, f.dropout_backward
    attention = f.attention_forward, f.attention_backward

    targets = rng.integers(V, size=(B, T))
    some = np.where(rng.random((B, T)) < 0.3, -1, targets)
    ids = np.array([[3, 1, 3, 0, 3], [1, 7, 3, 7, 10]])
    mask = rng.random((B, 1, T, S)) < 0.6
    mask[0, 0, 2] = False                      # a query that may attend to nothing
    mask[1, 0, :, 1] = True
    return [
        Case("linear", "with bias", *linear, (normal(B, T, D), normal(D, E), normal(E))),
        Case("linear", "no bias", *linear, (normal(T, D), normal(D, E), None)),
        Case("linear", "frozen", *linear, (normal(B, T, D), normal(D, E), normal(E)),
             {"trainable": False}, frozen=("w", "b")),
        Case("embedding", "repeated ids", *embedding, (normal(V, D),), {"ids": ids}),
        Case("softmax", "three axes", *softmax, (normal(B, T, V),)),
        Case("softmax", "large scores", *softmax, (5 * normal(T, V),)),
        Case("log_softmax", "three axes", *log_softmax, (normal(B, T, V),)),
        Case("cross_entropy", "plain", *cross_entropy, (normal(B, T, V),), {"targets": targets}),
        Case("cross_entropy", "ignored, smoothed", *cross_entropy, (normal(B, T, V),),
             {"targets": some, "ignore_index": -1, "label_smoothing": 0.2}),
        Case("cross_entropy", "part of a larger batch", *cross_entropy, (normal(B, T, V),),
             {"targets": targets, "normalizer": 37}),
        Case("relu", "three axes", *relu, (normal(B, T, D),)),
        Case("layer_norm", "three axes", *layer_norm, (normal(B, T, D), normal(D), normal(D))),
        Case("layer_norm", "frozen", *layer_norm, (normal(B, T, D), normal(D), normal(D)),
             {"trainable": False}, frozen=("gain", "bias")),
        Case("layer_norm", "large eps", *layer_norm, (normal(T, D), normal(D), normal(D)),
             {"eps": 0.3}),
        Case("residual", "three axes", *residual, (normal(B, T, D), normal(B, T, D))),
        Case("dropout", "training", *dropout, (normal(B, T, D),), {"rate": 0.3, "rng": 5}),
        Case("dropout", "evaluation", *dropout, (normal(B, T, D),),
             {"rate": 0.3, "training": False}),
        Case("dropout", "given mask", *dropout, (normal(B, T, D),),
             {"rate": 0.3, "keep": rng.random((B, T, D)) < 0.6}),
        Case("attention", "one head a group", *attention,
             (normal(B, H, T, K), normal(B, H, S, K), normal(B, H, S, K))),
        Case("attention", "grouped, causal, biased", *attention,
             (normal(B, H, T, K), normal(B, G, S, K), normal(B, G, S, K)),
             {"causal": True, "score_bias": normal(H, T, S)}),
        Case("attention", "masked, an empty row", *attention,
             (normal(B, H, T, K), normal(B, G, S, K), normal(B, G, S, K)), {"mask": mask}),
        Case("attention", "masked and causal, T > S", *attention,
             (normal(B, H, S, K), normal(B, H, T, K), normal(B, H, T, K)),
             {"mask": mask[:, :, 0, None, :T], "causal": True}),
    ]

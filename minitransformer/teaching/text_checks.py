"""The bug museum's check of measures of a text: how it is cut into tokens must not matter."""

import numpy as np

from minitransformer.functional import log_softmax_forward


def joined_tokens_catch(exhibit):
    """Whether a measure of a text changes when two neighbouring tokens are counted as one.

    Of the first two rows one is made, whose token has the product of their probabilities. That is
    the same text with the same probability, cut otherwise.
    """
    (logits,), options = exhibit.inputs(np.random.default_rng(0))
    before, _ = exhibit.forward(logits, **options)
    log_probs, _ = log_softmax_forward(logits)                             # (T, V)
    targets = options["targets"]                                           # (T,)
    together = log_probs[0, targets[0]] + log_probs[1, targets[1]]
    rest = np.log(-np.expm1(together) / (logits.shape[1] - 1))
    joined = np.full_like(logits[:1], rest)                                # (1, V)
    joined[0, targets[1]] = together
    after, _ = exhibit.forward(np.concatenate([joined, logits[2:]]),
                               **options | {"targets": targets[1:]})
    return not np.allclose(before, after, rtol=1e-9)


TEXT_CHECKS = {"two tokens joined to one": joined_tokens_catch}

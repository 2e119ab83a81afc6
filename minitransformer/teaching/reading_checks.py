"""The bug museum's checks of ways of looking inside: shares that add up, runs left as they were."""

import numpy as np


def completeness_catches(exhibit):
    """Whether the shares that exhibit.fault gives do not add up to the score's change.

    fault(gradient, x, baseline) -> shares (N, D) of the score forward(x) (N,), of each row.
    """
    (x,), options = exhibit.inputs(np.random.default_rng(0))
    baseline = 0.5 + 0 * x                                                 # (N, D)

    def gradient(at):
        out, cache = exhibit.forward(at, **options)
        return exhibit.backward(np.ones_like(out), cache)

    change = exhibit.forward(x, **options)[0] - exhibit.forward(baseline, **options)[0]  # (N,)
    shares = exhibit.fault(gradient, x, baseline)                          # (N, D)
    return not np.allclose(shares.sum(axis=-1), change, rtol=0.01)


def own_share_catches(exhibit):
    """Whether a token keeps less of itself than L blocks that halve it would leave."""
    _, options = exhibit.inputs(np.random.default_rng(0))
    weights = options["weights"]                                           # (L, H, T, T)
    shares = exhibit.fault(weights)                                        # (T, T)
    return bool(np.any(np.diag(shares) < 0.5 ** len(weights) - 1e-12))


def run_again_catches(exhibit):
    """Whether exhibit.fault(corrupted, clean) leaves the corrupted run other than it was."""
    (corrupted, clean), _ = exhibit.inputs(np.random.default_rng(0))       # (T, D) each
    before = corrupted.copy()
    exhibit.fault(corrupted, clean)
    return not np.array_equal(corrupted, before)


READING_CHECKS = {
    "completeness": completeness_catches,
    "a token's share of itself": own_share_catches,
    "the corrupted run, run again after the map": run_again_catches,
}

"""ALiBi: attention that fades with distance, by a bias on the scores."""

import numpy as np


def alibi_bias(n_heads, T, S, queries=slice(None), keys=slice(None)):
    """bias[h, t, s] = -slope_h (t + S - T - s): the further back a key, the lower its score.

    -> (H, T, S) in float64, or the part for a slice of the queries and one of the keys. The queries
    are the last T of S places. slope_h = 2^(-8 (h + 1) / H)
    for H a power of two; otherwise those of the next lower power P, then every second one of 2 P.
    Keys that come later get a bias above 0: a causal mask hides them. It is added, not learned:
    there is no backward. Source: Press, Smith and Lewis 2022, and their code for other H.
    """
    if n_heads < 1:
        raise ValueError(f"n_heads is {n_heads}, expected at least 1")
    power = 1 << (n_heads.bit_length() - 1)                             # the largest P <= H
    slopes = [2.0 ** (-8 * (h + 1) / power) for h in range(power)]
    slopes += [2.0 ** (-4 * (2 * h + 1) / power) for h in range(n_heads - power)]
    back = np.arange(S - T, S)[queries, None] - np.arange(S)[keys]      # (T, S)
    return -np.array(slopes)[:, None, None] * back                      # (H, T, S)

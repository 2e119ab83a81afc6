"""The bug museum's check of loaded weights: the numbers that the original gives."""

import numpy as np


def original_catches(exhibit):
    """Whether the values differ from the original's, which the inputs hold under that name."""
    args, options = exhibit.inputs(np.random.default_rng(0))
    values, _ = exhibit.forward(*args, **options)
    return not np.allclose(values, options["original"], rtol=1e-9, atol=1e-12)


LOADING_CHECKS = {"the original's numbers": original_catches}

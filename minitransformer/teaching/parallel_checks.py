"""The bug museum's check of several processes: what they compute, one process computes too."""

import numpy as np


def one_process_catches(exhibit):
    """Whether values or gradients, those of the sum of squares, differ from one process's."""
    args, options = exhibit.inputs(np.random.default_rng(0))

    def results(size):
        out, cache = exhibit.forward(*args, **options | {"size": size})
        gradients = exhibit.backward(2 * out, cache)
        return out, *(gradients if isinstance(gradients, tuple) else (gradients,))

    return not all(np.allclose(several, one, rtol=1e-9, atol=1e-12)
                   for several, one in zip(results(options["size"]), results(1), strict=True))


PARALLEL_CHECKS = {"one process's gradients": one_process_catches}

"""Learning rates as functions of the step. The first update is step 1.

For a Trainer the settings are fixed beforehand:
Trainer(..., schedule=functools.partial(inverse_square_root, peak=1e-3, warmup=400)).
"""

import math


def inverse_square_root(step, *, peak, warmup):
    """Rise in a straight line to peak at step warmup, then fall as 1 / sqrt(step).

        lr = peak * min(step / warmup, sqrt(warmup / step))

    Source: Vaswani et al. 2017, eq. 3, lr = d_model^-0.5 min(step^-0.5, step warmup^-1.5),
    rewritten so that its highest value has a name: theirs is peak = (d_model warmup)^-0.5.
    Raises ValueError for step < 1 or warmup < 1.
    """
    _expect_steps(step, warmup, 1)
    return peak * min(step / warmup, math.sqrt(warmup / step))


def linear_decay(step, *, peak, warmup, steps):
    """Rise in a straight line to peak at step warmup, then fall in one, to reach 0 after `steps`.

        lr = peak * min(step / warmup, (steps + 1 - step) / (steps + 1 - warmup))

    The small last steps let the parameters settle, so a short run of known length ends well.
    Raises ValueError for a step outside 1 .. steps, or a warmup outside 1 .. steps.
    """
    _expect_steps(step, warmup, 1)
    if max(step, warmup) > steps:
        raise ValueError(f"step is {step} and warmup {warmup}, expected at most steps = {steps}")
    return peak * min(step / warmup, (steps + 1 - step) / (steps + 1 - warmup))


def constant(step, *, peak, warmup=0):
    """Rise in a straight line to peak at step warmup, then stay. warmup=0 starts at peak.

    Raises ValueError for step < 1 or warmup < 0.
    """
    _expect_steps(step, warmup, 0)
    return peak * min(1.0, step / warmup) if warmup else peak


def _expect_steps(step, warmup, least):
    if step < 1:
        raise ValueError(f"step is {step}, expected 1 or more: the first update is step 1")
    if warmup < least:
        raise ValueError(f"warmup is {warmup}, expected {least} or more steps")

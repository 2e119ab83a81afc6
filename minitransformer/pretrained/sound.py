"""Sound as samples: checked at the door, made mono, brought to another rate."""

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

LOWEST_RATE, HIGHEST_RATE = 1_000, 768_000  # samples a second
LOUDEST = 2.0  # 1 is full; a little more comes of mixing
REACH = 64     # zeros of the sinc on each side
CUT = 0.945    # of half the lower rate: at 0.89 of that half all is there, at 1 all is gone
NUTTALL = 0.355768, 0.487396, 0.144232, 0.012604  # a window: what shall not pass is 90 dB lower


def mono(samples, rate):
    """samples (N,) or (N, channels), rate in samples a second -> (N,) in float64.

    Channels are averaged. Raises ValueError for another shape, no samples, numbers that are not
    finite or far above 1, and a rate that no sound has; TypeError for what are no real numbers:
    whole ones do not say how loud the loudest could be.
    """
    samples = np.asarray(samples)
    if samples.dtype.kind != "f":
        raise TypeError(f"samples are {samples.dtype}, expected real numbers from -1 to 1: divide "
                        f"whole numbers by the largest, 32768 for 16 bits")
    if samples.ndim not in (1, 2) or samples.ndim == 2 and not 1 <= samples.shape[1] <= 8:
        raise ValueError(f"samples have shape {samples.shape}, expected (N,) or (N, channels) with "
                         f"at most 8 channels")
    whole = isinstance(rate, (int, np.integer))
    if not (whole and LOWEST_RATE <= rate <= HIGHEST_RATE):
        raise ValueError(f"rate is {rate!r}, expected a whole number of samples a second, from "
                         f"{LOWEST_RATE} to {HIGHEST_RATE}")
    if not len(samples):
        raise ValueError("there are no samples: nothing can be heard")
    if not np.isfinite(samples).all():
        first = np.flatnonzero(~np.isfinite(samples.reshape(len(samples), -1)).all(axis=1))[0]
        raise ValueError(f"sample {first} is {samples[first]}: every sample must be finite")
    if (loudest := np.abs(samples).max()) > LOUDEST:
        raise ValueError(f"the loudest sample is {loudest:.6g}, expected -1 to 1: divide by the "
                         f"largest number that the recording could hold")
    samples = samples.astype(np.float64)
    return samples if samples.ndim == 1 else samples.mean(axis=1)            # (N,)


def resample(samples, rate, new_rate):
    """samples (N,) at rate -> (ceil(N new_rate / rate),) at new_rate.

    Between the samples, sound without frequencies above rate / 2 is a sum of sincs, one for each
    sample. Frequencies that the new rate cannot hold must go first, or they come back as others:
    a wider sinc leaves them out.
        y(t) = sum_n x_n h(t - n),   h(u) = c sinc(c u) window(u),  c = CUT min(1, new_rate / rate)
    with t in old samples. h reaches over REACH zeros of the sinc, and is 0 beyond. With the rates'
    quotient up / down in lowest terms, output m lies at t = m down / up, so that each up-th output
    has the same fractional part, thus the same weights: a phase is one matrix product.
    Beyond both ends there is silence. Sources: Smith and Gossett 1984; Nuttall 1981.
    """
    if rate == new_rate:
        return samples
    common = math.gcd(rate, new_rate)
    up, down = new_rate // common, rate // common
    c = CUT * min(1.0, up / down)
    half = math.ceil(REACH / c)                                # old samples on each side
    n_out = -(-len(samples) * up // down)
    padded = np.pad(samples, (half, half + 1))                 # (N + 2 half + 1,)
    windows = sliding_window_view(padded, 2 * half + 1)        # window n lies around sample n
    offsets = np.arange(-half, half + 1)                       # (2 half + 1,)
    out = np.empty(n_out)
    for phase in range(min(up, n_out)):
        start, rest = divmod(phase * down, up)                 # t = start + rest / up
        u = rest / up - offsets                                # (2 half + 1,)
        window = sum(a * np.cos(n * math.pi / (half + 1) * u) for n, a in enumerate(NUTTALL))
        weights = c * np.sinc(c * u) * window                  # (2 half + 1,)
        mine = out[phase::up]
        mine[:] = windows[start::down][:len(mine)] @ weights
    return out

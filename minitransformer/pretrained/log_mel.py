"""The log-mel spectrogram: sound as Whisper hears it, 80 loudnesses every hundredth of a second.

Samples -> pieces of 25 ms -> how much of each frequency -> 80 bands as the ear has them -> log.
"""

import functools
import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

RATE = 16_000    # samples a second
FRAME = 400      # samples of one piece, 25 ms
HOP = 160        # samples from one piece to the next, 10 ms
N_MELS = 80      # bands
SECONDS = 30     # of one spectrogram; shorter sound is filled up with silence
N_SAMPLES, N_FRAMES = SECONDS * RATE, SECONDS * RATE // HOP  # 480,000 and 3,000


def log_mel(samples):
    """samples (N,) at RATE, N up to N_SAMPLES -> (N_FRAMES, N_MELS) in float32, about -1 to 1.5.

    Each frame is weighted by a Hann window, which fades out at both ends, so that where a frame is
    cut is not heard as a click; |Fourier transform|^2 is its power at 0, 40, .. 8000 Hz; the
    filters add it up in bands; log10, since the ear hears ratios; what is 80 dB below the loudest
    is cut off; shifted and scaled to the range that the model was trained on.
    Frame n lies around sample n HOP; at the ends the sound goes on mirrored.
    Raises ValueError for too many samples. Source: Radford et al. 2022, 2.2; Whisper's own code.
    """
    if len(samples) > N_SAMPLES:
        raise ValueError(f"there are {len(samples)} samples, but a spectrogram holds {N_SAMPLES}, "
                         f"{SECONDS} s")
    sound = np.zeros(N_SAMPLES)                                              # (480000,)
    sound[:len(samples)] = samples
    mirrored = np.pad(sound, FRAME // 2, mode="reflect")                     # (480400,)
    frames = sliding_window_view(mirrored, FRAME)[::HOP][:N_FRAMES]          # (3000, 400)
    spectrum = np.fft.rfft(frames * hann_window(FRAME))                      # (3000, 201)
    power = spectrum.real**2 + spectrum.imag**2                              # (3000, 201)
    loudness = np.log10(np.maximum(power @ mel_filters(), 1e-10))            # (3000, 80)
    loudness = np.maximum(loudness, loudness.max() - 8)                      # (3000, 80)
    return ((loudness + 4) / 4).astype(np.float32)                           # (3000, 80)


def hann_window(size):
    """(size,) w_n = sin(pi n / size)^2: 0 at the start, 1 in the middle, 0 again at n = size."""
    return np.sin(math.pi * np.arange(size) / size) ** 2


def hertz_to_mel(hertz):
    """Pitch as heard: even steps up to 1000 Hz, even ratios above. Source: Slaney 1998."""
    high = 15 + 27 * np.log(np.maximum(hertz, 1000) / 1000) / math.log(6.4)
    return np.where(hertz < 1000, hertz * 3 / 200, high)


def mel_to_hertz(mel):
    """The inverse of hertz_to_mel."""
    return np.where(mel < 15, mel * 200 / 3, 1000 * 6.4 ** ((np.maximum(mel, 15) - 15) / 27))


@functools.cache
def mel_filters():
    """(FRAME / 2 + 1, N_MELS), read-only: the weight of each frequency in each band.

    A band is a triangle over frequency, from the middle of the band below over its own to that of
    the band above; the middles lie evenly in mel. Wider bands are lower, so that all have the same
    area: noise that is equally strong at all frequencies looks equally loud in all bands.
    """
    frequencies = np.linspace(0, RATE / 2, FRAME // 2 + 1)                   # (201,) Hz
    edges = mel_to_hertz(np.linspace(0, hertz_to_mel(RATE / 2), N_MELS + 2))  # (82,) Hz
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]                   # (80,) each
    rising = (frequencies[:, None] - low) / (middle - low)                   # (201, 80)
    falling = (high - frequencies[:, None]) / (high - middle)                # (201, 80)
    filters = np.maximum(np.minimum(rising, falling), 0) * 2 / (high - low)  # (201, 80)
    filters.setflags(write=False)
    return filters

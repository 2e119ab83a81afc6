import numpy as np
import pytest

from minitransformer.pretrained.sound import mono, resample


def wave(hertz, rate, n):
    return np.sin(2 * np.pi * hertz * np.arange(n) / rate + 0.3)


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 24000, 44100, 48000])
def test_what_both_rates_hold_is_kept_to_90_dB(rate):
    for hertz in (100, 1000, 0.44 * min(rate, 16000)):
        out = resample(wave(hertz, rate, rate), rate, 16000)
        error = out - wave(hertz, 16000, len(out))
        assert np.abs(error[1500:-1500]).max() < 3e-5, hertz


@pytest.mark.parametrize("rate", [22050, 44100, 48000])
def test_what_the_new_rate_cannot_hold_is_gone(rate):
    for hertz in (8001, 9500, 0.49 * rate):
        out = resample(wave(hertz, rate, rate), rate, 16000)
        assert np.abs(out[1500:-1500]).max() < 3e-5, hertz


def test_what_is_added_in_between_holds_no_new_frequencies():
    power = np.abs(np.fft.rfft(resample(wave(3000, 8000, 8000), 8000, 16000)[1600:-1600]
                               * np.hanning(12800))) ** 2
    hertz = np.fft.rfftfreq(12800, 1 / 16000)
    assert power[hertz > 4000].sum() < 1e-8 * power.sum()


@pytest.mark.parametrize("rate, n, length", [
    (16000, 7, 7), (8000, 7, 14), (48000, 7, 3), (48000, 1, 1), (44100, 441, 160), (1000, 3, 48)])
def test_length(rate, n, length):
    assert len(resample(np.ones(n), rate, 16000)) == length


def test_the_same_rate_changes_nothing():
    x = wave(440, 16000, 50)
    assert resample(x, 16000, 16000) is x


def test_channels_are_averaged():
    out = mono(np.array([[0.5, 0.25], [1, -1]], np.float32), 16000)
    assert out.tolist() == [0.375, 0] and out.dtype == np.float64
    assert mono(np.array([0.5, 0.25]), 16000).tolist() == [0.5, 0.25]


@pytest.mark.parametrize("samples, rate, error, words", [
    (np.zeros(0), 16000, ValueError, "there are no samples"),
    (np.zeros((2, 3, 4)), 16000, ValueError, r"samples have shape \(2, 3, 4\), expected \(N,\)"),
    (np.zeros((2, 16000)), 16000, ValueError, r"shape \(2, 16000\).* at most 8 channels"),
    (np.zeros(()), 16000, ValueError, r"shape \(\)"),
    (np.array([0, np.nan]), 16000, ValueError, "sample 1 is nan: every sample must be finite"),
    (np.array([[0, 0], [0, np.inf]]), 16000, ValueError, r"sample 1 is \[ 0. inf\]"),
    (np.array([0, -20000.0]), 16000, ValueError, "the loudest sample is 20000, expected -1 to 1"),
    (np.array([0, 20000]), 16000, TypeError, "samples are int64, expected real numbers"),
    (["a"], 16000, TypeError, "expected real numbers"),
    (np.zeros(3), 0, ValueError, "rate is 0, expected a whole number"),
    (np.zeros(3), -16000, ValueError, "rate is -16000"),
    (np.zeros(3), 10**9, ValueError, "rate is 1000000000"),
    (np.zeros(3), 16000.5, ValueError, "rate is 16000.5"),
    (np.zeros(3), "16000", ValueError, "rate is '16000'"),
    (np.zeros(3), True, ValueError, "rate is True"),
    (np.zeros(3), float("nan"), ValueError, "rate is nan"),
])
def test_what_is_no_sound_is_named(samples, rate, error, words):
    with pytest.raises(error, match=words):
        mono(samples, rate)

import numpy as np
import pytest

from minitransformer.pretrained.log_mel import (
    N_FRAMES, N_MELS, N_SAMPLES, RATE, hann_window, hertz_to_mel, log_mel, mel_filters,
    mel_to_hertz)


def tone(hertz, seconds=1.0):
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE)


def plain_log_mel(samples, frame):
    """One frame by the definition: its Fourier sum, written out."""
    sound = np.zeros(N_SAMPLES)
    sound[:len(samples)] = samples
    places = np.abs(np.arange(frame * 160 - 200, frame * 160 + 200))  # mirrored at the start
    piece = sound[places] * hann_window(400)
    k, n = np.arange(201)[:, None], np.arange(400)
    power = np.abs(np.sum(piece * np.exp(-2j * np.pi * k * n / 400), axis=1)) ** 2
    return np.log10(np.maximum(power @ mel_filters(), 1e-10))


def test_shape_type_and_range():
    mel = log_mel(tone(440))
    assert mel.shape == (N_FRAMES, N_MELS) and mel.dtype == np.float32
    assert mel.max() - mel.min() == pytest.approx(2)  # 80 dB, a fourth of log10's 8


@pytest.mark.parametrize("frame", [0, 1, 50])
def test_a_frame_is_the_definition(frame):
    sound = tone(440) + np.random.default_rng(0).normal(size=RATE)
    expected = (np.maximum(plain_log_mel(sound, frame), -np.inf) + 4) / 4
    np.testing.assert_allclose(log_mel(sound)[frame], expected, atol=1e-6)


def test_the_bands_follow_the_pitch_and_the_frames_the_time():
    low, high = log_mel(tone(300)), log_mel(tone(3000))
    middles = mel_to_hertz(np.linspace(0, hertz_to_mel(RATE / 2), N_MELS + 2))[1:-1]
    for hertz, mel in ((300, low), (3000, high)):
        loudest = mel[50].argmax()
        assert abs(middles[loudest] - hertz) < 100
        assert mel[50].max() > mel[150].max() + 1  # silence after the second


def test_twice_as_loud_is_the_same_step_everywhere():
    noise = 0.1 * np.random.default_rng(0).normal(size=N_SAMPLES)
    louder = log_mel(2 * noise) - log_mel(noise)
    np.testing.assert_allclose(louder, 2 * np.log10(2) / 4, atol=1e-6)


def test_mel_and_hertz():
    hertz = np.array([0.0, 200, 1000, 6400])
    np.testing.assert_allclose(hertz_to_mel(hertz), [0, 3, 15, 42])
    np.testing.assert_allclose(mel_to_hertz(hertz_to_mel(hertz)), hertz)


def test_filters_have_one_area_and_cover_all():
    filters = mel_filters()
    assert filters.shape == (201, N_MELS) and filters.min() == 0
    assert (filters[1:-1].sum(axis=1) > 0).all()
    np.testing.assert_allclose(filters[:, 40:].sum(axis=0) * 40, 1, atol=0.08)  # of 1 a hertz
    with pytest.raises(ValueError):
        filters[0, 0] = 1


def test_silence_is_flat_and_too_much_is_refused():
    assert np.unique(log_mel(np.zeros(100))).tolist() == [-1.5]
    with pytest.raises(ValueError, match="480001 samples, but a spectrogram holds 480000, 30 s"):
        log_mel(np.zeros(N_SAMPLES + 1))


@pytest.mark.slow
@pytest.mark.parametrize("n", [1, 399, 5000, 100_000, N_SAMPLES])
def test_it_is_that_of_transformers(n):
    transformers = pytest.importorskip("transformers")
    rng = np.random.default_rng(n)
    samples = tone(440, 30)[:n] + 0.05 * rng.normal(size=n)
    theirs = transformers.WhisperFeatureExtractor()(samples, sampling_rate=RATE,
                                                    return_tensors="np")["input_features"][0].T
    assert np.abs(log_mel(samples) - theirs).max() < 1e-4

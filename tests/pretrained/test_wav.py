import struct
import tracemalloc
import wave

import numpy as np
import pytest

from minitransformer.pretrained.wav import read_wav

WIDTHS = {1: 2**7, 2: 2**15, 3: 2**23, 4: 2**31}


def write_wav(path, frames, *, width=2, rate=16000):
    """frames (N, channels) of whole numbers."""
    shift = WIDTHS[1] if width == 1 else 0  # 8 bits are unsigned
    data = b"".join((int(x) + shift).to_bytes(width, "little", signed=width > 1)
                    for x in np.ravel(frames))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(np.shape(frames)[1])
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(data)
    return path


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("channels", [1, 2])
def test_every_width_and_number_of_channels(tmp_path, width, channels):
    full = WIDTHS[width]
    frames = np.array([-full, -full // 2, 0, full // 4, full - 1, 1]).reshape(-1, channels)
    samples, rate = read_wav(write_wav(tmp_path / "a.wav", frames, width=width, rate=44100))
    assert rate == 44100 and samples.dtype == np.float32
    assert samples.shape == (6 // channels, channels)
    np.testing.assert_allclose(samples, frames / full, atol=1e-7)


@pytest.mark.parametrize("data, words", [
    (b"", "a.wav is empty"),
    (b"ID3\x04" + bytes(50), "no WAV file.*looks like an MP3 file.*ffmpeg -i a.wav"),
    (b"\xff\xfb\x90\x00" + bytes(50), "looks like an MP3"),
    (bytes(4) + b"ftypM4A " + bytes(50), "looks like an MP4"),
    (b"fLaC" + bytes(50), "looks like a FLAC"),
    (b"OggS" + bytes(50), "looks like an Ogg"),
    (b"hello, this is text", r"no WAV file with 8, 16, 24 or 32 bit PCM samples \("),
    (b"RI", "no WAV file"),
    (b"RIFF\x04\0\0\0WAVE", "no WAV file"),
    (b"RIFF\xff\xff\0\0WAVEjunk\xff\xff\0\0", "its parts do not fit"),
])
def test_what_is_no_wav_is_named(tmp_path, data, words):
    path = tmp_path / "a.wav"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=words):
        read_wav(path)


def header(data, *, kind=1, channels=1, rate=16000, bits=16, claimed=None):
    claimed = len(data) if claimed is None else claimed
    return (b"RIFF" + struct.pack("<I", min(36 + claimed, 2**32 - 1)) + b"WAVEfmt "
            + struct.pack("<IHHIIHH", 16, kind, channels, rate, 0, channels * bits // 8, bits)
            + b"data" + struct.pack("<I", claimed) + data)


def test_other_formats_are_refused(tmp_path):
    path = tmp_path / "a.wav"
    for others in ({"kind": 3, "bits": 32}, {"bits": 64}, {"channels": 0}, {"kind": 85}):
        path.write_bytes(header(bytes(64), **others))
        with pytest.raises(ValueError, match="no WAV file with 8, 16, 24 or 32 bit PCM samples"):
            read_wav(path)
    path.write_bytes(header(b""))
    with pytest.raises(ValueError, match="a.wav holds no samples"):
        read_wav(path)


def test_a_header_that_promises_too_much_gives_what_is_there_and_takes_no_memory(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(header(struct.pack("<3h", 1, 2, 3) + b"\1", claimed=2**32 - 37))
    tracemalloc.start()
    samples, _ = read_wav(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (samples * 2**15).ravel().tolist() == [1, 2, 3]
    assert peak < 1_000_000


def test_a_file_cut_off_anywhere_gives_less_or_an_error_that_names_it(tmp_path):
    path = write_wav(tmp_path / "a.wav", np.arange(12).reshape(-1, 2))
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        try:
            samples, rate = read_wav(path)
        except ValueError as error:
            assert "a.wav" in str(error)
        else:
            n = len(samples)
            assert rate == 16000 and n == (length - 44) // 4
            assert (samples * 2**15).ravel().tolist() == list(range(2 * n))


def test_random_bytes_never_crash(tmp_path):
    rng, path = np.random.default_rng(0), tmp_path / "a.wav"
    whole = header(bytes(range(100)))
    for _ in range(200):
        data = bytearray(whole)
        for place in rng.integers(len(data), size=4):
            data[place] = rng.integers(256)
        path.write_bytes(data)
        try:
            samples, _ = read_wav(path)
            assert samples.ndim == 2 and np.abs(samples).max() <= 1
        except ValueError as error:
            assert "a.wav" in str(error)


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file '.*nowhere.wav'"):
        read_wav(tmp_path / "nowhere.wav")
    with pytest.raises(FileNotFoundError):
        read_wav(tmp_path)

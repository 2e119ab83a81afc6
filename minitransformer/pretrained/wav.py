"""WAV files: sound as plain numbers, read with Python's own wave module."""

import wave
from pathlib import Path

import numpy as np


def read_wav(path):
    """(samples (N, channels) in float32 from -1 to 1, rate) of a WAV file with PCM numbers.

    8 bits are unsigned, 16, 24 and 32 bits signed. A header that promises more than the file holds,
    as a stream's or that of a recording cut off does, gives what is there.
    Raises FileNotFoundError; ValueError for an empty file and what is no such WAV.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {str(path)!r}: check the path")
    size = path.stat().st_size
    if not size:
        raise ValueError(f"{path} is empty")
    try:
        with wave.open(str(path), "rb") as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            if width not in (1, 2, 3, 4):
                raise wave.Error(f"its samples have {8 * width} bits")
            # The header is not believed: asking for more would take memory for it first.
            n_frames = min(file.getnframes(), size // (width * channels))
            data = file.readframes(n_frames)
    except (wave.Error, EOFError, RuntimeError) as error:  # the last: a chunk beyond the end
        raise ValueError(f"{path} is no WAV file with 8, 16, 24 or 32 bit PCM samples "
                         f"({str(error) or 'its parts do not fit'}). {_advice(path)}") from error
    data = data[:len(data) // (width * channels) * width * channels]  # whole frames
    if not data:
        raise ValueError(f"{path} holds no samples")
    return _numbers(data, width).reshape(-1, channels), rate


def _numbers(data, width):
    """Bytes -> (n,) in float32; width: bytes a number."""
    if width == 1:
        return (np.frombuffer(data, np.uint8).astype(np.float32) - 128) / 128
    # 24 bits have no type of their own: a zero byte below makes 32 of them. So for 16.
    parts = np.frombuffer(data, np.uint8).reshape(-1, width)               # (n, width)
    whole = np.zeros((len(parts), 4), np.uint8)                            # (n, 4)
    whole[:, 4 - width:] = parts
    return whole.view("<i4")[:, 0].astype(np.float32) / 2**31              # (n,)


def _advice(path):
    """What to do with a file that is none, from how it begins."""
    with open(path, "rb") as file:
        start = file.read(8)
    kinds = {b"ID3": "an MP3", b"\xff\xfb": "an MP3", b"\xff\xf3": "an MP3", b"fLaC": "a FLAC",
             b"OggS": "an Ogg"}
    kind = next((kind for mark, kind in kinds.items() if start.startswith(mark)), None)
    kind = "an MP4" if start[4:8] == b"ftyp" else kind
    found = f"It looks like {kind} file. " if kind else ""
    return (f"{found}If it holds sound, make one first: "
            f"ffmpeg -i {path.name} -c:a pcm_s16le sound.wav")

"""A spoken sentence for lesson 17, as the log-mel spectrogram that Whisper is given.

    apt-get install espeak-ng
    python -m minitransformer.teaching.spoken_sentence

Debian's espeak-ng speaks it. The file, lessons/results/spoken_sentence.npz, holds the frames up to
the sentence's end in float16, and what was said.
"""

import subprocess
import tempfile
from pathlib import Path

import numpy as np

from minitransformer.pretrained.log_mel import N_FRAMES, RATE, log_mel
from minitransformer.pretrained.sound import mono, resample
from minitransformer.pretrained.wav import read_wav
from minitransformer.teaching.ladder import LADDER
from minitransformer.teaching.run_command import run_command

RESULTS = LADDER.with_name("spoken_sentence.npz")
SENTENCE = "Every gradient in this program was derived by hand, and proved to machine precision."
COMMAND = ("espeak-ng", "-v", "en-us", "-s", "140")


def speak(sentence=SENTENCE):
    """The sentence as samples (N,), RATE a second. FileNotFoundError where espeak-ng is missing."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sentence.wav"
        subprocess.run([*COMMAND, "-w", path, sentence], check=True)
        samples, rate = read_wav(path)
    return resample(mono(samples, rate), rate, RATE)


def write_spoken(path=RESULTS):
    """Speak the sentence and keep its spectrogram."""
    samples = speak()
    n_frames = len(samples) // 160 + 3  # the last frames that hear some of it
    np.savez_compressed(path, mel=log_mel(samples)[:n_frames].astype(np.float16),
                        sentence=SENTENCE, command=" ".join(COMMAND), seconds=len(samples) / RATE)
    print(f"wrote {path}")


def read_spoken(path=RESULTS):
    """(mel (3000, 80) with silence after the sentence, the sentence, its seconds)."""
    with np.load(path) as file:
        heard = file["mel"].astype(np.float32)                                 # (frames, 80)
        mel = np.full((N_FRAMES, heard.shape[1]), heard.min())                 # (3000, 80)
        mel[:len(heard)] = heard
        return mel, str(file["sentence"]), float(file["seconds"])


if __name__ == "__main__":
    run_command(__doc__, write_spoken)

"""Lesson 17's spoken sentence and the words of SmolLM2's original, as they are kept."""

import json
import shutil

import numpy as np
import pytest

from minitransformer.pretrained.install import PRETRAINED
from minitransformer.pretrained.log_mel import N_FRAMES, N_MELS
from minitransformer.teaching import smollm2_runs
from minitransformer.teaching.spoken_sentence import (
    RESULTS,
    SENTENCE,
    read_spoken,
    write_spoken,
)


def test_the_kept_sentence_is_a_spectrogram_and_small():
    mel, sentence, seconds = read_spoken()
    assert mel.shape == (N_FRAMES, N_MELS) and mel.dtype == np.float32
    assert sentence == SENTENCE and 6 < seconds < 6.2
    assert np.ptp(mel[700:]) == 0 and np.ptp(mel[:600]) == pytest.approx(2, abs=0.01)
    assert RESULTS.stat().st_size < 100_000


@pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed")
def test_the_sentence_can_be_spoken_again(tmp_path):
    path = tmp_path / "again.npz"
    write_spoken(path)
    again, sentence, _ = read_spoken(path)
    assert sentence == SENTENCE
    assert np.abs(again - read_spoken()[0]).mean() < 0.05  # another version may speak otherwise


def test_the_kept_words_are_of_the_model_that_is_installed():
    kept = json.loads(smollm2_runs.RESULTS.read_text(encoding="utf-8"))
    assert kept["package"] == PRETRAINED["smollm2"].package
    assert [text["prompt"] for text in kept["texts"]] == list(smollm2_runs.PROMPTS)
    assert all(len(text["new"]) == smollm2_runs.NEW for text in kept["texts"])
    assert all(len(text["best"]) == smollm2_runs.BEST for text in kept["texts"])

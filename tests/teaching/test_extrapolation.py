"""Lesson 14's experiment: bits at each place, by hand; and the file that it leaves."""

import math

import numpy as np
import pytest

from minitransformer.data.manual import TextSplit
from minitransformer.functional import softmax_forward
from minitransformer.models.decoder_only import decoder_only_forward
from minitransformer.teaching.extrapolation import (
    BIN, CONFIG, KINDS, LONGER, SEEDS, bits_by_place, measure_positions, read_positions,
    train_with_positions)

TEXT = "abacabad" * 40
SPLIT = TextSplit(TEXT, TEXT, TEXT)
SMALL = {"d_model": 8, "n_heads": 2, "n_layers": 1, "d_ff": 8, "length": 4, "batch": 8,
         "steps": 60, "lr": 0.02}


@pytest.mark.parametrize("positions", KINDS)
def test_a_place_is_measured_on_pieces_that_begin_at_every_multiple(positions):
    params, ids, config = train_with_positions(SPLIT, positions, seed=0, **SMALL)
    places = bits_by_place(params, ids.validation, config=config, length=4)
    assert config.max_seq_len == len(places) == 4 * LONGER
    starts = range(0, len(TEXT) - 16, 4)
    bits = []
    for start in starts:
        piece = ids.validation[start:start + 17]
        logits, _ = decoder_only_forward(params, ids=piece[None, :-1], config=config)
        probs, _ = softmax_forward(logits[0])
        bits.append([-math.log2(probs[t, piece[t + 1]]) for t in range(16)])
    assert np.allclose(places, np.mean(bits, axis=0), rtol=1e-4)


def test_training_reaches_no_row_beyond_its_length():
    trained, _, _ = train_with_positions(SPLIT, "learned", seed=0, **SMALL)
    fresh, _, _ = train_with_positions(SPLIT, "learned", seed=0, **SMALL | {"steps": 0})
    same = np.all(trained["embedding"]["positions"] == fresh["embedding"]["positions"], axis=1)
    assert not same[:4].any() and same[4:].all()


def test_the_file_holds_a_row_of_bins_for_each_seed(tmp_path, capsys):
    path = tmp_path / "positions.json"
    measure_positions(SPLIT, kinds=("alibi", "none"), seeds=(0, 1), config=SMALL, bin=2, path=path)
    found = read_positions(path)
    assert found["config"] == SMALL and found["seeds"] == [0, 1] and found["bin"] == 2
    assert np.array(found["bits"]["alibi"]).shape == (2, 8)
    assert "alibi        seed 1" in capsys.readouterr().out


def test_a_missing_file_says_how_to_make_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="python -m minitransformer.teaching.extrapolation"):
        read_positions(tmp_path / "positions.json")


def test_the_committed_file_is_that_of_the_settings():
    found = read_positions()
    assert (found["config"], found["seeds"], found["bin"]) == (CONFIG, list(SEEDS), BIN)
    assert list(found["bits"]) == list(KINDS)

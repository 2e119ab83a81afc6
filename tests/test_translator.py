"""The translator: its data, its file, and that it learns."""

import numpy as np
import pytest

from minitransformer.models import EncoderDecoder, EncoderDecoderConfig
from minitransformer.training import CheckpointError
from minitransformer.translator import (
    FILE,
    Pairs,
    Translator,
    exact_match,
    number_word_pairs,
    split_pairs,
    train,
    train_translator,
)

PAIRS = [("one", "eins"), ("two", "zwei"), ("forty-two", "zweiundvierzig")]


def test_no_number_is_in_two_parts():
    pairs = number_word_pairs()
    assert [len(part) for part in pairs] == [20_000, 500, 500]
    sources = [source for part in pairs for source, _ in part]
    assert len(set(sources)) == len(sources)


def test_a_source_with_two_targets_stays_in_one_part():
    pairs = [(f"s{n}", f"t{k}") for n in range(40) for k in range(2)]
    parts = split_pairs(pairs, seed=1)
    assert [len(part) for part in parts] == [64, 8, 8]
    assert sorted(pair for part in parts for pair in part) == sorted(pairs)
    sources = [{source for source, _ in part} for part in parts]
    assert not (sources[0] & sources[1] or sources[0] & sources[2] or sources[1] & sources[2])
    assert split_pairs(pairs, seed=1) == parts != split_pairs(pairs, seed=2)
    with pytest.raises(ValueError, match="9 different sources, expected at least 10"):
        split_pairs(pairs[:18])


def test_it_learns_three_pairs_by_heart_and_survives_its_file(tmp_path):
    translator = Translator.untrained(PAIRS, seed=3)
    assert translator.model.config.max_seq_len == len("zweiundvierzig") + 1
    rows = train(translator, Pairs(PAIRS, PAIRS, PAIRS), steps=60, seed=3,
                 print_every=0)
    assert rows[-1].loss < 0.1 < rows[0].loss
    assert exact_match(translator, PAIRS) == (["eins", "zwei", "zweiundvierzig"], 3)
    assert exact_match(translator, [("one", "zwei"), ("two", "zwei")]) == (["eins", "zwei"], 1)

    translator.save(tmp_path / FILE)
    for path in (tmp_path, tmp_path / FILE):
        loaded = Translator.load(path)
        assert loaded.translate(["two", "forty-two"], beam_size=2) == ["zwei", "zweiundvierzig"]


def test_a_text_of_unknown_words_or_of_none_is_refused():
    translator = Translator.untrained(PAIRS)
    with pytest.raises(ValueError, match="'three'"):
        translator.translate(["three"])
    with pytest.raises(ValueError, match="empty"):
        translator.translate([" "])


def test_a_file_that_holds_no_translator_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no translator at"):
        Translator.load(tmp_path)
    EncoderDecoder(EncoderDecoderConfig(5, 6, d_model=8, n_heads=2, n_layers=1, d_ff=8)).save(
        tmp_path / "model.npz")
    with pytest.raises(CheckpointError, match="no tokenizers"):
        Translator.load(tmp_path / "model.npz")


def test_the_cross_attention_picture_shows_each_step_and_word(tmp_path):
    from minitransformer.tour import cross_attention, draw_cross_attention

    translator = Translator.untrained(PAIRS)
    weights = cross_attention(translator, "forty-two", "zweiundvierzig")
    assert weights.shape == (len("zweiundvierzig") + 1, 3)  # END; forty, -, two
    np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-5)
    draw_cross_attention(translator, "forty-two", "zweiundvierzig", tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 5000


@pytest.mark.parametrize("steps", [0, -3])
def test_a_run_without_a_step_is_refused_before_it_writes(tmp_path, steps):
    with pytest.raises(ValueError, match=f"steps is {steps}, expected at least 1"):
        train_translator(tmp_path / "run", steps=steps)
    assert not (tmp_path / "run").exists()

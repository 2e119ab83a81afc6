"""EncoderDecoder.generate: the KV cache changes nothing, and neither do neighbours or padding."""

import numpy as np
import pytest

from minitransformer.data.batching import pad_rows
from minitransformer.data.tokenizers import END, PAD, START
from minitransformer.decoding import beam_search
from minitransformer.models.encoder_decoder import encoder_decoder_forward
from minitransformer.models.translation import (
    EncoderDecoder, EncoderDecoderConfig, decoding_step)
from minitransformer.tree import tree_map

SOURCES = [[5, 3, 8, 4, 9, 3, 7], [6], [3, 3, 5, 8], [9, 4]]
SRC = pad_rows(SOURCES)


def make_model(seed=0, dtype=np.float64, **options):
    """A model with every array moved off its starting value, so that targets differ and end."""
    config = EncoderDecoderConfig(src_vocab_size=10, tgt_vocab_size=8, d_model=12, n_heads=3,
                                  n_layers=2, d_ff=20, max_seq_len=9, **options)
    model = EncoderDecoder(config, seed=seed, dtype=dtype)
    rng = np.random.default_rng(seed)
    model.params = tree_map(
        lambda x: x + (0.3 * rng.standard_normal(x.shape)).astype(dtype), model.params)
    return model


@pytest.mark.parametrize("options", [
    {"norm_placement": "pre"}, {"norm_placement": "post"}, {"norm": "none", "positions": "none"},
    {"tied_embeddings": "output"}])
def test_cached_logits_equal_the_full_forward_at_every_step(options):
    model, rng = make_model(**options), np.random.default_rng(1)
    step = decoding_step(model.params, src=SRC, config=model.config)
    src, prefixes = SRC, np.empty((len(SRC), 0), dtype=int)
    ids, rows = np.full(len(SRC), START), np.arange(len(SRC))
    for _ in range(model.config.max_seq_len):
        src, prefixes = src[rows], np.column_stack([prefixes[rows], ids])
        logits = step(ids, rows)
        full, _ = encoder_decoder_forward(model.params, src=src, tgt=prefixes, config=model.config)
        scale = max(1, np.max(np.abs(full)))  # without a norm the logits are large
        assert logits.shape == full[:, -1].shape
        assert np.max(np.abs(logits - full[:, -1])) < 1e-12 * scale
        rows = rng.integers(0, len(rows), rng.integers(2, 7))  # some repeated, some left out
        ids = rng.integers(END + 1, model.config.tgt_vocab_size, len(rows))


@pytest.mark.parametrize("beam_size", [1, 3])
@pytest.mark.parametrize("seed", [4, 6, 8])
def test_generate_follows_the_full_forward(seed, beam_size):
    model = make_model(seed)

    def uncached(src):
        prefixes = np.empty((len(src), 0), dtype=int)

        def step(ids, rows):
            nonlocal src, prefixes
            src, prefixes = src[rows], np.column_stack([prefixes[rows], ids])
            return model.forward(src, prefixes)[0][:, -1]
        return step

    expected = beam_search(uncached(SRC), batch_size=len(SRC), max_new_tokens=9,
                           beam_size=beam_size, length_penalty=1.2)
    assert expected == model.generate(SRC, max_new_tokens=9, beam_size=beam_size,
                                      length_penalty=1.2)
    assert not {PAD, START, END} & {token for ids in expected for token in ids}


@pytest.mark.parametrize("beam_size", [1, 3])
@pytest.mark.parametrize("norm_placement", ["pre", "post"])
def test_a_result_does_not_depend_on_its_neighbours(norm_placement, beam_size):
    model = make_model(2, norm_placement=norm_placement)
    together = model.generate(SRC, max_new_tokens=9, beam_size=beam_size)
    alone = [model.generate(np.array([source]), max_new_tokens=9, beam_size=beam_size)[0]
             for source in SOURCES]
    assert together == alone
    assert len({tuple(ids) for ids in together}) > 1


def test_float32_stays_float32():
    model = make_model(dtype=np.float32)
    step = decoding_step(model.params, src=SRC, config=model.config)
    rows = np.arange(len(SRC))
    assert step(np.full(len(SRC), START), rows).dtype == np.float32
    assert step(np.full(len(SRC), 5), rows).dtype == np.float32


def test_generate_changes_neither_parameters_nor_sources():
    model, src = make_model(), SRC.copy()
    before = tree_map(np.copy, model.params)
    model.generate(src, max_new_tokens=5, beam_size=2)
    assert np.array_equal(src, SRC)
    tree_map(lambda a, b: np.testing.assert_array_equal(a, b), model.params, before)


def test_lengths_beyond_max_seq_len_are_refused():
    model = make_model()
    model.generate(SRC, max_new_tokens=9)
    with pytest.raises(ValueError, match="max_new_tokens is 10, but max_seq_len is 9"):
        model.generate(SRC, max_new_tokens=10)
    with pytest.raises(ValueError, match="10 tokens, but max_seq_len is 9"):
        model.generate(np.full((1, 10), 4), max_new_tokens=3)


def test_bad_sources_are_refused():
    model = make_model()
    with pytest.raises(ValueError, match="src has shape"):
        model.generate(np.array([4, 5]), max_new_tokens=3)
    for src in (np.zeros((1, 0), dtype=int), np.array([[4, 5], [PAD, PAD]])):
        with pytest.raises(ValueError, match="a source is empty"):
            model.generate(src, max_new_tokens=3)
    with pytest.raises(ValueError, match="the id 10"):
        model.generate(np.array([[10]]), max_new_tokens=3)
    with pytest.raises(ValueError, match="beam_size is 0"):
        model.generate(SRC, max_new_tokens=3, beam_size=0)

"""Patching: all of the clean run restores all, none of it changes nothing, to the bit."""

import numpy as np
import pytest

from minitransformer.interpretability.ablation import ablate_heads
from minitransformer.interpretability.patching import (
    decoder_chain, encoder_chain, head_patching, logit_difference, patching_map, run_from, streams,
    two_sources_forward, with_positions)
from minitransformer.models import (
    DecoderOnly, DecoderOnlyConfig, EncoderDecoder, EncoderDecoderConfig)
from minitransformer.tree import tree_map

SIZES = {"d_model": 12, "n_heads": 3, "n_layers": 3, "d_ff": 10, "max_seq_len": 9, "dropout": 0.0}
RNG = np.random.default_rng(0)
CLEAN = RNG.integers(3, 11, size=(2, 6))
CORRUPTED = CLEAN.copy()
CORRUPTED[:, 2] = 3 + (CLEAN[:, 2] - 2) % 8
TGT = np.array([[1, 4, 7, 5], [1, 9, 0, 0]])


def shaken(model):
    rng = np.random.default_rng(1)
    model.params = tree_map(lambda x: rng.normal(size=x.shape) * 0.5, model.params)
    return model


def language_model(**choices):
    return shaken(DecoderOnly(DecoderOnlyConfig(11, **SIZES, **choices), dtype=np.float64))


def translator(**choices):
    return shaken(EncoderDecoder(EncoderDecoderConfig(11, 11, **SIZES, **choices),
                                 dtype=np.float64))


MODELS = {
    "decoder": (language_model, decoder_chain, lambda m, ids: m.forward(ids)[0]),
    "decoder, untied": (lambda: language_model(tied_embeddings="none", positions="rotary",
                                               norm_placement="post"),
                        decoder_chain, lambda m, ids: m.forward(ids)[0]),
    "encoder": (translator, lambda m, ids: encoder_chain(m, ids, TGT),
                lambda m, ids: m.forward(ids, TGT)[0]),
    "encoder, tied": (lambda: translator(tied_embeddings="all", norm="batch"),
                      lambda m, ids: encoder_chain(m, ids, TGT),
                      lambda m, ids: m.forward(ids, TGT)[0]),
}


def measure(logits):
    return logit_difference(logits, at=-1, answer=np.array([4, 5]), other=np.array([8, 7]))


@pytest.mark.parametrize("name", MODELS)
def test_a_chain_is_the_model(name):
    make, chain_of, run = MODELS[name]
    model = make()
    ids = CLEAN.copy()
    ids[1, 4:] = 0                                                # padding is masked here too
    chain = chain_of(model, ids)
    levels = streams(chain)
    assert len(levels) == 4 and all(x.shape == (2, 6, 12) for x in levels)
    for level, x in enumerate(levels):
        np.testing.assert_array_equal(run_from(chain, level, x), run(model, ids))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("level", range(4))
def test_patching_everything_restores_all_and_nothing_changes_nothing(name, level):
    make, chain_of, run = MODELS[name]
    model = make()
    clean, corrupted = chain_of(model, CLEAN), chain_of(model, CORRUPTED)
    good, bad = streams(clean)[level], streams(corrupted)[level]
    kept = good.copy(), bad.copy()
    everything = with_positions(bad, good, list(range(6)))
    np.testing.assert_array_equal(run_from(corrupted, level, everything), run(model, CLEAN))
    nothing = with_positions(bad, good, [])
    np.testing.assert_array_equal(run_from(corrupted, level, nothing), run(model, CORRUPTED))
    assert np.abs(run(model, CLEAN) - run(model, CORRUPTED)).max() > 1e-3
    np.testing.assert_array_equal(good, kept[0])
    np.testing.assert_array_equal(bad, kept[1])
    assert not np.shares_memory(everything, bad) and not np.shares_memory(everything, good)


def test_the_map_is_each_patch_by_itself():
    model = language_model()
    clean, corrupted = decoder_chain(model, CLEAN), decoder_chain(model, CORRUPTED)
    found = patching_map(clean, corrupted, measure)
    assert found.shape == (4, 6)
    high, low = (measure(model.forward(ids)[0]) for ids in (CLEAN, CORRUPTED))
    good, bad = streams(clean), streams(corrupted)
    for level, t in [(0, 2), (2, 2), (2, 4), (3, 5)]:
        x = bad[level].copy()
        x[:, t] = good[level][:, t]
        for block in corrupted.blocks[level:]:
            x = block(x)
        want = (measure(corrupted.finish(x)) - low) / (high - low)
        assert found[level, t] == pytest.approx(want, abs=1e-12)


def test_the_map_knows_where_the_difference_is_and_where_the_answer_is_read():
    """Before the first block only the changed token differs; after the last only its own place."""
    model = language_model()
    found = patching_map(decoder_chain(model, CLEAN), decoder_chain(model, CORRUPTED), measure)
    np.testing.assert_array_equal(found[0], [0, 0, 1, 0, 0, 0])
    np.testing.assert_array_equal(found[3], [0, 0, 0, 0, 0, 1])
    np.testing.assert_array_equal(found[:, :2], 0)                # no token sees a later one


def test_a_logit_difference_by_hand():
    logits = np.array([[[1., 2, 3], [4, 5, 9]], [[0, 0, 1], [7, 1, 2]]])
    answer, other = np.array([2, 0]), np.array([0, 1])
    assert logit_difference(logits, at=-1, answer=answer, other=other) == (5 + 6) / 2
    assert logit_difference(logits, at=np.array([0, 1]), answer=answer, other=other) == (2 + 6) / 2


def test_texts_must_fit_and_differ():
    model = language_model()
    clean = decoder_chain(model, CLEAN)
    with pytest.raises(ValueError, match=r"shape \(2, 6, 12\), the corrupted one \(2, 5, 12\)"):
        patching_map(clean, decoder_chain(model, CLEAN[:, :5]), measure)
    with pytest.raises(ValueError, match="there is nothing to restore"):
        patching_map(clean, decoder_chain(model, CLEAN), measure)


ALL_HEADS = [(block, head) for block in range(3) for head in range(3)]


@pytest.mark.parametrize("make", [translator, lambda: translator(tied_embeddings="all",
                                                                 norm="batch")])
def test_heads_that_read_one_source_are_the_model_on_it(make):
    model = make()
    clean, corrupted = CLEAN.copy(), CORRUPTED.copy()
    clean[1, 4:], corrupted[1, 5:] = 0, 0                         # each has padding of its own
    for heads, src in ((ALL_HEADS, clean), ([], corrupted)):
        found = two_sources_forward(model, clean, corrupted, tgt=TGT, heads=heads)
        np.testing.assert_allclose(found, model.forward(src, TGT)[0], rtol=0, atol=1e-11)


def test_one_head_reads_the_clean_source_and_the_others_the_corrupted_one():
    """Where the other heads are silent, and it alone is changed, the run is the clean one."""
    model = translator()
    others = [head for head in ALL_HEADS if head != (1, 2)]
    alone = ablate_heads(model, others, where="cross")
    found = two_sources_forward(alone, CLEAN, CORRUPTED, tgt=TGT, heads=[(1, 2)])
    np.testing.assert_allclose(found, alone.forward(CLEAN, TGT)[0], rtol=0, atol=1e-11)
    found = two_sources_forward(alone, CLEAN, CORRUPTED, tgt=TGT, heads=others)
    np.testing.assert_allclose(found, alone.forward(CORRUPTED, TGT)[0], rtol=0, atol=1e-11)
    assert np.abs(alone.forward(CLEAN, TGT)[0] - found).max() > 1e-6


def test_each_head_has_a_share():
    model = translator()
    found = head_patching(model, CLEAN, CORRUPTED, tgt=TGT, measure=measure)
    assert found.shape == (3, 3)
    high, low = (measure(model.forward(src, TGT)[0]) for src in (CLEAN, CORRUPTED))
    one = measure(two_sources_forward(model, CLEAN, CORRUPTED, tgt=TGT, heads=[(2, 1)]))
    assert found[2, 1] == pytest.approx((one - low) / (high - low), abs=1e-9)
    with pytest.raises(ValueError, match="there is nothing to restore"):
        head_patching(model, CLEAN, CLEAN, tgt=TGT, measure=measure)

"""The whole encoder-decoder as a function: what its logits depend on, and what not."""

import warnings

import numpy as np
import pytest

from minitransformer.checks.case import randomize
from minitransformer.functional.dropout import DropoutCache
from minitransformer.models import (
    EncoderDecoderConfig,
    decoder_forward,
    encoder_decoder_backward,
    encoder_decoder_forward,
    encoder_decoder_init,
)
from minitransformer.tree import tree_items

SRC = np.array([[3, 5, 4, 6, 3, 8], [7, 3, 9, 0, 0, 0], [4, 4, 5, 9, 0, 0]])
TGT = np.array([[1, 4, 3, 9, 6], [1, 8, 0, 0, 0], [1, 5, 5, 0, 0]])
PLACEMENTS = pytest.mark.parametrize("placement", ["pre", "post"])


def make(**changes):
    sizes = {"src_vocab_size": 10, "tgt_vocab_size": 10, "d_model": 12, "n_heads": 3,
             "n_layers": 2, "d_ff": 9, "max_seq_len": 8, "dropout": 0.4, **changes}
    config = EncoderDecoderConfig(**sizes)
    rng = np.random.default_rng(0)
    params = randomize(rng, encoder_decoder_init(rng, config=config, dtype=np.float64))

    def forward(src=SRC, tgt=TGT, params=params, **options):
        return encoder_decoder_forward(params, src=src, tgt=tgt, config=config, **options)
    return params, forward


def dropout_factors(cache):
    """The factors of every dropout site in a cache, however deep."""
    if isinstance(cache, DropoutCache):
        return [cache.factor]
    children = cache if isinstance(cache, (tuple, list)) else ()
    return [factor for child in children for factor in dropout_factors(child)]


@PLACEMENTS
def test_no_later_token_changes_an_earlier_logit_to_the_bit(placement):
    _, forward = make(norm_placement=placement)
    tgt = np.array([[1, 4, 3, 9, 6, 5]])
    logits, _ = forward(SRC[:1], tgt)
    rng = np.random.default_rng(1)
    for t in range(tgt.shape[1] - 1):
        for _ in range(3):
            later = tgt.copy()
            later[:, t + 1:] = rng.integers(3, 10, size=later[:, t + 1:].shape)
            assert np.array_equal(forward(SRC[:1], later)[0][:, : t + 1], logits[:, : t + 1])


@PLACEMENTS
def test_every_earlier_token_and_every_source_token_changes_a_logit(placement):
    _, forward = make(norm_placement=placement)
    src, tgt = SRC[:1], np.array([[1, 4, 3, 9]])
    logits, _ = forward(src, tgt)
    for t in range(4):
        changed = tgt.copy()
        changed[0, t] = 7
        difference = np.abs(forward(src, changed)[0] - logits).max(axis=-1)[0]
        assert (difference[t:] > 1e-6).all()
    for s in range(src.shape[1]):
        changed = src.copy()
        changed[0, s] = 7
        assert (np.abs(forward(changed, tgt)[0] - logits).max(axis=-1) > 1e-6).all()


@PLACEMENTS
def test_neighbours_and_padding_change_no_logit(placement):
    _, forward = make(norm_placement=placement)
    logits, _ = forward()
    for row, (S, T) in enumerate([(6, 5), (3, 2), (4, 3)]):
        alone, _ = forward(SRC[row:row + 1, :S], TGT[row:row + 1, :T])
        np.testing.assert_allclose(logits[row:row + 1, :T], alone, rtol=0, atol=1e-12)
    order = [2, 0, 1]
    np.testing.assert_allclose(forward(SRC[order], TGT[order])[0], logits[order], atol=1e-12)


def test_a_source_of_padding_alone_is_finite_and_silent():
    _, forward = make()
    src = SRC.copy()
    src[1] = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        logits, cache = forward(src)
        dparams = encoder_decoder_backward(np.ones_like(logits), cache)
    assert np.isfinite(logits).all()
    assert all(np.isfinite(x).all() for _, x in tree_items(dparams))


def test_dropout_is_reproduced_by_seed_and_step():
    _, forward = make()
    logits, _ = forward(dropout_seed=(3, 7))
    assert np.array_equal(logits, forward(dropout_seed=(3, 7))[0])
    for other in ((3, 8), (4, 7), None):
        assert not np.allclose(logits, forward(dropout_seed=other)[0])
    assert np.array_equal(forward()[0], forward()[0])


def test_every_dropout_site_has_a_mask_of_its_own():
    _, forward = make()
    tgt = np.array([[1, 4, 3, 9, 6, 5]] * 3)  # as long as the source: all masks have one shape
    _, cache = forward(tgt=tgt, dropout_seed=(3, 7))
    factors = dropout_factors(cache)
    assert len(factors) == 2 + 2 * 2 + 2 * 3  # two embeddings, two encoder and decoder blocks
    assert len({factor.tobytes() for factor in factors}) == len(factors)
    # Layers count on from the encoder to the decoder: an embedding, then its blocks, each.
    keys = [(0, 0), *[(1 + i, site) for i in range(2) for site in range(2)],
            (3, 0), *[(4 + i, site) for i in range(2) for site in range(3)]]
    for factor, key in zip(factors, keys, strict=True):
        drawn = np.random.default_rng([3, 7, *key]).random(factor.shape, dtype=np.float32)
        assert np.array_equal(factor != 0, drawn >= 0.4)
    _, cache = forward()
    assert dropout_factors(cache) == [None] * len(factors)


def test_cross_attention_reads_no_padding():
    _, forward = make()
    _, cache = forward()
    for block in cache.decoder.blocks:
        weights = block.cross_attention.attention.weights                     # (B, H, T, S)
        padded = np.broadcast_to((SRC == 0)[:, None, None, :], weights.shape)
        assert not weights[padded].any()
        np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-13)


def test_self_attention_reads_no_padding_and_no_future():
    _, forward = make()
    tgt = np.array([[1, 4, 0, 9, 6], [1, 0, 3, 0, 0], [1, 5, 5, 7, 0]])  # in the middle too
    _, cache = forward(tgt=tgt)
    for blocks, ids in ((cache.encoder.blocks, SRC), (cache.decoder.blocks, tgt)):
        for block in blocks:
            attention = block.attention if ids is SRC else block.self_attention
            seen = np.broadcast_to((ids != 0)[:, None, :], (3, ids.shape[1], ids.shape[1]))
            seen = seen if ids is SRC else np.tril(seen)
            assert np.array_equal(attention.attention.weights > 0,
                                  np.broadcast_to(seen[:, None], (3, 3, *seen.shape[1:])))


@pytest.mark.parametrize("tied", ["output", "all"])
def test_tied_tables_are_one_table_with_the_sum_of_the_gradients(tied):
    params, forward = make(tied_embeddings=tied)
    _, untied_forward = make()
    table = params["decoder"]["embedding"]["table"]
    encoder, decoder = dict(params["encoder"]), dict(params["decoder"])
    assert "output" not in decoder
    assert ("embedding" in encoder) == (tied == "output")
    decoder["output"] = {"w": table.T}
    encoder.setdefault("embedding", {"table": table})
    logits, cache = forward()
    untied, untied_cache = untied_forward(params={"encoder": encoder, "decoder": decoder})
    assert np.array_equal(logits, untied)
    dlogits = np.random.default_rng(1).normal(size=logits.shape)
    dtable = encoder_decoder_backward(dlogits, cache)["decoder"]["embedding"]["table"]
    duntied = encoder_decoder_backward(dlogits, untied_cache)
    expected = duntied["decoder"]["embedding"]["table"] + duntied["decoder"]["output"]["w"].T
    if tied == "all":
        expected = expected + duntied["encoder"]["embedding"]["table"]
    np.testing.assert_allclose(dtable, expected, rtol=1e-12, atol=1e-14)


def test_without_positions_the_order_of_the_source_does_not_matter():
    for positions, matters in (("none", False), ("sinusoidal", True)):
        _, forward = make(positions=positions)
        difference = forward(SRC[:1, ::-1], TGT[:1])[0] - forward(SRC[:1], TGT[:1])[0]
        assert (np.abs(difference).max() > 1e-6) == matters


def test_errors_at_the_door():
    _, forward = make()
    with pytest.raises(ValueError, match="the id 10, but there are 10 entries"):
        forward(SRC + 1, TGT)
    with pytest.raises(ValueError, match="the id -1"):
        forward(SRC, TGT - 1)
    with pytest.raises(ValueError, match=r"src has shape \(2, 6\), expected \(3, S\)"):
        forward(SRC[:2], TGT)
    with pytest.raises(ValueError, match="the sequence has 9 tokens, but max_seq_len is 8"):
        forward(np.full((3, 9), 4), TGT)
    with pytest.raises(ValueError, match="the sequence has 9 tokens, but max_seq_len is 8"):
        forward(SRC, np.full((3, 9), 4))
    with pytest.raises(ValueError, match=r"tgt has shape \(.,\), expected \(B, T\)"):
        forward(SRC, TGT[0])
    with pytest.raises(TypeError, match="src must be integers, got float64"):
        forward(SRC * 1.0, TGT)


def test_what_does_not_fit_the_memory_is_refused():
    sizes = {"src_vocab_size": 10, "tgt_vocab_size": 10, "d_model": 12, "n_heads": 3, "d_ff": 9,
             "n_layers": 1}
    config = EncoderDecoderConfig(**sizes)
    params = encoder_decoder_init(np.random.default_rng(0), config=config, dtype=np.float64)
    memory = np.ones((*SRC.shape, 12))
    for src in (SRC[:1], SRC[:, :1]):  # as masks, both would broadcast
        with pytest.raises(ValueError, match=r"src has shape .*, expected \(3, 6\) = \(B S\)"):
            decoder_forward(params["decoder"], memory, tgt=TGT, src=src, config=config)
    with pytest.raises(ValueError, match=r"tgt has shape \(2, 5\), expected \(3, T\)"):
        decoder_forward(params["decoder"], memory, tgt=TGT[:2], src=SRC, config=config)
    with pytest.raises(ValueError, match="tgt holds the id 10"):
        decoder_forward(params["decoder"], memory, tgt=TGT + 1, src=SRC, config=config)
    with pytest.raises(ValueError, match=r"x has shape \(3, 6, 11\), expected \(..., 12\)"):
        decoder_forward(params["decoder"], memory[..., :11], tgt=TGT, src=SRC, config=config)

"""Lesson 22's measurements: what the runs write, on a translator too small to learn anything."""

import numpy as np
import pytest

from minitransformer.data.batching import make_batch
from minitransformer.compress import silence_heads
from minitransformer.teaching import price_runs
from minitransformer.teaching.price_runs import (
    BITS, HEADS_GONE, NARROW, SEEDS, SHARES, WIDTH, bytes_with, head_losses, heads_by_width,
    in_bits, in_factors, layers_with_heads, measure, read_price, tree_bytes, with_heads,
    with_params, without_heads)
from minitransformer.translator import Pairs, Translator, number_word_pairs
from minitransformer.tree import tree_items, tree_map

ALL = number_word_pairs()
FEW = Pairs(ALL.train[:200], ALL.validation[:20], ALL.test[:20])


@pytest.fixture(scope="module")
def translator():
    made = price_runs.trained(FEW, width=16, seed=0, steps=1)
    noise = np.random.default_rng(0)  # so that no bias is zero
    return with_params(made, tree_map(
        lambda x: x + noise.normal(size=x.shape).astype(x.dtype) / 4, made.model.params))


def loss(translator, params):
    return with_params(translator, params).model.loss(make_batch(translator.encode(FEW.test)))


def test_cut_heads_compute_what_silenced_ones_do_in_the_whole_model(translator):
    params = translator.model.params
    assert [name for name, _ in layers_with_heads(params)] == [
        "encoder.blocks.0.attention", "encoder.blocks.1.attention",
        *(f"decoder.blocks.{i}.{kind}" for i in (0, 1)
          for kind in ("self_attention", "cross_attention"))]
    gone = {"encoder.blocks.1.attention": [0, 2], "decoder.blocks.0.cross_attention": [3],
            "decoder.blocks.1.self_attention": [0, 1, 2, 3]}
    silent = with_heads(params, gone, silence_heads, n_heads=4)
    pairs = [(name, head) for name, heads in gone.items() for head in heads]
    cut = without_heads(translator, pairs)
    with heads_by_width(4):
        assert loss(translator, cut) == pytest.approx(loss(translator, silent), rel=1e-5)
    assert loss(translator, silent) != pytest.approx(loss(translator, params), rel=1e-4)
    each = 4 * (3 * (16 + 1) * 4 + 4 * 16)  # a head's columns of q, k, v with biases, rows of out
    assert tree_bytes(params) - tree_bytes(cut) == 7 * each


def test_the_loss_without_each_head(translator):
    batch = make_batch(translator.encode(FEW.validation))
    found = head_losses(translator, batch)
    assert len(found) == 24 and len(set(found.values())) > 20
    name = "decoder.blocks.1.cross_attention"
    silent = with_heads(translator.model.params, {name: [2]}, silence_heads, n_heads=4)
    assert found[name, 2] == with_params(translator, silent).model.loss(batch)


def test_bytes_are_those_of_the_parts(translator):
    params = translator.model.params
    matrices = [x for name, x in tree_items(params) if name.endswith(".w")]
    rest = tree_bytes(params) - sum(w.nbytes for w in matrices)
    assert bytes_with(params, lambda w: 0) == rest
    changed, nbytes = in_bits(params, 4)
    assert nbytes == rest + sum(w.size // 2 + 4 * w.shape[1] for w in matrices)
    assert in_bits(params, 8, one_scale=True)[1] == rest + sum(w.size + 4 for w in matrices)
    before = dict(tree_items(params))
    assert all(np.array_equal(x, before[name]) != name.endswith(".w")
               for name, x in tree_items(changed))
    changed, nbytes = in_factors(params, 0.5)
    assert nbytes <= rest + 0.5 * sum(w.nbytes for w in matrices)
    ranks = [np.linalg.matrix_rank(x, tol=1e-4) for name, x in tree_items(changed)
             if name == "encoder.blocks.0.feed_forward.up.w"]
    assert ranks == [int(0.5 * 16 * 64 / (16 + 64))]


@pytest.mark.slow
def test_the_file_holds_what_was_measured(tmp_path, capsys):
    path = tmp_path / "price.json"
    measure(seeds=(1,), path=path, pairs=FEW, widths=(16, 8), bits=(8,), shares=(0.5,),
            heads_gone=(2,), steps=1, folder=tmp_path)
    found = read_price(path)
    assert found["seeds"] == [1] and found["numbers"] == 20
    assert [(row["way"], row["setting"]) for row in found["rows"]] == [
        ("width", 16), ("bits", 8), ("bits, one scale", 8), ("rank", 0.5), ("heads", 2),
        ("width", 8), ("width, 8 bits", 8)]
    assert len(found["heads"][0]["without"]) == 24
    assert Translator.load(tmp_path / "16_1.npz").model.config.d_model == 16
    again = tmp_path / "again.json"
    measure(seeds=(1,), path=again, pairs=FEW, widths=(16, 8), bits=(8,), shares=(0.5,),
            heads_gone=(2,), steps=1, folder=tmp_path)  # the kept translators are the same
    assert again.read_text() == path.read_text()


def test_a_missing_file_says_how_to_make_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="python -m minitransformer.teaching.price_runs"):
        read_price(tmp_path / "price.json")


def test_the_committed_file_is_that_of_the_settings():
    found = read_price()
    assert found["seeds"] == list(SEEDS) and found["numbers"] == 500
    settings = {(row["way"], row["setting"]) for row in found["rows"]}
    assert settings == ({("width", width) for width in (WIDTH, *NARROW)}
                        | {("width, 8 bits", width) for width in NARROW}
                        | {(way, n) for way in ("bits", "bits, one scale") for n in BITS}
                        | {("rank", share) for share in SHARES}
                        | {("heads", n) for n in HEADS_GONE})
    assert len(found["rows"]) == len(SEEDS) * len(settings)

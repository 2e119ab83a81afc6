"""Lesson 20's runs on the translator's heads: places, mistakes, and a run of one step."""

import numpy as np
import pytest

from minitransformer.data.batching import make_batch
from minitransformer.interpretability.ablation import ablate_heads
from minitransformer.teaching import translator_heads_runs
from minitransformer.teaching.number_endings import ending, mistake, with_endings
from minitransformer.teaching.price_runs import trained
from minitransformer.teaching.translator_heads_runs import (
    letter_losses, looks, measure, patching, read_translator_heads, units_pairs, without_each)
from minitransformer.translator import Pairs, number_word_pairs

ALL = number_word_pairs()
FEW = Pairs(ALL.train[:300], ALL.validation[:20], ALL.test[:30])


@pytest.fixture(scope="module")
def translator():
    return trained(FEW, width=16, seed=0, steps=1)


def test_the_places_of_units_and_tens():
    words = ["five", "hundred", "and", "forty", "-", "seven"]
    places = ending(words, "fünfhundertsiebenundvierzig")
    text = "fünfhundertsiebenundvierzig"
    assert (text[places.units], text[places.tens]) == ("sieben", "vierzig")
    assert (words[places.units_word], words[places.tens_word]) == ("seven", "forty")
    for word in ("vierzig", "siebzehn", "zwanzigtausendeins", "einundzwanzigtausend"):
        assert ending(words, word) is None
    assert ending(["twenty", "-", "one"], "einundzwanzig").units == slice(0, 3)


@pytest.mark.parametrize("text, kind", [
    ("achthundertvierundzwanzig", ""), ("achthundertzweiundvierzig", "swapped"),
    ("achthundertzwei", "lost"), ("achthundertvierzwanzig", "lost"),
    ("siebenhundertvierundzwanzig", "elsewhere"), ("achthundertdreiundzwanzig", "units"),
    ("achthundertvierunddreißig", "tens"), ("achthundertdreiunddreißig", "both")])
def test_mistakes_have_names(text, kind):
    assert mistake(text, "achthundertvierundzwanzig") == kind


def test_pairs_that_end_in_tens_and_units(translator):
    pairs, endings = with_endings(translator, ALL.test[:40])
    assert 15 < len(pairs) < 40 and len(endings) == len(pairs)
    for (source, target), places in zip(pairs, endings):
        words = translator.source.split(source)
        assert source.endswith("-".join([words[places.tens_word], words[places.units_word]]))
        assert target.endswith(target[places.units] + "und" + target[places.tens])


def test_a_look_is_the_mean_of_a_head_s_weights_at_these_letters(translator):
    pairs, endings = with_endings(translator, FEW.test)
    found = looks(translator, pairs, endings)
    batch = make_batch(translator.encode(pairs))
    _, cache = translator.model.forward(batch.src, batch.tgt)
    weights = cache.decoder.blocks[1].cross_attention.attention.weights   # (B, H, T, S)
    want = np.mean([np.mean([weights[b, 2, t, places.units_word]
                             for t in range(places.units.start, places.units.stop)])
                    for b, places in enumerate(endings)])
    assert found["units"][1, 2] == pytest.approx(want, rel=1e-5)
    want = np.mean([np.mean([weights[b, 2, t, places.tens_word]
                             for t in range(places.tens.start, places.tens.stop)])
                    for b, places in enumerate(endings)])
    assert found["tens"][1, 2] == pytest.approx(want, rel=1e-5)


def test_the_letters_losses_add_up_to_the_loss(translator):
    pairs, endings = with_endings(translator, FEW.test)
    batch = make_batch(translator.encode(pairs))
    found = letter_losses(translator.model, batch, endings)
    counts = {"units": sum(p.units.stop - p.units.start for p in endings),
              "tens": sum(p.tens.stop - p.tens.start for p in endings)}
    counts["others"] = np.count_nonzero(batch.targets) - sum(counts.values())
    total = sum(found[name] * n for name, n in counts.items()) / sum(counts.values())
    assert total == pytest.approx(translator.model.loss(batch), rel=1e-5)
    rows = without_each(translator, pairs, endings)
    assert len(rows) == 24
    row = next(r for r in rows if r["where"] == "decoder" and r["head"] == (1, 3))
    silent = ablate_heads(translator.model, [(1, 3)], where="decoder")
    assert row["tens"] == letter_losses(silent, batch, endings)["tens"]


@pytest.mark.parametrize("change, word", [("units", 13), ("tens", 11)])
def test_pairs_to_patch_differ_in_one_word_and_in_the_letter_asked_for(translator, change, word):
    clean, corrupted, answer, other, at = units_pairs(translator, n_texts=8, change=change)
    for (source, target), (source_too, target_too), a, b, t in zip(clean, corrupted, answer, other,
                                                                   at):
        words, words_too = map(translator.source.split, (source, source_too))
        assert len(words) == len(words_too) == 14
        assert [i for i in range(14) if words[i] != words_too[i]] == [word]
        assert target[:t] == target_too[:t] and target[t] != target_too[t]
        assert [a, b] == translator.target.encode(target[t] + target_too[t])


def test_the_map_knows_the_word_that_differs(translator):
    found = patching(translator, "units", n_texts=8)
    assert found["places"].shape == (3, 14) and found["heads"].shape == (2, 4)
    np.testing.assert_allclose(found["places"][0], [0] * 13 + [1], atol=1e-4)
    assert len(found["blocks"]) == 2


@pytest.mark.slow
def test_a_run_is_written_and_read_back(tmp_path, capsys):
    path = tmp_path / "heads.json"
    with pytest.raises(FileNotFoundError, match="translator_heads_runs"):
        read_translator_heads(path)
    measure(seeds=(0,), path=path, pairs=FEW, steps=1, width=16)
    assert "seed 0" in capsys.readouterr().out
    run = read_translator_heads(path)["runs"][0]
    assert sum(n for key, n in run["whole"].items() if key != "examples") == run["numbers"]
    assert len(run["cross"]) == 8 and np.shape(run["patching"]["tens"]["places"]) == (3, 14)
    assert [row["gone"] for row in run["together"]] == ["block 0", "block 1", *"1234567"]
    first = run["together"][2]["heads"][0]
    assert run["looks"]["units"][first[0]][first[1]] == np.max(run["looks"]["units"])


def test_the_committed_file_is_of_these_settings():
    found = read_translator_heads()
    assert found["seeds"] == list(translator_heads_runs.SEEDS)
    assert found["steps"] == translator_heads_runs.STEPS


@pytest.mark.parametrize("seed", translator_heads_runs.SEEDS)
def test_what_lesson_20_says_of_each_translator_is_in_the_file(seed):
    run = read_translator_heads()["runs"][seed]
    wrong = [run["numbers"] - row["mean"]["right"] for row in run["cross"]]
    shares = np.ravel(run["patching"]["units"]["heads"])
    assert 13 <= max(wrong) <= 40 and 0.8 < shares.sum() < 0.87 and shares.max() < 0.33
    looked = np.ravel(run["looks"]["units"])
    assert np.corrcoef(looked, shares)[0, 1] > 0.65 > 0.4 > np.corrcoef(looked, wrong)[0, 1]
    gone = next(row for row in run["together"] if row["gone"] == "3")
    units, tens = (gone[name] - run["losses"][name] for name in ("units", "tens"))
    assert (2.4 if seed == 2 else 11) < units / tens < (2.7 if seed == 2 else 12)
    for change, word in (("units", 13), ("tens", 11)):
        places = np.array(run["patching"][change]["places"])
        assert np.all(places[:, word] > 0.98) and np.all(np.delete(places, word, axis=1) < 0.05)
        assert max(run["without"], key=lambda row: row[change])["where"] == "decoder"
    mistakes = [row[kind] for row in run["cross"] for kind in ("zero", "mean")]
    mistakes += [row["mistakes"] for row in run["together"][:2]]
    assert not any("swapped" in found for found in mistakes)


def test_seven_of_the_translators_heads_bring_next_to_nothing():
    shares = [run["patching"]["units"]["heads"] for run in read_translator_heads()["runs"]]
    assert np.size(shares) == 24 and np.count_nonzero(np.ravel(shares) < 0.04) == 7

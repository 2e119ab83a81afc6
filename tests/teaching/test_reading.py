"""Lesson 19's tasks, measurements and the museum's checks of ways of reading."""

import dataclasses
import math

import numpy as np
import pytest

from minitransformer.data.number_words import english_words, german_words
from minitransformer.data.tokenizers import END, START
from minitransformer.interpretability.attention_maps import rollout
from minitransformer.models import EncoderOnly, EncoderOnlyConfig
from minitransformer.teaching.exhibits.lesson_19 import stack_forward, stacks
from minitransformer.teaching.museum import CHECKS, exhibit
from minitransformer.teaching.reading_measures import (
    DELETED, WAYS, against_the_rest, deciding_words, measure_marked, measure_translator,
    ranks_agree, read_marked, read_translation)
from minitransformer.teaching.reading_runs import RESULTS, measure, read_reading, train_small
from minitransformer.teaching.reading_task import (
    FIRST, LENGTH, LETTERS, MARK, SIZES, MarkedStream, NumberStream, draw_marked_texts, spelled,
    train_marked, train_writer)
from minitransformer.translator import Pairs, Translator


def test_the_class_is_the_letter_behind_the_one_mark():
    texts = draw_marked_texts(np.random.default_rng(1), 200)
    assert texts.ids.shape == (200, LENGTH) and np.all((texts.ids == MARK).sum(axis=1) == 1)
    for ids, place, label, relevant in zip(*texts, texts.relevant()):
        assert ids[place] == MARK and ids[place + 1] == FIRST + label
        assert np.flatnonzero(relevant).tolist() == [place, place + 1]
        assert spelled(ids)[place] == "*" and spelled(ids)[place + 1] == LETTERS[label]
    assert set(texts.classes) == set(range(8)) and set(texts.places) == set(range(LENGTH - 1))


def test_a_step_s_batch_depends_on_seed_and_step_alone():
    first, again = (MarkedStream(3).batch(7) for _ in range(2))
    assert np.array_equal(first.ids, again.ids)
    assert not np.array_equal(first.ids, MarkedStream(3).batch(8).ids)
    assert not np.array_equal(first.ids, MarkedStream(4).batch(7).ids)


def test_the_writer_reads_start_and_ends_with_end():
    model, tokenizer = train_writer(steps=2)
    batch = NumberStream(tokenizer, 0).batch(0)
    assert np.all(batch.tgt[:, 0] == START) and batch.tgt.shape == batch.targets.shape
    rows = [row[:row.tolist().index(END)] for row in batch.targets]
    assert all(np.array_equal(row, tgt[1:len(row) + 1]) for row, tgt in zip(rows, batch.tgt))
    assert model.forward(batch.tgt)[0].shape == (*batch.tgt.shape, tokenizer.vocab_size)


@pytest.mark.parametrize("number, expected", [
    (47, [("forty", "vierzig"), ("seven", "siebenundvierzig")]),
    (210, [("two", "zweihundertzehn")]),
    (101, [("one", "einhunderteins"), ("one", "eins")]),
    (5021, [("five", "fünftausendeinundzwanzig"), ("twenty", "zwanzig"), ("one", "einundzwanzig")]),
    (17, [])])
def test_the_words_that_decide_a_letter(number, expected):
    tokens = english_words(number).replace("-", " - ").replace(",", " ,").split()
    found = [(tokens[word], german_words(number)[letter:])
             for word, letter in deciding_words(tokens)]
    assert [word for word, _ in found] == [word for word, _ in expected]
    assert all(rest.startswith(start) for (_, rest), (_, start) in zip(found, expected))


def test_rank_correlation():
    assert ranks_agree(np.array([1, 5, 3]), np.array([10, 30, 20])) == 1
    assert ranks_agree(np.array([1, 5, 3]), np.array([3, 1, 2])) == -1
    # 1 - 6 * sum of d² / (n (n² - 1)), d the differences of ranks: (0, 1, 1, 0)
    assert math.isclose(ranks_agree(np.array([1., 2, 3, 4]), np.array([0., 9, 8, 10])), 0.8)


def test_an_answer_is_weighed_against_the_mean():
    weights = against_the_rest(2, 5)
    assert math.isclose(weights.sum(), 0, abs_tol=1e-12) and math.isclose(weights[2], 0.8)


def test_deletion_of_a_marked_text_is_a_forward_without_the_token():
    model = EncoderOnly(EncoderOnlyConfig(MARK + 1, n_classes=8, **SIZES))
    ids = draw_marked_texts(np.random.default_rng(1), 1).ids[0]
    found, complete = read_marked(model, ids, 3)
    assert set(found) == set(WAYS) and complete.gap <= 0.01
    mask = np.arange(LENGTH) != np.array([[LENGTH], [4]])
    (whole, without), _ = model.forward(ids=np.array([ids, ids]), mask=mask)
    change = whole - without
    np.testing.assert_allclose(found[DELETED][4], change[3] - change.mean(), atol=1e-5)


def test_deletion_of_a_source_word_is_padding_in_its_place():
    pairs = [(english_words(n), german_words(n)) for n in range(100)]
    translator = Translator.untrained(pairs)
    found, _ = read_translation(translator, "forty-seven", "siebenundvierzig", 3)
    assert set(found) == set(WAYS) and all(x.shape == (3,) for x in found.values())
    src = np.array([translator.source.encode("forty-seven")])
    tgt = [[START, *translator.target.encode("sie")]]
    change = translator.model.forward(src, tgt)[0][0, -1]
    src[0, 2] = 0
    change = change - translator.model.forward(src, tgt)[0][0, -1]
    letter = translator.target.encode("b")[0]
    np.testing.assert_allclose(found[DELETED][2], change[letter] - change.mean(), atol=1e-5)


def test_measuring_counts_right_answers_alone():
    model = train_marked(0, steps=3)
    found = measure_marked(model, np.random.default_rng(2), 60)
    assert 0 < found["accuracy"] < 1 and found["gap"] <= 0.01 and found["steps"] >= 16
    assert list(found["ways"]) == list(WAYS)
    assert found["ways"][DELETED]["agreement"] == pytest.approx(1)


def test_by_size_a_share_against_the_answer_counts_as_much_as_one_for_it(monkeypatch):
    texts = draw_marked_texts(np.random.default_rng(2), 60)
    shares = iter(np.where(relevant, [1] * 8 + [-2] * 4, 0.5) for relevant in texts.relevant())
    places = texts.places

    class Model:
        def predict(self, ids):
            return texts.classes

    class Complete:
        gap, steps = 0.0, 1

    monkeypatch.setattr("minitransformer.teaching.reading_measures.read_marked",
                        lambda *_: (dict.fromkeys(WAYS, next(shares)), Complete))
    found = measure_marked(Model(), np.random.default_rng(2), 60)["ways"][DELETED]
    assert found["by size"] == 1
    assert found["both"] == pytest.approx(np.mean(places + 1 < 8)) and 0 < found["both"] < 1
    assert all(run["ways"][way]["by size"] == run["ways"][way]["both"]  # no weight is negative
               for run in read_reading()["marked"] for way in WAYS[:3])


@pytest.mark.slow
def test_a_short_measurement_writes_what_the_lesson_reads(tmp_path):
    path = tmp_path / "reading.json"
    measure(seeds=(0,), texts=10, numbers=3, steps=20, translator_steps=120, path=path)
    found, committed = read_reading(path), read_reading()
    for task in ("marked", "translator"):
        assert found[task][0].keys() == committed[task][0].keys()
        assert found[task][0]["ways"].keys() == committed[task][0]["ways"].keys()


@pytest.mark.slow
def test_a_translator_is_measured_where_it_is_right():
    numbers = list(range(13, 100))
    pairs = [(english_words(n), german_words(n)) for n in numbers]
    translator = train_small(Pairs(pairs, pairs[:10], pairs[:10]), 0, steps=120)
    found = measure_translator(translator, pairs[20:30])
    assert found["letters"] > 3 and found["words"] == 3  # "thirty" alone has no rival
    assert np.isfinite([list(way.values()) for way in found["ways"].values()]).all()
    assert 0 <= found["ways"][DELETED]["word"] <= 1


def test_the_committed_results_are_complete():
    found = read_reading()
    assert found["seeds"] == [0, 1, 2, 3, 4] == list(range(len(found["marked"])))
    assert len(found["translator"]) == 5
    assert max(run["gap"] for task in ("marked", "translator") for run in found[task]) <= 0.01


def test_a_missing_file_names_its_command(tmp_path):
    with pytest.raises(FileNotFoundError, match="python -m minitransformer.teaching.reading_runs"):
        read_reading(tmp_path / RESULTS.name)


def test_the_museum_s_checks_pass_what_is_right():
    def complete(gradient, x, baseline):
        steps = (np.arange(64) + 0.5) / 64
        return (x - baseline) * sum(gradient(baseline + s * (x - baseline)) for s in steps) / 64

    right = dataclasses.replace(exhibit("shares_of_the_input"), fault=complete)
    assert not CHECKS["completeness"](right)
    right = dataclasses.replace(exhibit("bare_rollout"), fault=lambda weights: rollout(weights)[-1])
    assert not CHECKS["a token's share of itself"](right)

    def patched_alone(bad, good):
        return np.where(np.eye(len(bad))[:, :, None] == 1, good, bad)          # (T, T, D)

    right = dataclasses.replace(exhibit("patch_that_stays"), fault=patched_alone)
    assert not CHECKS["the corrupted run, run again after the map"](right)


def test_rollout_is_the_jacobian_of_a_stack_that_mixes_halves():
    (x,), options = stacks(np.random.default_rng(3))
    np.testing.assert_allclose(stack_forward(x, **options)[0], rollout(options["weights"])[-1] @ x,
                               rtol=0, atol=1e-12)

"""The ladder's file: measured by one command, one bar at a time where wanted."""

import json

import numpy as np
import pytest

from minitransformer.data.manual import TextSplit
from minitransformer.teaching import ladder
from minitransformer.teaching.ladder import Rung, measure_ladder, read_ladder
from minitransformer.teaching.rungs import RUNGS, unigram

SPLIT = TextSplit("aab" * 100, "ab", "ab" * 50)
FIRST = Rung("first", "02", lambda split, *, seed, width: width + seed, {"width": 3}, 1)
SECOND = Rung("second", "03", lambda split, *, seed: 2.0, {})


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setattr(ladder, "python_manual", lambda: SPLIT)
    return tmp_path / "results" / "ladder.json"


def test_the_file_holds_every_bar_with_what_made_it(path):
    measure_ladder([FIRST, SECOND], path=path)
    content = read_ladder(path)
    assert content["command"] == "python -m minitransformer.teaching.ladder"
    assert content["versions"].keys() == {"python", "numpy"}
    assert content["rungs"] == [
        {"name": "first", "lesson": "02", "bits": 4.0, "config": {"width": 3}, "seed": 1},
        {"name": "second", "lesson": "03", "bits": 2.0, "config": {}, "seed": 0}]


def test_one_bar_is_measured_and_the_others_kept(path):
    measure_ladder([FIRST, SECOND], path=path)
    worse = SECOND._replace(measure=lambda split, *, seed: 9.0)
    measure_ladder([FIRST._replace(measure=None), worse], ["second"], path=path)
    assert [rung["bits"] for rung in read_ladder(path)["rungs"]] == [4.0, 9.0]


def test_a_bar_that_another_run_adds_meanwhile_is_kept(path):
    def slow(split, *, seed):
        measure_ladder([FIRST, SECOND], ["second"], path=path)  # finishes before this run does
        return 5.0
    measure_ladder([FIRST._replace(measure=slow, config={}), SECOND], ["first"], path=path)
    assert [rung["bits"] for rung in read_ladder(path)["rungs"]] == [5.0, 2.0]


def test_bars_of_another_python_are_not_mixed(path):
    measure_ladder([FIRST, SECOND], path=path)
    content = read_ladder(path)
    content["versions"]["python"] = "3.9.0"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ValueError, match=r"measured on the manual of Python 3\.9\.0"):
        measure_ladder([FIRST, SECOND], ["first"], path=path)


def test_an_unknown_bar_names_the_known_ones(path):
    with pytest.raises(ValueError, match="no rung 'third'; there are first, second"):
        measure_ladder([FIRST, SECOND], ["third"], path=path)


def test_a_missing_file_says_how_to_make_it(path):
    with pytest.raises(FileNotFoundError, match="python -m minitransformer.teaching.ladder"):
        read_ladder(path)


def test_the_committed_file_is_that_of_the_rungs():
    stored = {bar["name"]: bar for bar in read_ladder()["rungs"]}
    assert list(stored) == [rung.name for rung in RUNGS]
    for rung in RUNGS:
        bar = stored[rung.name]
        assert (bar["lesson"], bar["config"], bar["seed"]) == (rung.lesson, rung.config, rung.seed)


def test_the_unigram_bar_is_the_cross_entropy_with_the_training_frequencies():
    p = np.array([201, 101]) / 302
    assert unigram(SPLIT, seed=0) == pytest.approx(-0.5 * np.log2(p).sum(), rel=1e-12)

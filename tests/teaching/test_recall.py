"""The recall task of lesson 04: its texts, its three models, and what their reading can reach."""

import json
from collections import Counter

import numpy as np
import pytest

from minitransformer.gradient_check import assert_gradients
from minitransformer.teaching.recall import (
    CONFIG,
    D_FF,
    DISTANCES,
    READINGS,
    RECALL,
    SEEDS,
    WINDOW,
    accuracy,
    measure_recall,
    read_recall,
    train_recall,
)
from minitransformer.teaching.recall_models import (
    NAMES,
    VALUES,
    draw_texts,
    recall_backward,
    recall_forward,
    recall_init,
    window_reading,
)
from minitransformer.tree import tree_items, tree_map

each_model = pytest.mark.parametrize("name", READINGS)


def random_params(reading):
    rng = np.random.default_rng(1)
    params = recall_init(rng, reading=reading, d_model=6, d_ff=7, dtype=np.float64)
    return tree_map(lambda array: rng.normal(size=array.shape), params)


def logits_of(name, texts):
    return recall_forward(random_params(READINGS[name]), texts=texts, reading=READINGS[name])[0]


def texts_of(seed=0, **options):
    return draw_texts(np.random.default_rng(seed), **{"count": 500, "length": 9, **options})


def test_the_asked_name_stands_once_at_its_distance_before_its_value():
    for distance in (1, 4, 9):
        texts = texts_of(distance=distance)
        found = texts.names == texts.asked[:, None]
        assert np.array_equal(np.argwhere(found)[:, 1], np.full(500, 9 - distance))
        assert np.array_equal(texts.values[found], texts.targets)
    drawn = texts_of()
    assert np.all(np.sum(drawn.names == drawn.asked[:, None], axis=1) == 1)
    assert set(drawn.targets) == set(range(VALUES)) and set(drawn.names.flat) == set(range(NAMES))


def test_distances_are_drawn_so_that_each_doubling_is_equally_frequent():
    texts = texts_of(count=20_000, length=63)
    distance = 63 - np.argmax(texts.names == texts.asked[:, None], axis=1)
    assert distance.min() == 1 and distance.max() == 63
    doublings = Counter(np.floor(np.log2(distance)))
    assert all(abs(count / 20_000 - 1 / 6) < 0.02 for count in doublings.values())


@pytest.mark.parametrize("reading", [READINGS["attention"], window_reading(3), READINGS["bag"]],
                         ids=READINGS)
def test_the_gradients_are_right(reading):
    assert_gradients(recall_forward, recall_backward, random_params(reading),
                     options={"texts": texts_of(count=5), "reading": reading})


@each_model
def test_the_models_have_as_many_parameters_within_a_hundredth(name):
    def count(name):
        params = recall_init(np.random.default_rng(0), reading=READINGS[name], d_ff=D_FF[name],
                             d_model=CONFIG["d_model"])
        return sum(array.size for _, array in tree_items(params))
    assert abs(count(name) / count("window") - 1) < 0.01


def test_the_window_sees_its_last_tokens_and_no_others():
    texts = texts_of()
    changed = texts._replace(values=texts.values.copy())
    changed.values[:, :-WINDOW] = (changed.values[:, :-WINDOW] + 1) % VALUES
    assert np.array_equal(logits_of("window", texts), logits_of("window", changed))
    changed.values[:, -WINDOW] = (changed.values[:, -WINDOW] + 1) % VALUES
    assert np.all(np.any(logits_of("window", texts) != logits_of("window", changed), axis=1))


def test_the_bag_does_not_know_order_nor_what_goes_together():
    texts = texts_of()
    other = texts._replace(values=np.roll(texts.values, 1, axis=1))
    np.testing.assert_allclose(logits_of("bag", texts), logits_of("bag", other), rtol=0, atol=1e-12)
    assert not np.allclose(logits_of("attention", texts), logits_of("attention", other))


def test_accuracy_counts_right_values(monkeypatch):
    params = random_params(READINGS["bag"])
    params["down"] = {"w": np.zeros_like(params["down"]["w"]), "b": np.array([0., 0., 1., 0.])}
    rng = np.random.default_rng(3)
    always_two = accuracy("bag", params, rng, length=9, count=4000)
    targets = draw_texts(np.random.default_rng(3), count=4000, length=9).targets
    assert always_two == np.mean(targets == 2)


def test_short_training_tells_attention_from_a_window():
    short = {"seed": 0, "d_model": 16, "d_ff": 64, "length": 8, "batch": 64, "steps": 300,
             "lr": 0.01}
    reached = {name: accuracy(name, train_recall(name, **short), np.random.default_rng(9),
                              length=8, distance=7) for name in ("attention", "window")}
    assert reached["attention"] > 0.9 and reached["window"] < 0.4


def test_the_command_writes_what_the_lesson_reads(tmp_path):
    path = tmp_path / "recall.json"
    with pytest.raises(FileNotFoundError, match="python -m minitransformer.teaching.recall"):
        read_recall(path)
    measure_recall(seeds=(0, 1), rates=(0.01, 0.02), distances=(1, 5), path=path,
                   config={"d_model": 8, "length": 6, "batch": 4, "steps": 2})
    content = read_recall(path)
    assert content.keys() == json.loads(RECALL.read_text(encoding="utf-8")).keys()
    for model in content["models"].values():
        assert np.shape(model["accuracy"]) == (2, 2) and np.shape(model["longer"]) == (2, 2)
        assert model["lr"] == float(max(model["validation"], key=model["validation"].get))


@each_model
def test_the_stored_results_are_of_these_settings_and_show_what_the_lesson_says(name):
    content = read_recall()
    assert content["config"] == CONFIG and content["seeds"] == list(SEEDS)
    assert content["distances"] == list(DISTANCES) and content["window"] == WINDOW
    measured = np.mean(content["models"][name]["accuracy"], axis=0)
    near = np.array(DISTANCES) <= WINDOW
    if name == "attention":
        assert np.all(measured > 0.99)
    elif name == "window":
        assert np.all(measured[near] > 0.8) and np.all(abs(measured[~near] - 1 / VALUES) < 0.02)
    else:
        assert np.all((measured > 1 / VALUES) & (measured < 0.4))

"""The planted faults: each a wrong gradient, and each check finds what the file says it finds."""

import json
import math

import numpy as np
import pytest

from minitransformer.gradient_check import check_gradients
from minitransformer.teaching.planted_faults import FAULTS, checks, fault, planted, training
from minitransformer.teaching.planted_faults.results import (
    BARS, findings, measure, read_results)
from minitransformer.teaching.planted_faults.whole import (
    BATCH, CONFIG, random_params, whole_backward, whole_forward)
from minitransformer.tree import tree_map

LIVE = ("complex", "ones", "fresh")  # central differences take longer


def test_there_are_twenty_and_each_has_its_own_name():
    assert len(FAULTS) == len({f.name for f in FAULTS}) == len({f.title for f in FAULTS}) == 20


def test_the_small_model_shows_what_a_check_has_to_see():
    sizes = (*BATCH.src.shape, BATCH.tgt.shape[1], CONFIG.d_model, CONFIG.d_ff, CONFIG.n_heads,
             CONFIG.d_model // CONFIG.n_heads, CONFIG.src_vocab_size, CONFIG.tgt_vocab_size)
    assert len(set(sizes)) == len(sizes)
    assert CONFIG.dropout > 0 and CONFIG.n_layers > 1 and CONFIG.tied_embeddings != "none"
    for ids in BATCH:
        assert (ids == 0).any() and len(np.unique(ids)) < (ids > 0).sum()  # padding, and repeats


@pytest.mark.slow
def test_the_whole_is_a_pair_that_the_package_proves():
    report = check_gradients(whole_forward, whole_backward, random_params(), zero=("k.b",),
                             options={"batch": BATCH, "config": CONFIG}, max_coordinates=4)
    assert report.passed(1e-11)


@pytest.mark.slow
def test_the_measurement_is_what_the_package_measures():
    params, gradient, measured = checks.measurement("complex")
    report = check_gradients(whole_forward, lambda dloss, cache: gradient_for(dloss, measured),
                             params, options={"batch": BATCH, "config": CONFIG}, zero=("k.b",))
    assert report.passed(1e-11)


def gradient_for(dloss, measured):
    return tree_map(lambda n: n / checks.DLOSS * dloss, measured)


@pytest.mark.slow
@pytest.mark.parametrize("check", LIVE)
def test_the_right_gradient_passes(check):
    assert checks.worst_error(check) <= BARS[check]
    assert checks.directional_error() <= BARS["directional"] and not checks.shapes_differ()


@pytest.mark.slow
@pytest.mark.parametrize("item", FAULTS, ids=lambda f: f.name)
def test_a_fault_is_found_and_missed_as_the_file_says(item):
    rows = read_results()["rows"]
    said = findings(rows[item.name], rows["right"])
    for check in LIVE:
        assert (checks.worst_error(check, item) > BARS[check]) == said[check]
    assert (checks.directional_error(item) > BARS["directional"]) == said["directional"]
    assert checks.shapes_differ(item) == said["shapes"]
    assert said["complex"] and said["directional"] != said["shapes"]  # a wrong shape adds up right


@pytest.mark.parametrize("item", FAULTS, ids=lambda f: f.name)
def test_a_fault_leaves_the_forward_alone_and_nothing_behind(item):
    params = random_params()
    before = whole_forward(params, batch=BATCH, config=CONFIG)[0]
    right = checks.gradient_of_loss(params)
    with planted(item):
        assert whole_forward(params, batch=BATCH, config=CONFIG)[0] == before
    assert checks.whole_error(checks.gradient_of_loss(params), right) == 0


def test_the_file_is_complete():
    content = read_results()
    assert content["command"] == "python -m minitransformer.teaching.planted_faults"
    assert content["versions"].keys() == {"python", "numpy"} and content["bars"] == BARS
    assert list(content["rows"]) == ["right", *(f.name for f in FAULTS)]
    right = content["rows"]["right"]
    assert not any(findings(right, right).values())
    for row in content["rows"].values():
        if row["ends"] is not None:
            assert len(row["ends"]) == len(content["seeds"]) == 5
            assert len(row["curve"]) == content["steps"] // 10


def test_central_differences_agree_with_the_file_where_they_are_tried():
    """One array alone, to be quick: the whole is measured by the command."""
    params = random_params()
    part = {"encoder": params["encoder"]["norm"]}

    def loss(part):
        whole = {**params, "encoder": {**params["encoder"], "norm": part["encoder"]}}
        return checks.loss_of(whole)
    measured = checks.central_derivatives(loss, part, 1e-5)
    claimed = {"encoder": checks.gradient_of_loss(params)["encoder"]["norm"]}
    errors = checks.array_errors(claimed, measured)
    assert 1e-13 < max(errors.values()) <= BARS["central"]


def test_a_wrong_shape_is_an_error_beyond_all_bounds():
    errors = checks.array_errors({"x": np.ones((2, 3))}, {"x": np.ones(3)})
    assert errors == {"x": math.inf}
    assert checks.whole_error({"x": np.ones((2, 3))}, {"x": np.ones(3)}) == math.inf


def test_training_stops_on_a_wrong_shape_and_learns_with_the_right_gradient():
    with pytest.raises(ValueError, match="has shape"):
        training.overfit(fault("bias_per_position"), steps=2)
    losses = training.overfit(steps=12)
    assert losses[-1] < losses[0] / 2
    np.testing.assert_array_equal(losses[:2], training.overfit(steps=2))


def test_a_run_meets_its_fault():
    right, _ = training.train(seed=1, steps=4)
    wrong, _ = training.train(fault("square_w"), seed=1, steps=4)
    assert right[0] == wrong[0] and right[-1] != wrong[-1]


def test_angle_and_error_of_two_gradients():
    a, b = {"x": np.array([1.0, 0.0])}, {"x": np.array([0.0, 2.0])}
    assert training.angle(a, b) == pytest.approx(90)
    assert checks.whole_error(a, a) == 0 and checks.whole_error(a, {"x": -a["x"]}) == 1


@pytest.mark.slow
def test_the_command_writes_a_row_for_each_fault(tmp_path, monkeypatch, capsys):
    original = checks.measurement
    monkeypatch.setattr(checks, "measurement",  # central differences take half a minute
                        lambda check, seed=0: original(check if check in LIVE else "complex"))
    path = tmp_path / "results" / "planted_faults.json"
    measure([fault("bias_per_position")], seeds=(0,), steps=50, path=path)
    content = json.loads(path.read_text(encoding="utf-8"))
    assert list(content["rows"]) == ["right", "bias_per_position"]
    assert content["rows"]["bias_per_position"]["errors"]["complex"] is None
    found = findings(content["rows"]["bias_per_position"], content["rows"]["right"])
    assert found["overfit"] and found["curve"] and found["shapes"]
    assert "bias_per_position: found by" in capsys.readouterr().out


def test_an_unknown_fault_names_the_known_ones():
    with pytest.raises(ValueError, match="there is no fault 'x'; there are mean_bias"):
        fault("x")


def test_a_missing_file_names_the_command(tmp_path):
    with pytest.raises(FileNotFoundError, match="minitransformer.teaching.planted_faults"):
        read_results(tmp_path / "nothing.json")


def test_a_fault_is_shown_with_its_code():
    for text in (repr(fault("no_eps")), fault("no_eps")._repr_markdown_()):
        assert "layer norm's eps forgotten" in text and "def layer_norm_without_eps" in text

"""Figures show what they are given, and are drawn alike every time."""

import io

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("agg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.colors import to_hex  # noqa: E402
from matplotlib.patches import FancyBboxPatch  # noqa: E402

from minitransformer.teaching import figures  # noqa: E402
from minitransformer.teaching.figures import (  # noqa: E402
    BACKWARD,
    FORWARD,
    Arrow,
    diagram,
    flow_diagram,
    heatmap,
    label_line,
    loss_ladder,
    use_style,
)
from minitransformer.teaching.style import PALE, PALE_GREEN  # noqa: E402

RUNGS = {"rungs": [{"name": name, "lesson": lesson, "bits": bits} for name, lesson, bits in
                   [("unigram", "02", 4.5), ("bigram", "02", 3.5), ("one head", "04", 2.5)]]}


@pytest.fixture(autouse=True)
def fresh_style():
    with matplotlib.rc_context():
        use_style()
        yield
    plt.close("all")


def texts(figure):
    return {text.get_text(): text for text in figure.findobj(matplotlib.text.Text)
            if text.get_text()}


def png(figure):
    data = io.BytesIO()
    figure.savefig(data, format="png")
    return data.getvalue()


def linear():
    return flow_diagram(["x (N, D)", "y (N, E)"], ["@ w"],
                        sides={0: ["w (D, E)", ("mask (N)", "")]}, title="Both ways")


def arrows(figure):
    return figure.findobj(matplotlib.patches.FancyArrowPatch)


def test_a_flow_names_values_shapes_and_gradients_in_their_colours():
    found = texts(linear())
    assert {"x\n(N, D)", "y\n(N, E)", "w\n(D, E)", "mask\n(N)", "dx", "dy", "dw", "@ w",
            "Both ways"} == set(found)
    assert found["x\n(N, D)"].get_color() == FORWARD and found["dx"].get_color() == BACKWARD


def test_every_value_has_two_arrows_and_a_mask_one():
    assert len(arrows(linear())) == 3 * 2 + 1


def test_values_and_gradients_run_in_opposite_directions():
    figure = diagram({"a": (0, 0), "b": (1, 0)}, [Arrow("a", "b", "x", "dx")])
    there, back = [arrow._posA_posB for arrow in arrows(figure)]
    assert there[0][0] < there[1][0] and back[0][0] > back[1][0]
    assert there[0][1] > back[0][1]


def test_marked_boxes_alone_are_filled():
    figure = diagram({"a": (0, 0), "b": (1, 0)}, [Arrow("a", "b", "x")], marked=["b"])
    boxes = [patch for patch in figure.axes[0].patches if isinstance(patch, FancyBboxPatch)]
    assert [to_hex(box.get_facecolor(), keep_alpha=False).upper() for box in boxes] == [
        PALE, PALE_GREEN]


def test_a_bent_arrow_stays_inside_the_figure():
    figure = diagram({"a": (0, 0), "b": (1, 0), "c": (3, 0)},
                     [Arrow("a", "c", "x (B, T)", "dx", 0.4), Arrow("a", "c", "z", "dz", -0.4)])
    figure.canvas.draw()
    box = figure.bbox
    for text in texts(figure).values():
        extent = text.get_window_extent()
        assert box.x0 <= extent.x0 and extent.x1 <= box.x1
        assert box.y0 <= extent.y0 and extent.y1 <= box.y1


@pytest.mark.parametrize("draw", [linear, lambda: heatmap(np.eye(3), title="t").figure])
def test_a_figure_is_drawn_alike_every_time_on_white(draw):
    first = png(draw())
    assert png(draw()) == first
    pixels = plt.imread(io.BytesIO(first))
    assert np.all(pixels[0, 0] == 1)


def test_a_heat_map_has_a_fixed_scale_for_weights_and_a_symmetric_one_for_gradients():
    assert heatmap(np.full((2, 3), 0.2)).images[0].get_clim() == (0, 1)
    assert heatmap(np.array([[-0.5, 2.0]]), kind="signed").images[0].get_clim() == (-2, 2)


def test_a_heat_map_shows_labels_and_numbers():
    ax = heatmap(np.array([[0.25, 0.75]]), rows=["der"], columns=["the", "cat"])
    assert {"0.25", "0.75", "der", "the", "cat"} <= set(texts(ax.figure))
    assert "0.25" not in texts(heatmap(np.full((9, 9), 0.25)).figure)


def test_a_heat_map_refuses_more_axes():
    with pytest.raises(ValueError, match=r"shape \(2, 3, 3\), expected \(T, S\)"):
        heatmap(np.zeros((2, 3, 3)))


def test_the_ladder_ends_with_the_lesson_and_colours_its_bars(monkeypatch):
    monkeypatch.setattr(figures, "read_ladder", lambda: RUNGS)
    first = loss_ladder("02", title="A bigram saves a bit")
    assert [bar.get_width() for bar in first.patches] == [4.5, 3.5]
    second = loss_ladder("04", title="Attention saves another")
    assert [bar.get_width() for bar in second.patches] == [4.5, 3.5, 2.5]
    colours = [bar.get_facecolor() for bar in second.patches]
    assert colours[0] == colours[1] != colours[2]
    assert "one head  (04)" in texts(second.figure)


def test_a_lesson_without_a_bar_is_told_how_to_get_one(monkeypatch):
    monkeypatch.setattr(figures, "read_ladder", lambda: RUNGS)
    with pytest.raises(ValueError, match="no bar of lesson 03: add it to teaching/rungs.py"):
        loss_ladder("03", title="")


def test_a_label_stands_beside_its_line_in_its_colour():
    line, = plt.subplots()[1].plot([0, 1], [2, 3], label="central")
    label = label_line(line)
    assert label.get_text() == "central" and label.xy == (1, 3)
    assert label.get_color() == line.get_color()

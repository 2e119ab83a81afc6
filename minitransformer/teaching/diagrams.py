"""Diagrams of boxes and arrows: values flow forward, gradients flow back, shapes beside them."""

from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from minitransformer.teaching.style import BACKWARD, FORWARD, GREY, PALE, PALE_GREEN

# All in inches: the axes have one unit an inch, so that text and arrows keep their proportions.
BOX = np.array([1.05, 0.5])  # width and height
MARGIN = np.array([0.62, 0.5])
APART = 0.065                # half the distance between the two arrows of a pair
TEXT_GAP = 0.06


class Arrow(NamedTuple):
    """A value on its way from one box to another, and its gradient on the way back.

    start, end: names of boxes. value: the text beside the forward arrow, as "x (B, T, D)".
    gradient: the text beside the backward arrow; "" draws none (ids, masks, constants).
    bend: 0 for a straight arrow; 0.4 leads it over the boxes between, -0.4 under them.
    """
    start: str
    end: str
    value: str
    gradient: str = ""
    bend: float = 0.0


def flow_diagram(values, steps, *, sides=None, title="", wide=1.25):
    """A chain: values[0] -> steps[0] -> values[1] -> ...; returns the figure.

    values: texts such as "x (N, D)", one more than steps; the gradient beneath is "dx".
    steps: the operations' names, such as "@ w".
    sides: {index of a step: ["w (D, E)", ...]}, inputs that enter a step from below; one that
    gets no gradient (a mask, ids) is given as ("mask (T, S)", "").
    wide: inches between two boxes.
    """
    names = [f"step {i}" for i in range(len(steps))]
    boxes = {name: (i, 0, text) for i, (name, text) in enumerate(zip(names, steps))}
    boxes |= {"in": (-1, 0, ""), "out": (len(steps), 0, "")}
    stops = ["in", *names, "out"]
    arrows = [Arrow(a, b, value, gradient_of(value))
              for a, b, value in zip(stops, stops[1:], values)]
    for index, entering in (sides or {}).items():
        for n, side in enumerate(entering):
            value, gradient = (side, gradient_of(side)) if isinstance(side, str) else side
            column = index + (n - (len(entering) - 1) / 2) * 0.9 / (BOX[0] + wide)
            boxes[value] = (column, -1, "")
            arrows.append(Arrow(value, names[index], value, gradient))
    return diagram(boxes, arrows, title=title, unit=(BOX[0] + wide, 1.15))


def gradient_of(value):
    """The name of a value's gradient: "dx" for "x (N, D)"."""
    return "d" + value.split(" ")[0]


def diagram(boxes, arrows, *, title="", unit=(2.2, 1.15), marked=()):
    """Draw boxes and arrows; returns the figure.

    boxes: {name: (column, row)} or {name: (column, row, text)}; rows count upward. A text ""
    draws no frame: a place where an arrow begins or ends.
    arrows: a list of Arrow. unit: inches from one column to the next, and from row to row.
    marked: names of boxes that are filled with pale green.
    """
    centres = {name: np.array(box[:2]) * unit for name, box in boxes.items()}
    texts = {name: box[2] if len(box) > 2 else name for name, box in boxes.items()}
    points = np.array(list(centres.values()))
    highest = max([0.0, *(a.bend * _distance(centres, a) / 2 + 0.25 for a in arrows if a.bend > 0)])
    lowest = max([0.0, *(-a.bend * _distance(centres, a) / 2 + 0.25 for a in arrows if a.bend < 0)])
    low = points.min(axis=0) - MARGIN - (0, lowest)
    high = points.max(axis=0) + MARGIN + (0, highest)
    figure = plt.figure(figsize=high - low + (0, 0.35 * bool(title)))
    ax = figure.add_axes((0, 0, 1, (high - low)[1] / figure.get_figheight()))
    ax.set_xlim(low[0], high[0])
    ax.set_ylim(low[1], high[1])
    ax.axis("off")
    ax.set_title(title, x=0.01)
    for name, text in texts.items():
        if text:
            _box(ax, centres[name], text, PALE_GREEN if name in marked else PALE)
    for arrow in arrows:
        framed = [bool(texts[arrow.start]), bool(texts[arrow.end])]
        _arrow_pair(ax, centres[arrow.start], centres[arrow.end], framed, arrow)
    return figure


def _distance(centres, arrow):
    return float(np.linalg.norm(centres[arrow.end] - centres[arrow.start]))


def _box(ax, centre, text, colour):
    ax.add_patch(FancyBboxPatch(centre - BOX / 2, *BOX, boxstyle="round,pad=0,rounding_size=0.08",
                                facecolor=colour, edgecolor=GREY, linewidth=1))
    ax.text(*centre, text, ha="center", va="center", fontsize=9.5)


def _arrow_pair(ax, start, end, framed, arrow):
    both = APART * bool(arrow.gradient)
    if arrow.bend:
        return _bent_pair(ax, start, end, framed, arrow)
    if abs(end[0] - start[0]) < BOX[0] / 2:  # side by side into one box: each straight up
        end = np.array([start[0], end[1]])
    along = (end - start) / np.linalg.norm(end - start)
    left = np.array([-along[1], along[0]])  # to the left of who walks forward
    start, end = start + _to_edge(along) * framed[0], end - _to_edge(along) * framed[1]
    middle = (start + end) / 2
    _arrow(ax, start + left * both, end + left * both, FORWARD)
    if abs(along[0]) < 0.01 and not framed[0]:  # beside its neighbours, a name needs the tail
        _label(ax, start - along * TEXT_GAP, -along, arrow.value, FORWARD)
    else:
        _label(ax, middle + left * (both + TEXT_GAP), left, arrow.value, FORWARD)
    if arrow.gradient:
        _arrow(ax, end - left * APART, start - left * APART, BACKWARD)
        _label(ax, middle - left * (APART + TEXT_GAP), -left, arrow.gradient, BACKWARD)


def _bent_pair(ax, start, end, framed, arrow):
    """Two arcs, one inside the other; over the boxes for bend > 0, else under them."""
    up = np.array([0.0, np.sign(arrow.bend)])
    right = np.array([np.sign(end[0] - start[0]), 0.0])
    start, end = start + up * BOX[1] / 2 * framed[0], end + up * BOX[1] / 2 * framed[1]
    height = abs(arrow.bend) * np.linalg.norm(end - start) / 2
    middle = (start + end) / 2
    outer, inner = height + APART, height - APART
    a, b = start - right * APART, end + right * APART
    _arrow(ax, a, b, FORWARD, 2 * outer / np.linalg.norm(b - a) * right[0] * up[1])
    _label(ax, middle + up * (outer + TEXT_GAP), up, arrow.value, FORWARD)
    if arrow.gradient:
        a, b = end - right * APART, start + right * APART
        _arrow(ax, a, b, BACKWARD, -2 * inner / np.linalg.norm(b - a) * right[0] * up[1])
        _label(ax, middle + up * (inner - TEXT_GAP), -up, arrow.gradient, BACKWARD)


def _to_edge(along):
    """From a box's centre to its edge, in the direction given."""
    return along * min(BOX[i] / 2 / abs(along[i]) for i in (0, 1) if abs(along[i]) > 1e-9)


def _arrow(ax, start, end, colour, bend=0.0):
    ax.add_patch(FancyArrowPatch(start, end, connectionstyle=f"arc3,rad={-bend}", color=colour,
                                 arrowstyle="-|>", mutation_scale=9, linewidth=1.3,
                                 shrinkA=2, shrinkB=2))


def _label(ax, at, side, text, colour):
    """Text beside an arrow, the shape under the name when it stands above or below."""
    horizontal = abs(side[1]) > 0.7
    if horizontal:
        text = text.replace(" ", "\n", 1)
    ha = "center" if horizontal else ("left" if side[0] > 0 else "right")
    va = ("bottom" if side[1] > 0 else "top") if horizontal else "center"
    ax.text(*at, text, ha=ha, va=va, color=colour, fontsize=9, linespacing=1.05)

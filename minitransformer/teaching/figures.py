"""The lessons' figures: the common style, diagrams, heat maps, and the loss ladder.

    from minitransformer.teaching.figures import flow_diagram, heatmap, use_style
    use_style()
"""

import matplotlib.pyplot as plt
import numpy as np

from minitransformer.teaching.diagrams import Arrow, diagram, flow_diagram
from minitransformer.teaching.ladder import read_ladder
from minitransformer.teaching.style import (
    BACKWARD,
    BLACK,
    BLUE,
    FORWARD,
    GREEN,
    GREY,
    ORANGE,
    PALE,
    PURPLE,
    SKY_BLUE,
    VERMILLION,
    YELLOW,
    label_line,
    use_style,
)

__all__ = ["Arrow", "BACKWARD", "BLACK", "BLUE", "FORWARD", "GREEN", "GREY", "ORANGE", "PALE",
           "PURPLE", "SKY_BLUE", "VERMILLION", "YELLOW", "diagram", "flow_diagram", "heatmap",
           "label_line", "loss_ladder", "use_style"]


def heatmap(matrix, *, rows=None, columns=None, title="", kind="weights", numbers=None,
            row_title="", column_title="", ax=None):
    """Draw a matrix as coloured squares, with its numbers while they fit; returns the axes.

    matrix (T, S); rows, columns: labels (tokens). kind: "weights" for probabilities (white 0 to
    dark blue 1), "signed" for gradients (blue below 0, white, red above). numbers: a format such
    as ".2f", or "" for none; None: ".2f" up to 8 x 8, then none. Raises ValueError for a matrix
    that has not two axes.
    """
    matrix = np.asarray(matrix)
    if matrix.ndim != 2:
        raise ValueError(f"matrix has shape {matrix.shape}, expected (T, S): choose one head")
    if ax is None:
        width, height = 1.2 + 0.62 * min(matrix.shape[1], 14), 0.9 + 0.5 * min(matrix.shape[0], 14)
        _, ax = plt.subplots(figsize=(max(width, 2.6), height), layout="constrained")
    if kind == "weights":
        limits = {"cmap": "Blues", "vmin": 0.0, "vmax": 1.0}
    else:
        largest = float(np.max(np.abs(matrix))) or 1.0
        limits = {"cmap": "RdBu_r", "vmin": -largest, "vmax": largest}
    ax.imshow(matrix, aspect="auto", **limits)
    ax.set_title(title)
    ax.set_xlabel(column_title)
    ax.set_ylabel(row_title)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    _ticks(ax.set_xticks, columns, matrix.shape[1])
    _ticks(ax.set_yticks, rows, matrix.shape[0])
    ax.set_xticks(np.arange(1, matrix.shape[1]) - 0.5, minor=True)
    ax.set_yticks(np.arange(1, matrix.shape[0]) - 0.5, minor=True)
    ax.grid(which="minor", color="white", linewidth=1)
    ax.tick_params(which="minor", length=0)
    if numbers is None:
        numbers = ".2f" if max(matrix.shape) <= 8 else ""
    if numbers:
        for (row, column), value in np.ndenumerate(matrix):
            dark = abs(value) > 0.601 * limits["vmax"]  # not 0.6: there rounding would decide
            ax.text(column, row, format(value, numbers), ha="center", va="center", fontsize=9,
                    color="white" if dark else BLACK)
    return ax


def _ticks(set_ticks, labels, size):
    set_ticks([] if labels is None else range(size), labels)


def loss_ladder(lesson, *, title):
    """Draw the ladder's bars up to a lesson ("04"), those that it adds in colour; returns the axes.

    Read from lessons/results/ladder.json; later lessons' bars are left out, so that the figure of
    a lesson never changes. Raises ValueError when the lesson has no bar yet.
    """
    rungs = [rung for rung in read_ladder()["rungs"] if rung["lesson"] <= lesson]
    if not any(rung["lesson"] == lesson for rung in rungs):
        raise ValueError(f"the ladder holds no bar of lesson {lesson}: add it to teaching/rungs.py "
                         "and run python -m minitransformer.teaching.ladder")
    _, ax = plt.subplots(figsize=(7.0, 0.9 + 0.36 * len(rungs)), layout="constrained")
    places = range(len(rungs), 0, -1)
    colours = [BLUE if rung["lesson"] == lesson else "#BBBBBB" for rung in rungs]
    ax.barh(places, [rung["bits"] for rung in rungs], color=colours, height=0.66)
    for place, rung in zip(places, rungs):
        ax.text(rung["bits"] + 0.05, place, f"{rung['bits']:.2f}", va="center")
    ax.set_yticks(places, [f"{rung['name']}  ({rung['lesson']})" for rung in rungs], color=BLACK)
    ax.set_xlabel("bits per character on unseen pages of the Python manual (lesson in brackets)")
    ax.set_xlim(0, 1.1 * max(rung["bits"] for rung in rungs))
    ax.tick_params(length=0)
    ax.set_title(title)
    return ax

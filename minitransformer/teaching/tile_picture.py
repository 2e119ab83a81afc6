"""Lesson 21's picture: the scores of a causal head cut into tiles, of which one exists."""

import matplotlib.pyplot as plt
from matplotlib.patches import Polygon, Rectangle

from minitransformer.teaching.style import BLUE, GREY, PALE, VERMILLION

DONE, GAP = "#BCD9EC", 0.03


def draw_tiles(*, now=(4, 2), size=6, title=""):
    """Draw size x size tiles, row by row up to now = (row, column), the one made; returns the axes.

    White: all keys lie ahead, so that nothing is computed. On the diagonal some do.
    """
    _, ax = plt.subplots(figsize=(6.6, 4.2))
    for row in range(size):
        for column in range(size):
            colour = (VERMILLION if (row, column) == now else "white" if column > row
                      else DONE if (row, column) < now else PALE)
            corners = [(column + x, row + y) for x, y in
                       ((GAP, GAP), (1 - GAP, GAP), (1 - GAP, 1 - GAP))]
            ax.add_patch(Rectangle(corners[0], 1 - 2 * GAP, 1 - 2 * GAP, facecolor=colour,
                                   edgecolor=GREY, linewidth=0.8))
            if row == column:
                ax.add_patch(Polygon(corners, facecolor="white", edgecolor=GREY, linewidth=0.8))
    right, middle = size + 0.3, now[0] + 0.5
    ax.annotate("the one tile that\nexists now, (t, s)", (now[1] + 1, middle),
                xytext=(right, middle), va="center", color=VERMILLION, fontsize=9.5,
                arrowprops={"arrowstyle": "-|>", "color": VERMILLION, "shrinkA": 2, "shrinkB": 2})
    for y, text, colour in ((now[0] - 2.5, "white: never computed,\nno query here may\nsee these "
                             "keys", GREY), (now[0] - 0.6, "blue: done and forgotten", BLUE),
                            (now[0] + 1.5, "grey: still to come", GREY)):
        ax.text(right, y, text, color=colour, va="center", fontsize=9.5)
    for end, start, at, text, turned in (
            ((size, -0.25), (0, -0.25), (size / 2, -0.42), "keys", 0),
            ((-0.25, size), (-0.25, 0), (-0.42, size / 2), "queries", 90)):
        ax.annotate("", end, xytext=start, arrowprops={"arrowstyle": "-|>", "color": GREY})
        ax.text(*at, text, color=GREY, rotation=turned, ha="right" if turned else "center",
                va="center" if turned else "bottom")
    ax.set_xlim(-0.9, size + 3.6)
    ax.set_ylim(size + 0.1, -1.0)
    ax.set_aspect("equal")
    ax.axis("off")
    ax.set_title(title)
    return ax

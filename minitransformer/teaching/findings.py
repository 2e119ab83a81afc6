"""Which check finds which fault: the bug museum as a table, and any such table as a picture."""

import math
import textwrap

import matplotlib.pyplot as plt
from matplotlib.patches import Rectangle

from minitransformer.teaching.museum import CHECKS, all_exhibits
from minitransformer.teaching.style import BLACK, BLUE, GREY, PALE, VERMILLION

FOR_ALL = ("the gradient check", "a check with dout = ones", "a look at the shapes",
           "a falling loss")  # these four ask nothing special of an exhibit
WIDE, HIGH = 0.4, 0.3  # a square, in inches
SLANT = 55             # of the columns' labels, in degrees


def museum_findings(last="09"):
    """{exhibit's title: {check: True when caught, False when missed, None when it does not apply}}.

    Each check is run now: four on every exhibit, the others on those that name them. The table is
    lesson 09's: the exhibits of later lessons than last, and checks for them alone, are left out.
    """
    exhibits = [exhibit for exhibit in all_exhibits() if exhibit.lesson <= last]
    used = {*FOR_ALL, *(name for e in exhibits for name in e.caught_by + e.missed_by)}
    found = {}
    for exhibit in exhibits:
        named = exhibit.caught_by + exhibit.missed_by
        found[f"{exhibit.lesson}  {exhibit.title}"] = {
            name: _caught(check, exhibit) if name in named or name in FOR_ALL else None
            for name, check in CHECKS.items() if name in used}
    return found


def _caught(check, exhibit):
    try:
        return bool(check(exhibit))
    except ValueError:  # arrays that do not fit together: NumPy itself has caught it
        return True


def draw_findings(found, *, title="", row_title="", totals=True):
    """Draw {row: {column: True, False or None}} as marked squares; returns the axes.

    A tick on blue: found. A cross on white: missed. Grey: does not apply. totals: a last row that
    counts the ticks of each column.
    """
    rows, columns = list(found), list(next(iter(found.values())))
    label_width = 0.075 * max(map(len, [*rows, row_title]))
    heads = ["\n".join(textwrap.wrap(column, 26)) for column in columns]
    longest = 0.072 * max(len(line) for text in heads for line in text.split("\n"))
    head = longest * math.sin(math.radians(SLANT)) + 0.2
    slant = longest * math.cos(math.radians(SLANT)) + 0.2   # how far the labels lean to the right
    width, height = WIDE * len(columns), HIGH * (len(rows) + bool(totals))
    figure = plt.figure(figsize=(label_width + width + slant,
                                 height + head + 0.1 + 0.3 * bool(title)))
    size = figure.get_size_inches()
    ax = figure.add_axes((label_width / size[0], 0.1 / size[1], width / size[0], height / size[1]))
    ax.set_xlim(0, len(columns))
    ax.set_ylim(len(rows) + bool(totals), 0)
    ax.axis("off")
    for y, row in enumerate(rows):
        ax.text(-0.3, y + 0.5, row, ha="right", va="center", color=BLACK, fontsize=9.5)
        for x, column in enumerate(columns):
            _square(ax, x, y, found[row][column])
    for x, column in enumerate(columns):
        ax.text(x + 0.5, -0.2, heads[x], ha="left", va="center", rotation=SLANT, linespacing=0.95,
                rotation_mode="anchor", color=BLACK, fontsize=9.5)
        if totals:
            count = sum(found[row][column] is True for row in rows)
            tried = sum(found[row][column] is not None for row in rows)
            ax.text(x + 0.5, len(rows) + 0.5, f"{count}" if tried == len(rows)
                    else f"{count}/{tried}", ha="center", va="center", color=BLUE, fontsize=9.5,
                    fontweight="bold")
    if totals:
        ax.text(-0.3, len(rows) + 0.5, "found", ha="right", va="center", color=BLUE,
                fontsize=9.5, fontweight="bold")
    if title:
        figure.text(0.1 / size[0], 1 - 0.12 / size[1], title, ha="left", va="top", fontsize=12,
                    fontweight="bold")
    return ax


def _square(ax, x, y, found):
    if found is None:
        ax.add_patch(Rectangle((x + 0.04, y + 0.04), 0.92, 0.92, color=PALE))
        return
    ax.add_patch(Rectangle((x + 0.04, y + 0.04), 0.92, 0.92, linewidth=0.8,
                           facecolor=BLUE if found else "white", edgecolor=GREY))
    ax.text(x + 0.5, y + 0.52, "✓" if found else "✗", ha="center", va="center", fontsize=10,
            color="white" if found else VERMILLION)

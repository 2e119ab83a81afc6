"""The whole Transformer in one picture, each box with the number of the lesson that builds it."""

import matplotlib.pyplot as plt
from matplotlib.patches import Circle, FancyBboxPatch

from minitransformer.teaching.style import BACKWARD, BLACK, BLUE, FORWARD, GREY, PALE

# All in inches, as in diagrams.py: the axes have one unit an inch.
WIDTH, HEIGHT = 7.4, 8.7
ENCODER, DECODER = 1.95, 5.35      # the two columns' middles
BOX_WIDTH, BOX_HEIGHT = 2.05, 0.3
SUM_RADIUS = 0.11
GAP = 0.2                         # between two things in a column, where the arrows are
WIDE_GAP = 0.38                   # the same where the frame of a repeated block begins
APART = 0.05                      # half the distance between an arrow and its gradient's
SKIP = 1.25                       # how far from the middle a skip connection runs

BLOCK = [("layer norm", "06"), ("self-attention", "04 05"), "+",
         ("layer norm", "06"), ("feed-forward", "07"), "+"]
READING = [("layer norm", "06"), ("cross-attention", "08"), "+"]


def draw_transformer():
    """Draw the encoder-decoder (pre-norm) with its forward and backward arrows: the figure."""
    figure = plt.figure(figsize=(WIDTH, HEIGHT))
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set_xlim(0, WIDTH)
    ax.set_ylim(0, HEIGHT)
    ax.axis("off")
    encoder = [("embedding", "03"), "positions", *BLOCK, ("layer norm", "06")]
    decoder = [("embedding", "03"), "positions", *BLOCK[:3], *READING, *BLOCK[3:],
               ("layer norm", "06"), ("linear", "01"), ("softmax", "02"), ("cross-entropy", "02")]
    at = _column(ax, ENCODER, encoder, block=slice(2, 8), outside=-1)
    decoder[3] = ("masked self-attention", "04 05")
    above = _column(ax, DECODER, decoder, block=slice(2, 11), outside=1)
    _inputs(ax, ENCODER, "English words", "ids (B, S)", "(B, S, D)", at)
    _inputs(ax, DECODER, "German letters so far", "ids (B, T)", "(B, T, D)", above)
    _memory(ax, at[-1], above[6])
    _loss(ax, above[-1])
    ax.text(DECODER + 0.13, (above[-3] + above[-2]) / 2, "logits (B, T, V)", color=FORWARD,
            fontsize=8, va="center")
    _legend(ax)
    return figure


def _column(ax, x, items, *, block, outside):
    """Draw the items from the bottom up; returns the heights of their middles.

    block: which of them the frame of a repeated block holds. outside: the side, -1 or 1, on which
    the skip connections run and positions enter.
    """
    y, middles = 0.95, []
    for i, item in enumerate(items):
        half = BOX_HEIGHT / 2 if isinstance(item, tuple) else SUM_RADIUS
        if middles:
            gap = WIDE_GAP if i == block.start else GAP
            _pair(ax, [(x, y), (x, y + gap)])
            y += gap
        y += half
        middles.append(y)
        if isinstance(item, tuple):
            _box(ax, x, y, *item)
        else:
            _sum(ax, x, y)
        if item == "+":
            _badge(ax, x - 0.42 * outside, y, "07")
        y += half
    _box(ax, x + 1.05 * outside, middles[1], "positions", "03", width=1.2)
    _pair(ax, [(x + 0.45 * outside, middles[1]), (x + SUM_RADIUS * outside, middles[1])],
          backward=False)
    for i, item in enumerate(items):
        if item == "+":  # a sublayer is norm, operation, sum: the skip begins before its norm
            start = middles[i - 2] - BOX_HEIGHT / 2 - GAP / 2
            _skip(ax, x, start, middles[i], outside)
    low = middles[block.start] - BOX_HEIGHT / 2 - GAP / 2 - 0.12
    high = middles[block.stop - 1] + SUM_RADIUS + 0.07
    ax.add_patch(FancyBboxPatch((x - 1.4, low), 2.8, high - low, facecolor="none",
                                boxstyle="round,pad=0,rounding_size=0.1", edgecolor=GREY,
                                linewidth=1, linestyle=(0, (4, 3))))
    ax.text(x - 1.32 * outside, high - 0.05, "L times", color=GREY, fontsize=8,
            ha="left" if outside > 0 else "right", va="top")
    return middles


def _box(ax, x, y, text, lessons, width=BOX_WIDTH):
    ax.add_patch(FancyBboxPatch((x - width / 2, y - BOX_HEIGHT / 2), width, BOX_HEIGHT,
                                boxstyle="round,pad=0,rounding_size=0.06", facecolor=PALE,
                                edgecolor=GREY, linewidth=1, zorder=3))
    ax.text(x - width / 2 + 0.09, y, text, fontsize=9, va="center_baseline", color=BLACK, zorder=4)
    half = 0.1 * len(lessons.split())
    _badge(ax, x + width / 2 - 0.08 - half, y, lessons.replace(" ", "·"))


def _badge(ax, x, y, lessons):
    ax.text(x, y, lessons, fontsize=7.5, color="white", weight="bold", ha="center",
            va="center_baseline", zorder=4,
            bbox={"boxstyle": "round,pad=0.2", "facecolor": BLUE, "edgecolor": "none"})


def _sum(ax, x, y):
    ax.add_patch(Circle((x, y), SUM_RADIUS, facecolor="white", edgecolor=GREY, zorder=3))
    ax.text(x, y, "+", ha="center", va="center_baseline", fontsize=10, zorder=4)


def _pair(ax, points, backward=True):
    """A value's arrow along the points, and its gradient's back beside it."""
    both = APART * backward
    _line(ax, _beside(points, both), FORWARD)
    if backward:
        _line(ax, _beside(points, -both)[::-1], BACKWARD)


def _beside(points, distance):
    """The corners of a line of horizontal and vertical parts, moved to its left by distance."""
    parts = [(b[0] - a[0], b[1] - a[1]) for a, b in zip(points, points[1:])]
    left = [(-(dy > 0) + (dy < 0), (dx > 0) - (dx < 0)) for dx, dy in parts]
    moved = []
    for i, (x, y) in enumerate(points):
        sides = {left[max(i - 1, 0)], left[min(i, len(left) - 1)]}  # one at an end, two at a corner
        moved.append((x + distance * sum(s[0] for s in sides),
                      y + distance * sum(s[1] for s in sides)))
    return moved


def _line(ax, points, colour):
    ax.plot(*zip(*points), color=colour, linewidth=1.2, solid_capstyle="butt", zorder=2)
    ax.annotate("", xy=points[-1], xytext=points[-2], zorder=2, arrowprops={
        "arrowstyle": "-|>", "color": colour, "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0,
        "mutation_scale": 8})


def _skip(ax, x, start, y, outside):
    far = x + SKIP * outside
    points = [(far, start), (far, y), (x + SUM_RADIUS * outside, y)]
    # Each of the two leaves or joins its own line of the column's pair.
    _line(ax, _beside([(x - APART, start), *points], APART), FORWARD)
    _line(ax, _beside([(x + APART, start), *points], -APART)[::-1], BACKWARD)


def _inputs(ax, x, words, ids, shape, middles):
    bottom = middles[0] - BOX_HEIGHT / 2
    ax.text(x, bottom - 0.56, words, ha="center", va="center", fontsize=9.5)
    ax.text(x, bottom - 0.37, ids, ha="center", va="center", fontsize=8, color=FORWARD)
    _pair(ax, [(x, bottom - 0.26), (x, bottom)], backward=False)  # whole numbers have no gradient
    inside = 0.13 if x == ENCODER else -0.13
    ax.text(x + inside, (middles[0] + middles[1]) / 2 + 0.02, shape, color=FORWARD, fontsize=8,
            va="center", ha="left" if inside > 0 else "right")


def _memory(ax, top, cross):
    """From the encoder's last box to every block of the decoder."""
    middle = (ENCODER + DECODER) / 2
    _pair(ax, [(ENCODER + BOX_WIDTH / 2, top), (middle, top), (middle, cross),
               (DECODER - BOX_WIDTH / 2, cross)])
    ax.text(middle - 0.04, top + 0.1, "memory\n(B, S, D)", color=FORWARD, fontsize=8, va="bottom",
            ha="center", linespacing=1.05)


def _loss(ax, y):
    top = y + BOX_HEIGHT / 2
    _pair(ax, [(DECODER, top), (DECODER, top + 0.26)])
    ax.text(DECODER, top + 0.38, "loss", ha="center", va="center", fontsize=9.5)
    side = DECODER - BOX_WIDTH / 2
    _pair(ax, [(side - 0.3, y), (side, y)], backward=False)
    ax.text(side - 0.36, y + 0.07, "the right letters", ha="right", va="center", fontsize=9.5)
    ax.text(side - 0.36, y - 0.11, "targets (B, T)", ha="right", va="center", fontsize=8,
            color=FORWARD)


def _legend(ax):
    x, y = 0.3, HEIGHT - 0.35
    lines = [("values go forward", FORWARD), ("gradients come back", BACKWARD)]
    for i, (text, colour) in enumerate(lines):
        ax.text(x, y - 0.22 * i, text, color=colour, fontsize=10, weight="bold", va="center")
    for i, (text, lessons) in enumerate([("gradient check", "00 09"), ("training", "10"),
                                         ("writing a translation", "11")]):
        _box(ax, x + 1.1, y - 0.62 - 0.38 * i, text, lessons, width=2.2)

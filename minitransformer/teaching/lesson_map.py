"""The map of the lessons: what each builds, how long it takes, and what it needs.

    python -m minitransformer.teaching.lesson_map   draw figures/lessons.png again

Titles, minutes and needs are read from the notebooks themselves.
"""

import json
import re
import textwrap
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
from matplotlib.patches import FancyBboxPatch

from minitransformer import PROJECT
from minitransformer.teaching.run_command import run_command
from minitransformer.teaching.style import (
    BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILLION)

FIGURE = PROJECT / "figures" / "lessons.png"

BUILDS = {  # in a box of the picture
    "00": "the complex step: what a derivative is worth",
    "01": "the pair; the linear layer",
    "02": "softmax and the loss",
    "03": "embedding and positions",
    "04": "one head, its masks, three gradients",
    "05": "split, merge, four projections",
    "06": "layer norm and its two means",
    "07": "residual, ReLU, dropout, the encoder block",
    "08": "the decoder block, the memory, masks",
    "09": "which check finds which fault",
    "10": "Adam, batches, and a translator that works",
    "11": "search, draws, the KV cache",
    "12": "byte pairs, and a model that writes",
    "13": "RMS norm, batch norm",
    "14": "rotary, shared heads, gates",
    "15": "voices, digits, missing words",
    "16": "MiniLM and glassllm in the same code",
    "17": "SmolLM2 answers, Whisper writes down",
    "18": "frozen, adapters, full: examples and minutes",
    "19": "maps, attributions, lens",
    "20": "patching, induction",
    "21": "attention in blocks, layers computed twice",
    "22": "operations counted; int8, pruning, low rank",
    "23": "work in parts; signatures",
    "24": "the article, claim by claim; its system complete",
}
PARTS = (("Tools", GREEN, ("00", "01", "02", "03")), ("Parts", BLUE, ("04", "05", "06", "07")),
         ("The whole", PURPLE, ("08", "09", "10")))
AFTERWARDS = (("Models", ORANGE, ("11", "12", "13", "14", "15")),  # in any order: no arrows
              ("Real", GREEN, ("16", "17", "18")), ("Inside", BLUE, ("19", "20")),
              ("Size", VERMILLION, ("21", "22", "23")), ("Reading", PURPLE, ("24",)))
# All in inches: the axes have one unit an inch. A place is a box's middle.
WIDTH, BOTTOM, HEIGHT = 10.6, -1.2, 11.5  # the lowest row lies below 0
BOX_WIDTH, BOX_HEIGHT = 1.75, 0.98
COLUMNS, FIVE = (1.62, 4.18, 6.74, 9.3), (1.62, 3.54, 5.46, 7.38, 9.3)
PLACES = {**{lesson: (x, 10.8) for lesson, x in zip(PARTS[0][2], COLUMNS)},
          "04": (1.62, 8.35), "05": (5.46, 8.91), "06": (5.46, 7.79), "07": (9.3, 8.35),
          **{lesson: (x, 5.9) for lesson, x in zip(PARTS[2][2], COLUMNS)},
          **{lesson: (x, 4.6 - 1.3 * row) for row, (_, _, part) in enumerate(AFTERWARDS)
             for lesson, x in zip(part, FIVE)}}


class Lesson(NamedTuple):
    """What a notebook says of itself in its first cell."""
    number: str   # "04"
    title: str    # "Attention"
    minutes: int
    needs: tuple  # ("00", "01"), in its own words under "You need"
    path: Path


def read_lessons(folder=PROJECT / "lessons"):
    """{number: Lesson} of all notebooks but translations, NN_name_zh.ipynb.

    Raises ValueError where one lacks its title or time.
    """
    lessons = {}
    for path in sorted(Path(folder).glob("[0-9][0-9]_*.ipynb")):
        if path.stem.endswith("_zh"):
            continue
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        first = "".join(cells[0]["source"])
        title = re.match(r"# (\d\d) (.+)", first)
        time = re.search(r"\*\*Time:\*\* (\d+) minutes", first)
        needs = re.search(r"\*\*You need:\*\* (.+)", first)
        if not (title and time and needs and title[1] == path.name[:2]):
            raise ValueError(f"{path.name} does not say its title, **Time:** and **You need:**")
        found = re.findall(r"\b(\d\d)\b", " ".join(re.findall(r"lessons? [\d, and]+", needs[1])))
        lessons[title[1]] = Lesson(title[1], title[2], int(time[1]), tuple(found), path)
    return lessons


def in_the_course(lessons):
    """Those of the course of eleven weeks, which build on one another."""
    course = [number for _, _, numbers in PARTS for number in numbers]
    return {number: lesson for number, lesson in lessons.items() if number in course}


def arrows(lessons):
    """Pairs (a, b): b needs a, and nothing between them does. Steps that follow are left out."""
    def reached(number):
        direct = [need for need in lessons[number].needs if need in lessons]
        return set(direct).union(*map(reached, direct))
    return [(need, number) for number, lesson in lessons.items()
            for need in lesson.needs if need in lessons
            if not any(need in reached(other) for other in lesson.needs if other in lessons)]


def draw_map(lessons=None):
    """Draw the lessons as boxes: the figure. What one needs, and no other of its needs implies, is
    an arrow in the course, and a number in the boxes behind it.
    """
    lessons = read_lessons() if lessons is None else lessons
    figure = plt.figure(figsize=(WIDTH, HEIGHT - BOTTOM), facecolor="white")
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set_xlim(0, WIDTH)
    ax.set_ylim(BOTTOM, HEIGHT)
    ax.axis("off")
    for name, colour, numbers in PARTS + AFTERWARDS:
        heights = [PLACES[number][1] for number in numbers]
        ax.text(0.26, sum(heights) / len(heights), name, rotation=90, color=colour, fontsize=13,
                weight="bold", ha="center", va="center")
        for number in numbers:
            if number in lessons:
                needs = [start for start, end in arrows(lessons) if end == number]
                _box(ax, lessons[number], colour,
                     needs if (name, colour, numbers) in AFTERWARDS else [])
    for start, end in arrows(in_the_course(lessons)):
        _arrow(ax, PLACES[start], PLACES[end])
    return figure


def _box(ax, lesson, colour, needs):
    x, y = PLACES[lesson.number]
    ax.add_patch(FancyBboxPatch((x - BOX_WIDTH / 2, y - BOX_HEIGHT / 2), BOX_WIDTH, BOX_HEIGHT,
                                boxstyle="round,pad=0,rounding_size=0.08", facecolor="white",
                                edgecolor=colour, linewidth=1.4, zorder=3))
    left, top = x - BOX_WIDTH / 2 + 0.1, y + BOX_HEIGHT / 2
    ax.text(left, top - 0.17, lesson.number, color=colour, fontsize=12, weight="bold", va="center",
            zorder=4)
    ax.text(x + BOX_WIDTH / 2 - 0.1, top - 0.17, f"{lesson.minutes} min", color=GREY, fontsize=8.5,
            ha="right", va="center", zorder=4)
    title = textwrap.fill(lesson.title, 20, break_on_hyphens=False)
    words = textwrap.fill(BUILDS[lesson.number], 27)
    ax.text(left, top - 0.32, title, color=BLACK, fontsize=9, weight="bold", va="top",
            linespacing=1.1, zorder=4)
    ax.text(left, top - 0.36 - 0.14 * title.count("\n") - 0.15, words, color=GREY, fontsize=8,
            va="top", linespacing=1.1, zorder=4)
    if needs:
        ax.text(left, top - BOX_HEIGHT + 0.07, f"needs {' '.join(needs)}", color=colour,
                fontsize=7.5, va="bottom", zorder=4)


def _arrow(ax, start, end):
    """From box to box: straight to the right, or round into the next row."""
    (x0, y0), (x1, y1) = start, end
    if x1 > x0:
        points = [(x0 + BOX_WIDTH / 2, y0), (x1 - BOX_WIDTH / 2, y1)]
    else:
        middle = (y0 + y1) / 2
        points = [(x0, y0 - BOX_HEIGHT / 2), (x0, middle), (x1, middle), (x1, y1 + BOX_HEIGHT / 2)]
    ax.plot(*zip(*points[:-1]), color=GREY, linewidth=1.3, zorder=2)
    ax.annotate("", xy=points[-1], xytext=points[-2], zorder=2, arrowprops={
        "arrowstyle": "-|>", "color": GREY, "linewidth": 1.3, "shrinkA": 0, "shrinkB": 1,
        "mutation_scale": 11})


def what_is_drawn(lessons):
    """What the picture shows, as text: it is kept in the file, so that a test sees it grow old."""
    return json.dumps([[lesson.number, lesson.title, lesson.minutes, BUILDS[lesson.number],
                        list(lesson.needs)] for lesson in lessons.values()])


def main():
    """Draw the picture, and keep in its file what is in it."""
    draw_map().savefig(FIGURE, dpi=110, metadata={"Description": what_is_drawn(read_lessons())})
    print(f"drawn: {FIGURE}")


if __name__ == "__main__":
    run_command(__doc__, main)

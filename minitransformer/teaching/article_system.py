"""The article's system, complete, in one picture: each part with the lesson that builds it.

    python -m minitransformer.teaching.article_system   draw figures/the_article_complete.png again
"""

from typing import NamedTuple

import matplotlib.pyplot as plt
from matplotlib.patches import Circle, FancyBboxPatch

from minitransformer import PROJECT
from minitransformer.teaching.article_claims import LANGUAGES
from minitransformer.teaching.article_table import Table, links
from minitransformer.teaching.run_command import run_command
from minitransformer.teaching.style import (
    BACKWARD, BLACK, BLUE, FORWARD, GREEN, GREY, ORANGE, PALE, VERMILLION)

FIGURE = PROJECT / "figures" / "the_article_complete.png"


class Part(NamedTuple):
    """A box: its names, lessons, the article's section ("" where it says nothing), its middle."""
    names: tuple     # (English, Chinese)
    lessons: tuple
    section: str
    x: float
    y: float


# All in inches: the axes have one unit an inch. Left, the middle's two columns, right.
WIDTH, HEIGHT, BOX_HEIGHT = 10.6, 7.3, 0.42
LEFT, ENCODER, DECODER, RIGHT = 1.32, 4.0, 6.6, 9.27
BOX_WIDTH = {LEFT: 2.36, ENCODER: 2.06, DECODER: 2.06, RIGHT: 2.36}
PARTS = (
    Part(("pieces of text, ids", "词元与编号"), ("03", "12"), "2.4", ENCODER, 0.62),
    Part(("batches (shift)", "批次（与错位）"), ("08", "10"), "2.4", DECODER, 0.62),
    Part(("embedding", "嵌入"), ("03",), "2.2.4", ENCODER, 1.32),
    Part(("positions", "位置编码"), ("03", "14"), "2.2.4", DECODER, 1.32),
    Part(("self-attention", "自注意力"), ("04", "05"), "2.2", ENCODER, 2.32),
    Part(("masked attention", "带掩码的自注意力"), ("04", "05"), "2.2.4, 2.4", DECODER, 2.32),
    Part(("skip paths, norm", "残差与归一化"), ("06", "07"), "2.5.1", ENCODER, 2.97),
    Part(("cross-attention", "交叉注意力"), ("08",), "2.2.4, 2.4", DECODER, 2.97),
    Part(("feed-forward", "前馈网络"), ("07",), "", ENCODER, 3.62),
    Part(("skip, norm (forward)", "残差、归一化（与前馈）"), ("07", "08"), "2.5.1", DECODER, 3.62),
    Part(("softmax, loss", "softmax 与损失"), ("01", "02"), "2.4", DECODER, 4.62),
    Part(("gradients, proved", "经过证明的梯度"), ("00", "09"), "", DECODER, 5.27),
    Part(("Adam (warm-up)", "Adam（与预热）"), ("10",), "2.4", DECODER, 5.92),
    Part(("search, cache", "解码搜索与缓存"), ("11",), "", ENCODER, 4.62),
    Part(("a text", "生成的文本"), ("12",), "1", ENCODER, 5.27),
    Part(("a translation", "译文"), ("10",), "", ENCODER, 5.92),
    Part(("long distances", "长程依赖"), ("04", "14"), "1, 2.3", LEFT, 5.6),
    Part(("memory: tiles", "显存：分块"), ("21",), "1, 2.3, 7.2", LEFT, 4.8),
    Part(("cost: counted, cut", "复杂度：计数与压缩"), ("22",), "1, 2.3, 7.2", LEFT, 4.0),
    Part(("look inside: read", "深入模型内部：读"), ("19",), "1, 2.3, 7.2", LEFT, 3.2),
    Part(("look inside: act", "深入模型内部：动手"), ("20",), "1, 2.3, 7.2", LEFT, 2.4),
    Part(("batch norm, others", "批量归一化等"), ("13",), "2.5.1", RIGHT, 5.6),
    Part(("pretrained weights", "预训练权重"), ("16", "17"), "2.5.1", RIGHT, 4.8),
    Part(("transfer, LoRA", "迁移与 LoRA"), ("18",), "2.5.1", RIGHT, 4.0),
    Part(("other tasks", "其他任务"), ("15",), "7.1", RIGHT, 3.2),
    Part(("many machines", "多台机器"), ("23",), "2.5.2", RIGHT, 2.4),
    Part(("signed, checked", "签名与校验"), ("23",), "2.5.3", RIGHT, 1.6),
)
TITLES = (("No.", "Part", "The article's section", "Lesson"),
          ("编号", "部分", "文章的章节", "课"))


def draw_article_system():
    """Draw all parts, the way of the values and back: the figure. The numbers are system_table's.
    """
    figure = plt.figure(figsize=(WIDTH, HEIGHT), facecolor="white")
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set_xlim(0, WIDTH)
    ax.set_ylim(0, HEIGHT)
    ax.axis("off")
    for number, part in enumerate(PARTS, start=1):
        _box(ax, number, part)
    for x, side in ((ENCODER, "left"), (DECODER, "right")):
        _frame(ax, x - 1.1, 1.98, x + 1.1, 3.95)
        ax.text(x + (1.0 if x == DECODER else -1.0), 3.99, "L blocks", color=GREY, fontsize=8,
                ha=side, va="bottom")
        _arrow(ax, (x - 0.06, 1.62), (x - 0.06, 2.11), FORWARD)          # from both to both
        _arrow(ax, (x + 0.06, 2.11), (x + 0.06, 1.62), BACKWARD)
        for low, high in ((2.32, 2.97), (2.97, 3.62), (3.62, 4.62))[:2 + (x == DECODER)]:
            _arrow(ax, (x - 0.06, low + 0.21), (x - 0.06, high - 0.21), FORWARD)
            _arrow(ax, (x + 0.06, high - 0.21), (x + 0.06, low + 0.21), BACKWARD)
    _frame(ax, ENCODER - 1.1, 1.02, DECODER + 1.1, 1.62)
    ax.text((ENCODER + DECODER) / 2, 1.32, "+", fontsize=13, ha="center", va="center")
    _arrow(ax, (ENCODER + 1.03, 0.62), (DECODER - 1.03, 0.62), FORWARD)
    _arrow(ax, (DECODER, 0.83), (DECODER, 1.02), FORWARD)
    _arrow(ax, (ENCODER + 1.03, 3.68), (DECODER - 1.03, 3.03), FORWARD)  # the memory
    _arrow(ax, (DECODER - 1.03, 2.91), (ENCODER + 1.03, 3.56), BACKWARD)
    _arrow(ax, (DECODER - 1.03, 4.62), (ENCODER + 1.03, 4.62), FORWARD)
    for low in (4.62, 5.27):
        _arrow(ax, (DECODER, low + 0.21), (DECODER, low + 0.44), BACKWARD)
    _arrow(ax, (ENCODER, 4.83), (ENCODER, 5.06), FORWARD)
    edge = ENCODER - 1.03                                # the translation: past the text's box
    ax.plot([edge, edge - 0.2, edge - 0.2], [4.62, 4.62, 5.92], color=FORWARD, linewidth=1.3)
    _arrow(ax, (edge - 0.2, 5.92), (edge, 5.92), FORWARD)
    for x, words, colour in ((LEFT, "What it praises and fears", VERMILLION),
                             ((ENCODER + DECODER) / 2, "What it wants to build", BLUE),
                             (RIGHT, "What it advises", GREEN)):
        ax.text(x, 6.42, words, color=colour, fontsize=11.5, weight="bold", ha="center")
    ax.text(0.14, 7.0, "The article's system, complete: each part with its lesson", fontsize=13,
            weight="bold", color=BLACK, va="center")
    for x, words, colour in ((0.14, "values go forward", FORWARD),
                             (1.72, "gradients come back", BACKWARD)):
        ax.text(x, 0.2, words, color=colour, fontsize=9, weight="bold", va="center")
    ax.text(WIDTH - 0.14, 0.2, "dashed blue edge, or in brackets: the article does not speak of it",
            color=GREY, fontsize=9, ha="right", va="center")
    return figure


def _box(ax, number, part):
    width = BOX_WIDTH[part.x]
    left, right = part.x - width / 2, part.x + width / 2
    colour = {LEFT: VERMILLION, RIGHT: GREEN}.get(part.x, BLUE)
    ax.add_patch(FancyBboxPatch((left, part.y - BOX_HEIGHT / 2), width, BOX_HEIGHT,
                                boxstyle="round,pad=0,rounding_size=0.06", facecolor=PALE,
                                edgecolor=colour, linewidth=1.2, zorder=3,
                                linestyle="-" if part.section else (0, (3, 2))))
    ax.add_patch(Circle((left + 0.17, part.y), 0.12, facecolor="white", edgecolor=GREY, zorder=4))
    ax.text(left + 0.17, part.y, str(number), fontsize=7.5, ha="center", va="center_baseline",
            color=GREY, zorder=5)
    ax.text(left + 0.35, part.y, part.names[0], fontsize=8.8, va="center_baseline", color=BLACK,
            zorder=4)
    badge = "·".join(part.lessons)
    ax.text(right - 0.09, part.y, badge, fontsize=7.5, color="white", weight="bold", ha="right",
            va="center_baseline", zorder=4,
            bbox={"boxstyle": "round,pad=0.2", "facecolor": ORANGE, "edgecolor": "none"})


def _frame(ax, left, bottom, right, top):
    ax.add_patch(FancyBboxPatch((left, bottom), right - left, top - bottom, facecolor="none",
                                boxstyle="round,pad=0,rounding_size=0.08", edgecolor=GREY,
                                linestyle=(0, (4, 3)), zorder=1))


def _arrow(ax, start, end, colour):
    ax.annotate("", xy=end, xytext=start, zorder=2, arrowprops={
        "arrowstyle": "-|>", "color": colour, "linewidth": 1.3, "shrinkA": 0, "shrinkB": 0,
        "mutation_scale": 9})


def system_table(language="en"):
    """The picture's parts by their numbers, in this language, as a Table."""
    i = LANGUAGES.index(language)
    return Table(TITLES[i], [[str(number), part.names[i], part.section or "–", links(part.lessons)]
                             for number, part in enumerate(PARTS, start=1)])


def main():
    """Draw the picture's file."""
    draw_article_system().savefig(FIGURE, dpi=110)
    print(f"drawn: {FIGURE}")


if __name__ == "__main__":
    run_command(__doc__, main)

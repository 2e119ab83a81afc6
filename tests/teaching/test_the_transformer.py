"""The picture of the whole Transformer: every lesson of Part I has its box, nothing overlaps."""

import re

import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("agg")

from minitransformer.teaching.the_transformer import draw_transformer  # noqa: E402


@pytest.fixture(scope="module")
def figure():
    figure = draw_transformer()
    figure.canvas.draw()
    yield figure
    matplotlib.pyplot.close(figure)


def test_every_lesson_of_part_one_has_its_place(figure):
    badges = [text.get_text() for text in figure.axes[0].texts
              if re.fullmatch(r"\d\d(·\d\d)?", text.get_text())]
    lessons = {lesson for badge in badges for lesson in badge.split("·")}
    assert lessons == {f"{number:02}" for number in range(12)}


def test_no_text_overlaps_another_or_leaves_the_picture(figure):
    texts = [text for text in figure.axes[0].texts if text.get_text()]
    boxes = [text.get_window_extent() for text in texts]
    for i, box in enumerate(boxes):
        assert figure.bbox.x0 < box.x0 and box.x1 < figure.bbox.x1, texts[i]
        assert figure.bbox.y0 < box.y0 and box.y1 < figure.bbox.y1, texts[i]
        assert not any(box.overlaps(other) for other in boxes[i + 1:]), texts[i]

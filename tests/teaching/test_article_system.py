"""The closing picture: every lesson has its box, nothing overlaps, and the table has its names."""

import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("agg")

from minitransformer.teaching.article_claims import CLAIMS  # noqa: E402
from minitransformer.teaching.article_system import (  # noqa: E402
    FIGURE,
    PARTS,
    draw_article_system,
    system_table,
)


@pytest.fixture(scope="module")
def figure():
    figure = draw_article_system()
    figure.canvas.draw()
    yield figure
    matplotlib.pyplot.close(figure)


def test_every_lesson_has_its_box_and_sections_are_the_articles():
    assert {lesson for part in PARTS for lesson in part.lessons} == {f"{n:02}" for n in range(24)}
    sections = {claim.section for claim in CLAIMS}
    assert {name for part in PARTS if part.section for name in part.section.split(", ")} <= sections


def test_no_text_overlaps_another_or_leaves_the_picture(figure):
    texts = [text for text in figure.axes[0].texts if text.get_text()]
    boxes = [text.get_window_extent() for text in texts]
    for i, box in enumerate(boxes):
        assert figure.bbox.x0 < box.x0 and box.x1 < figure.bbox.x1, texts[i]
        assert figure.bbox.y0 < box.y0 and box.y1 < figure.bbox.y1, texts[i]
        assert not any(box.overlaps(other) for other in boxes[i + 1:]), texts[i]


def test_labels_are_english_and_the_table_names_the_same_parts_in_both_languages(figure):
    assert all(ord(letter) < 0x2e80 for text in figure.axes[0].texts for letter in text.get_text())
    english, chinese = system_table("en"), system_table("zh")
    assert [row[0] for row in english.rows] == [row[0] for row in chinese.rows]
    assert [row[2:] for row in english.rows] == [row[2:] for row in chinese.rows]
    assert all(any("\u4e00" <= letter <= "\u9fff" for letter in row[1]) for row in chinese.rows)
    drawn = {text.get_text() for text in figure.axes[0].texts}
    assert {part.names[0] for part in PARTS} <= drawn


def test_the_picture_is_in_the_folder_of_figures():
    assert FIGURE.read_bytes().startswith(b"\x89PNG")

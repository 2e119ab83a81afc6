"""Lesson 21's picture of tiles: what is white, and that no words overlap."""

import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("agg")

from minitransformer.teaching.style import PALE, VERMILLION  # noqa: E402
from minitransformer.teaching.tile_picture import DONE, draw_tiles  # noqa: E402


def test_the_tiles_are_done_made_to_come_or_never_computed():
    ax = draw_tiles(now=(2, 1), size=4, title="Tiles")
    squares = [patch for patch in ax.patches if isinstance(patch, matplotlib.patches.Rectangle)]
    colours = {(round(s.get_y()), round(s.get_x())):
               matplotlib.colors.to_hex(s.get_facecolor()).upper() for s in squares}
    assert len(colours) == 16 and len(ax.patches) == 16 + 4
    assert [at for at, colour in colours.items() if colour == VERMILLION] == [(2, 1)]
    assert {at for at, colour in colours.items() if colour == DONE} == {(0, 0), (1, 0), (1, 1),
                                                                        (2, 0)}
    assert {at for at, colour in colours.items() if colour == PALE} == {
        (2, 2), (3, 0), (3, 1), (3, 2), (3, 3)}
    matplotlib.pyplot.close(ax.figure)


def test_no_words_overlap():
    ax = draw_tiles(title="A causal head in tiles")
    ax.figure.canvas.draw()
    extents = [text.get_window_extent() for text in ax.texts if text.get_text()]
    assert len(extents) == 6
    for i, extent in enumerate(extents):
        assert not any(extent.overlaps(other) for other in extents[i + 1:])
    matplotlib.pyplot.close(ax.figure)

"""A notebook's comparison forgives rounding, and notices one altered line in a picture."""

import base64
import io

import numpy as np
import pytest

from minitransformer.teaching.compare import numbers_agree, outputs_differ, texts_differ


@pytest.mark.parametrize("a, b", [
    ("3", "3"), ("0.125", "0.124"), ("1.234567891", "1.234567892"), ("-0.500", "-0.501"),
    ("2.1e-16", "7.7e-17"), ("0.0", "1e-17"), ("1.00e-05", "9.99e-06"), ("1.0000001", "1.0")])
def test_numbers_that_differ_by_rounding_agree(a, b):
    assert numbers_agree(a, b) and numbers_agree(b, a)


@pytest.mark.parametrize("a, b", [
    ("3", "4"), ("0.125", "0.135"), ("0.9", "1.0"), ("12", "12.5"), ("2e-10", "3e-10"),
    ("5e-16", "1e-6"), ("0.500", "-0.500"), ("1.23e4", "1.25e4")])
def test_other_numbers_do_not(a, b):
    assert not numbers_agree(a, b) and not numbers_agree(b, a)


@pytest.mark.parametrize("old, new", [
    ("loss 0.125 after 10 steps", "loss 0.126 after 10 steps"),
    ("[[ 0.5001 -0.25 ]\n [ 0.1 0.2 ]]", "[[ 0.5    -0.25 ]\n [ 0.1 0.2 ]]"),
])
def test_texts_may_differ_by_rounding(old, new):
    assert texts_differ(old, new) is None


@pytest.mark.parametrize("old, new, words", [
    ("loss 0.125", "cost 0.125", "prints 'cost 0.125', committed is 'loss 0.125'"),
    ("a 1\nb 2", "a 1\nb 3", "prints 'b 3'"),
    ("10 steps", "11 steps", "prints '11 steps'"),
    ("a", "a\nb", "prints 2 lines instead of 1"),
    ("x2", "x3", "prints 'x3'"),
])
def test_texts_that_say_something_else_differ(old, new, words):
    assert words in texts_differ(old, new)


def stream(text):
    return {"output_type": "stream", "name": "stdout", "text": text}


def shown(**data):
    return {"output_type": "display_data",
            "data": {kind.replace("_", "/"): value for kind, value in data.items()}}


def test_outputs_differ_in_number_and_kind():
    assert outputs_differ([stream("a")], []) == "0 outputs instead of 1"
    assert "instead of stream" in outputs_differ([stream("a")], [shown(text_plain="a")])
    assert "instead of" in outputs_differ([shown(text_plain="a")], [shown(text_html="a")])
    assert outputs_differ([stream("a")], [stream("a")]) is None


def picture(draw):
    """A PNG in base64 of one figure, as a notebook holds it."""
    figure = pytest.importorskip("matplotlib.figure").Figure(figsize=(6.4, 4.8), dpi=100)
    ax = figure.add_subplot()
    draw(ax)
    png = io.BytesIO()
    figure.savefig(png, format="png")
    return base64.b64encode(png.getvalue()).decode("ascii")


X = np.linspace(0, 6, 200)


def curves(ax, shift=0.0, scale=1.0, cmap="Blues"):
    ax.plot(X, np.sin(X))
    ax.plot(X, scale * np.cos(X) + shift)
    ax.imshow(np.outer(np.linspace(0, 1, 5), np.ones(5)), extent=(4, 6, 0.5, 1), cmap=cmap)
    ax.set_aspect("auto")


def differ(draw):
    return outputs_differ([shown(image_png=picture(curves))], [shown(image_png=picture(draw))])


@pytest.mark.parametrize("draw", [
    curves, lambda ax: curves(ax, shift=1e-12), lambda ax: curves(ax, scale=1 + 1e-9)])
def test_a_picture_drawn_again_is_the_same(draw):
    assert differ(draw) is None


@pytest.mark.parametrize("draw", [
    lambda ax: curves(ax, shift=0.02),
    lambda ax: curves(ax, scale=0.97),
    lambda ax: curves(ax, cmap="Greens"),
    lambda ax: (curves(ax), ax.plot([0, 0.2], [0, 0])),
    lambda ax: (curves(ax), ax.set_title("7")),
])
def test_one_altered_line_is_noticed(draw):
    assert "of the pixels are different" in differ(draw)


def test_a_picture_of_another_size_is_noticed():
    small = picture(lambda ax: ax.figure.set_size_inches(3, 2))
    old, new = [shown(image_png=picture(curves))], [shown(image_png=small)]
    assert outputs_differ(old, new) == "draws a picture of 300 x 200, committed is 640 x 480"

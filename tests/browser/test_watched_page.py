"""The page that the browser tests use notices what it is there to notice."""

import pytest


def write(tmp_path, body):
    path = tmp_path / "a page.html"
    path.write_text(f"<!doctype html><meta charset='utf-8'><title>t</title>{body}",
                    encoding="utf-8")
    return path.as_uri()


def test_a_good_page_gives_no_complaint(page, tmp_path, complaints):
    (tmp_path / "style.css").write_text("p { color: green }", encoding="utf-8")
    page.goto(write(tmp_path, "<link rel=stylesheet href='style.css'><p>good</p>"))
    colour = page.evaluate("getComputedStyle(document.querySelector('p')).color")
    assert page.locator("p").text_content() == "good" and colour == "rgb(0, 128, 0)"
    assert complaints == []


@pytest.mark.parametrize("body, expected", [
    ("<script>console.error('oh')</script>", "console: oh"),
    ("<script>throw new Error('lost')</script>", "exception: "),
    ("<script>alert('hello')</script>", "dialog: hello"),
    ("<img src='https://example.org/x.png'>", "request to https://example.org/x.png"),
    ("<img src='not-there.png'>", "failed: file:"),
    ("<script src='http://example.org/x.js'></script>", "request to http://example.org/x.js"),
    ("<script>fetch('https://example.org/data').catch(() => 0)</script>",
     "request to https://example.org/data"),
    ("<style>@import url(//example.org/s.css);</style>", "failed: "),
])
def test_a_bad_page_is_noticed(page, tmp_path, complaints, body, expected):
    page.goto(write(tmp_path, body))
    page.wait_for_timeout(50)
    assert any(line.startswith(expected) for line in complaints), complaints
    complaints.clear()  # what was to be noticed here


def test_width_and_colour_scheme_are_the_readers(open_page):
    page = open_page(width=400, height=300, dark=True)
    assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    assert page.evaluate("innerWidth") == 400

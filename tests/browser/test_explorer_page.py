"""The explorer in a real browser: tokens that bite, several on a page, colours, no overlaps."""

import numpy as np
import pytest
from explorer_helpers import (
    ARRAYS, COLUMNS, ROWS, assert_shows, choose, explorer_of, number, token)

from minitransformer.functional import softmax_backward, softmax_forward
from minitransformer.teaching.explorer import explore

EVIL = ["<script>alert(1)</script>", "</script>", "<img src=x onerror=alert(1)>", "\"'`", "a b",
        "\n", "", "&lt;b&gt;", "${1}", "\N{GRINNING FACE}", "\N{HEBREW LETTER ALEF}\u202e1"]


def test_tokens_are_text_and_nothing_else(opened):
    n = len(EVIL)
    page = opened(explore(np.full((2, n, n), 1 / n), EVIL, title=EVIL[0]))
    labels = page.locator('.mt-token[aria-label*="who asks"]').evaluate_all(
        "all => all.map((one) => one.getAttribute('aria-label').replace(/, who asks.*/s, ''))")
    seen = [word.replace(" ", "␣").replace("\n", "⏎") or "∅" for word in EVIL]
    assert labels == seen
    for row, word in enumerate(seen):
        token(page, 0, 0, row).hover()
        assert page.locator(".mt-readout bdi").first.text_content() == word
    choose(page, "head", "all")
    assert page.locator("img").count() == 0 and page.locator(".mt-title").count() == 1
    assert page.locator(".mt-title").text_content() == page.title() == EVIL[0]
    assert page.locator("script").count() == 2


def test_long_tokens_are_shortened_and_told_in_full(opened):
    long = "Donaudampfschifffahrtsgesellschaft"
    page = opened(explore(np.eye(2), [long, "ab"]))
    first = token(page, 0, 0, 0)
    assert first.locator("text").text_content().endswith("…")
    assert first.locator("title").text_content() == long
    assert first.get_attribute("aria-label").startswith(long)


def test_two_explorers_on_a_page_do_not_meddle(page):
    first = explorer_of(ARRAYS)
    second = explore(ARRAYS["weights"][1], (ROWS, COLUMNS), title="second")
    page.set_content(f"<!doctype html><body>{first._repr_html_()}<p>between</p>"
                     f"{second._repr_html_()}{first._repr_html_()}</body>")
    boxes = [page.locator(".mt-explorer").nth(i) for i in range(3)]
    assert [box.locator(".mt-panel").count() for box in boxes] == [2, 1, 2]
    boxes[1].get_by_role("radiogroup", name="head").get_by_label("2").check(force=True)
    boxes[0].get_by_role("radiogroup", name="layer").get_by_label("1").check(force=True)
    boxes[1].locator(".mt-token").nth(1).click()
    page.mouse.move(2, 2)
    assert [box.locator(".mt-number").count() for box in boxes] == [0, 4, 0]
    shown = [number(text) for text in boxes[1].locator(".mt-number").all_text_contents()]
    assert shown[3] == 0  # masked, but the second was not told so
    np.testing.assert_allclose(shown, ARRAYS["weights"][1, 2, 1], atol=0.51e-4)
    checked = [box.locator("input:checked").count() for box in boxes]
    assert checked == [3, 1, 3]


def test_it_is_built_where_a_notebook_inserts_scripts_anew(page):
    """JupyterLab sets an output's HTML, in which scripts are dead, and replaces each by a copy."""
    page.set_content("<!doctype html><body><main></main></body>")
    page.evaluate("""text => {
        const main = document.querySelector("main");
        main.innerHTML = text;
        for (const old of main.querySelectorAll("script")) {
            const copy = document.createElement("script");
            for (const { name, value } of old.attributes) copy.setAttribute(name, value);
            copy.textContent = old.textContent;
            old.replaceWith(copy);
        }
    }""", explorer_of(ARRAYS)._repr_html_())
    token(page, 0, 0, 2).hover()
    assert_shows(page, ARRAYS, "weights", (0, 0, 2))


def test_without_scripts_a_sentence_stands_there(browser):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.set_content(f"<body>{explorer_of(ARRAYS)._repr_html_()}</body>")
    assert page.locator(".mt-explorer").inner_text().startswith("A picture that answers when")
    context.close()


@pytest.mark.parametrize("dark", [False, True])
def test_the_saved_file_is_readable_in_light_and_dark(opened, dark):
    page = opened(explorer_of(ARRAYS), dark=dark)
    assert page.locator(".mt-explorer").evaluate("one => one.matches('.mt-dark')") is dark
    ground, ink = page.locator(".mt-explorer").evaluate(
        "one => [getComputedStyle(one).backgroundColor, getComputedStyle(one).color]")
    assert contrast(ground, ink) > 12
    for place in ("p.mt-quiet", "label span"):
        colour = page.locator(place).first.evaluate("one => getComputedStyle(one).color")
        assert contrast(ground, colour) > 5.5, place
    for name in ("--weight", "--plus", "--minus"):
        colour = page.locator(".mt-explorer").evaluate(
            f"one => {{ one.style.outlineColor = 'var({name})';"
            " return getComputedStyle(one).outlineColor; }")
        assert contrast(ground, colour) > 4.5, name


def contrast(a, b):
    """The contrast ratio of two colours rgb(r, g, b), as WCAG 2 defines it: 1 to 21."""
    def luminance(colour):
        parts = [float(part) / 255 for part in colour[colour.index("(") + 1:-1].split(",")]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return np.dot(linear, [0.2126, 0.7152, 0.0722])
    low, high = sorted([luminance(a), luminance(b)])
    return (high + 0.05) / (low + 0.05)


def test_it_follows_the_page_when_that_changes_its_colours(page):
    page.set_content("<!doctype html><style>body.night { background: #111; color: #eee }</style>"
                     f"<body>{explorer_of(ARRAYS)._repr_html_()}</body>")
    box = page.locator(".mt-explorer")
    assert not box.evaluate("one => one.matches('.mt-dark')")
    page.evaluate("document.body.className = 'night'")
    page.wait_for_function("document.querySelector('.mt-explorer.mt-dark')")
    page.evaluate("document.body.className = ''")
    page.wait_for_function("!document.querySelector('.mt-explorer.mt-dark')")


@pytest.mark.parametrize("width", [340, 520, 1000])
@pytest.mark.parametrize("head", ["0", "all"])
def test_nothing_overlaps_or_sticks_out(opened, width, head):
    tokens = ["START", "Donaudampfschiff", "und", "x", "?"] * 3
    rng = np.random.default_rng(0)
    weights, cache = softmax_forward(rng.normal(size=(2, 15, 15)))
    dweights = 1e-9 * rng.normal(size=weights.shape)
    page = opened(explore(weights, tokens, gradients={
        "weights": dweights, "scores": softmax_backward(dweights, cache)}),
        width=width)
    choose(page, "head", head)
    token(page, 0, 0, 1).hover()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for picture in page.locator("svg").all():
        overlaps = picture.evaluate("""svg => {
            const found = [], whole = svg.getBoundingClientRect();
            const boxes = [...svg.querySelectorAll("text")].map((one) =>
                [one.textContent, one.getBoundingClientRect()]);
            boxes.forEach(([text, a], i) => {
                if (a.left < whole.left - 1 || a.right > whole.right + 1 || a.top < whole.top - 1
                    || a.bottom > whole.bottom + 1) found.push(text + " sticks out");
                boxes.slice(0, i).forEach(([other, b]) => {
                    const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
                    const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
                    // A line of text has air above and below its letters.
                    if (across > 1 && down > 0.35 * Math.min(a.height, b.height))
                        found.push(`${text} over ${other}`);
                });
            });
            return found;
        }""")
        assert overlaps == []

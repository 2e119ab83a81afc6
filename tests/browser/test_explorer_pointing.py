"""The explorer in a real browser: pointing, choosing, and walking by keys."""

import numpy as np
import pytest
from explorer_helpers import (
    ARRAYS, COLUMNS, ROWS, assert_shows, choose, explorer_of, number, numbers, token)

from minitransformer.models import EncoderDecoder, EncoderDecoderConfig
from minitransformer.teaching.explorer import explore


def test_pointing_at_a_token_shows_its_row_forward_and_backward(opened):
    page = opened(explorer_of(ARRAYS))
    assert page.locator(".mt-panel").count() == 2 and not numbers(page, 0)
    for row in range(3):
        token(page, 0, 0, row).hover()
        assert_shows(page, ARRAYS, "weights", (0, 0, row))
        text = page.locator(".mt-readout").inner_text()
        assert text.startswith(f"{ROWS[row]} asks") and ("1 masked" in text) == (row == 1)
    token(page, 1, 1, 2).hover()  # the other panel, the other side: who looks at it
    assert_shows(page, ARRAYS, "weights", (0, 0, slice(None), 2))
    assert page.locator(".mt-readout").inner_text().startswith("saß is asked by")
    page.mouse.move(2, 2)
    assert not numbers(page, 0) and "Point at a token" in page.locator(".mt-readout").inner_text()


def test_only_the_lines_of_the_token_stay_strong(opened):
    page = opened(explorer_of(ARRAYS))
    token(page, 0, 0, 2).hover()
    for panel in range(2):
        paths = page.locator(".mt-panel").nth(panel).locator("path")
        dim = paths.evaluate_all("all => all.map((one) => getComputedStyle(one).opacity < 0.5)")
        rows = paths.evaluate_all("all => all.map((one) => Number(one.dataset.t))")
        assert dim == [row != 2 for row in rows] and len(rows) == 11  # 12 but for the masked one


def test_width_and_colour_follow_the_numbers(opened):
    page = opened(explorer_of(ARRAYS))
    for panel, name in enumerate(("weights", "dweights")):
        lines = page.locator(".mt-panel").nth(panel).locator("path").evaluate_all(
            "all => all.map((one) => [one.dataset.t, one.dataset.s, one.style.stroke,"
            " one.getAttribute('stroke-width')])")
        array = ARRAYS[name][0, 0]
        values = np.array([array[int(t), int(s)] for t, s, _, _ in lines])
        widths = np.array([float(width) for *_, width in lines])
        order = np.argsort(np.abs(values))
        assert (np.diff(widths[order]) >= 0).all() and widths.max() > 2 * widths.min()
        for value, (_, _, colour, _) in zip(values, lines):
            right = "--weight" if panel == 0 else "--plus" if value > 0 else "--minus"
            assert colour == f"var({right})"


@pytest.mark.parametrize("of", ["weights", "scores"])
def test_layer_head_and_quantity_can_be_chosen(opened, of):
    page = opened(explorer_of(ARRAYS))
    choose(page, "show", of)
    for layer in range(2):
        choose(page, "layer", str(layer))
        for head in range(3):
            choose(page, "head", str(head))
            for row in range(2):
                token(page, 0, 0, row).hover()
                assert_shows(page, ARRAYS, of, (layer, head, row))
    assert of in page.locator(".mt-head").first.inner_text()


def test_the_mean_of_all_heads(opened):
    page = opened(explorer_of(ARRAYS))
    choose(page, "layer", "1")
    choose(page, "head", "mean")
    free = np.isfinite(ARRAYS["scores"])
    mean = {name: np.where(free, array, 0).mean(axis=1) for name, array in ARRAYS.items()}
    for of, hidden in (("weights", [False] * 4), ("scores", [True] + [False] * 3)):
        choose(page, "show", of)  # one head hides the first token: its weight there is 0
        token(page, 0, 0, 0).hover()
        assert_shows(page, mean, of, (1, 0), tolerance=1.01e-4, masked=hidden)  # of rounded ones
        token(page, 0, 0, 1).hover()
        assert_shows(page, mean, of, (1, 1), tolerance=1.01e-4, masked=[False] * 3 + [True])


def test_all_heads_stand_side_by_side_as_tables(opened):
    page = opened(explorer_of(ARRAYS))
    choose(page, "head", "all")
    choose(page, "layer", "1")
    for panel, name in enumerate(("weights", "dweights")):
        tables = page.locator(".mt-panel").nth(panel).locator("svg[role=group]")
        assert tables.count() == 3
        for head in range(3):
            cells = tables.nth(head).locator(".mt-cell").evaluate_all(
                "all => all.map((one) => [one.dataset.t, one.dataset.s, one.textContent])")
            assert len(cells) == 12
            for t, s, text in cells:
                value = ARRAYS[name][1, head, int(t), int(s)]
                masked = np.isneginf(ARRAYS["scores"][1, head, int(t), int(s)])
                assert text == "" if masked else abs(number(text) - value) < 0.06 * abs(value)
    page.locator('.mt-panel >> nth=1 >> .mt-cell[data-t="2"][data-s="1"] >> nth=1').hover()
    lines = page.locator(".mt-readout p").all_inner_texts()
    assert lines[0] == "sat asks Katze" and len(lines) == 1 + 2 * 3
    for head in range(3):
        for offset, name in ((1, "weights"), (2, "dweights")):
            line = lines[2 * head + offset]
            assert line.startswith(f"head {head}, ")
            assert abs(number(line.rpartition(" ")[2]) - ARRAYS[name][1, head, 2, 1]) < 0.51e-4


def test_without_scores_or_gradients_nothing_is_offered(opened):
    page = opened(explore(ARRAYS["weights"][0, 0], (ROWS, COLUMNS)))
    assert page.get_by_role("radio").count() == 0 and page.locator(".mt-panel").count() == 1
    token(page, 0, 0, 0).hover()
    np.testing.assert_allclose(numbers(page, 0), ARRAYS["weights"][0, 0, 0], atol=0.51e-4)


def test_the_kind_of_a_models_attention_can_be_chosen(opened):
    config = EncoderDecoderConfig(8, 9, d_model=6, n_heads=3, n_layers=2, d_ff=5, max_seq_len=7)
    explorer = explore(EncoderDecoder(config), [3, 5, 4, 6], target=[4, 3, 7])
    page = opened(explorer)
    for view, asks in zip(explorer.views, ("source asks", "target asks", "target asks")):
        choose(page, "attention", view.name)
        if view.name != "encoder":  # which is there from the start: the others are chosen anew
            assert page.get_by_role("radio", name=view.name).evaluate(
                "one => one.checked && one === document.activeElement")
        choose(page, "layer", "1")
        choose(page, "head", "2")
        page.locator(f'.mt-token[aria-label*="{asks}"]').nth(2).hover()
        masked = view.masked[1, 2, 2]
        for panel, name in enumerate(("weights", "dweights")):
            shown = numbers(page, panel)
            assert [n is None for n in shown] == list(masked)
            largest = abs(np.where(view.masked, 0, view.arrays[name])[1, 2]).max()
            for a, b in zip(shown, view.arrays[name][1, 2, 2]):
                assert a is None or abs(a - b) <= 0.51e-3 * largest


# ---- the keyboard ----

def focused(page):
    return page.evaluate("document.activeElement.getAttribute('aria-label')")


def test_everything_can_be_done_by_keys(opened):
    page = opened(explorer_of(ARRAYS))
    for _ in range(3):
        page.keyboard.press("Tab")  # layer, head, show
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("radio", name="scores").is_checked()
    page.keyboard.press("Tab")
    assert focused(page) == "the, who asks, 1 of 3"
    assert_shows(page, ARRAYS, "scores", (0, 0, 0))
    for key, label in [("ArrowDown", "cat, who asks, 2 of 3"), ("ArrowDown", "sat, who asks"),
                       ("ArrowDown", "sat, who asks"), ("ArrowRight", "saß, who is asked, 3 of 4"),
                       ("End", "da, who is asked, 4 of 4"), ("ArrowLeft", "sat, who asks, 3 of 3"),
                       ("Home", "the, who asks"), ("ArrowUp", "the, who asks")]:
        page.keyboard.press(key)
        assert focused(page).startswith(label)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert focused(page) == "the, who asks, 1 of 3"  # one stop in each picture
    page.evaluate("document.activeElement.blur()")
    assert_shows(page, ARRAYS, "scores", (0, 0, 1))  # kept
    assert page.locator('.mt-token[aria-pressed="true"]').count() == 2  # in both panels
    token(page, 0, 0, 2).focus()
    page.keyboard.press("Escape")
    assert page.locator('.mt-token[aria-pressed="true"]').count() == 0 and not numbers(page, 0)


def test_in_a_table_the_arrows_walk_along_rows_and_columns(opened):
    page = opened(explorer_of(ARRAYS))
    choose(page, "head", "all")
    token(page, 1, 0, 1).focus()
    for key, label in [("ArrowRight", "Katze, who is asked"), ("ArrowRight", "saß, who is asked"),
                       ("ArrowLeft", "Katze"), ("ArrowDown", "cat, who asks"), ("ArrowUp", "the")]:
        page.keyboard.press(key)
        assert focused(page).startswith(label)


def test_the_focus_is_visible_and_a_click_leaves_none_behind(opened):
    page = opened(explorer_of(ARRAYS))
    stroke = "one => getComputedStyle(one.querySelector('rect')).stroke"
    first = token(page, 0, 0, 0)
    assert first.evaluate(stroke) == "none"
    for _ in range(4):
        page.keyboard.press("Tab")
    assert focused(page).startswith("the") and first.evaluate(stroke) == "rgb(27, 31, 36)"
    token(page, 0, 0, 1).click()
    page.mouse.move(2, 2)
    assert_shows(page, ARRAYS, "weights", (0, 0, 1))  # kept
    token(page, 0, 0, 1).click()
    page.mouse.move(2, 2)
    assert not numbers(page, 0)


def test_everything_has_a_name_for_a_screen_reader(opened):
    page = opened(explorer_of(ARRAYS))
    unnamed = page.locator("[tabindex], input, svg, [role]").evaluate_all(
        "all => all.filter((one) => !one.getAttribute('aria-label') && !one.closest('label')"
        " && !one.ariaLive).map((one) => one.outerHTML)")
    assert unnamed == []
    assert page.locator(".mt-readout").get_attribute("aria-live") == "polite"
    assert page.get_by_role("group", name="Backward: gradient of the weights").count() == 1

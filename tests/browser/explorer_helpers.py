"""What the browser tests of the explorer share."""

import numpy as np

from minitransformer.functional import softmax_backward, softmax_forward
from minitransformer.teaching.explorer import explore

ROWS, COLUMNS = ["the", "cat", "sat"], ["die", "Katze", "saß", "da"]


def some_arrays():
    """weights, scores, dweights and dscores of two layers of three heads, (2, 3, 3, 4)."""
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(2, 3, 3, 4))
    scores[..., 1, 3] = -np.inf
    scores[1, 2, 0, 0] = -np.inf  # and this one in one head alone
    weights, cache = softmax_forward(scores)
    dweights = rng.normal(size=scores.shape)
    return {"weights": weights, "scores": scores, "dweights": dweights,
            "dscores": softmax_backward(dweights, cache)}


ARRAYS = some_arrays()


def explorer_of(arrays, **others):
    return explore(arrays["weights"], (ROWS, COLUMNS), scores=arrays["scores"],
                   gradients={"weights": arrays["dweights"], "scores": arrays["dscores"]}, **others)


def choose(page, group, name):
    box = page.get_by_role("radiogroup", name=group, exact=True)
    box.get_by_role("radio", name=name, exact=True).check(force=True)


def token(page, panel, side, index):
    """A token of the picture in a panel: side 0 asks, side 1 is asked."""
    return page.locator(".mt-panel").nth(panel).locator(
        f'.mt-token[aria-label*="{"who is asked" if side else "who asks"}"]').nth(index)


def number(text):
    """What a reader sees as a number: None for masked."""
    text = text.replace("−", "-").replace("×10", "e").translate(
        str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
    return None if text == "masked" else float(text)


def numbers(page, panel):
    """The numbers that stand in a panel's line picture."""
    return [number(text) for text in
            page.locator(".mt-panel").nth(panel).locator(".mt-number").all_text_contents()]


def expected(array, masked):
    return [None if hidden else value for value, hidden in zip(array, masked)]


def assert_shows(page, arrays, of, where, tolerance=0.51e-4, masked=None):
    """Both panels show arrays[of][where] and its gradient to four digits."""
    masked = np.isneginf(arrays["scores"])[where] if masked is None else masked
    for panel, name in enumerate((of, f"d{of}")):
        shown = numbers(page, panel)
        right = expected(arrays[name][where], masked)
        assert [n is None for n in shown] == [n is None for n in right]
        for a, b in zip(shown, right):
            assert a is None or abs(a - b) < tolerance, (name, shown, right)

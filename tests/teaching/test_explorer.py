"""The explorer's page holds the arrays that were given, and no token can break it."""

import fnmatch
import json
import re
from pathlib import Path

import numpy as np
import pytest

import minitransformer
from minitransformer.functional import causal_mask, softmax_backward, softmax_forward
from minitransformer.models import EncoderDecoder, EncoderDecoderConfig
from minitransformer.teaching.explorer import explore

TOKENS = ["the", "cat", "sat"]
MODEL = EncoderDecoder(EncoderDecoderConfig(8, 9, d_model=6, n_heads=3, n_layers=2, d_ff=5,
                                            max_seq_len=7))


def head(seed=0, shape=(2, 3, 4, 5)):
    """Random (weights, scores, gradients) of L layers of H heads, some of them masked."""
    rng = np.random.default_rng(seed)
    scores = np.where(rng.random(shape) < 0.2, -np.inf, rng.normal(size=shape))
    scores[..., 0] = 0.5  # nobody is left without a key
    weights, cache = softmax_forward(scores)
    dweights = rng.normal(size=shape)
    return weights, scores, {"weights": dweights, "scores": softmax_backward(dweights, cache)}


def stored(explorer):
    """The JSON of an explorer's page."""
    found = re.search(r'<script type="application/json">(.*?)</script>', explorer._repr_html_(),
                      re.DOTALL)
    return json.loads(found.group(1))


def unpacked(parts, shape):
    """The numbers that the page holds of one array, as the script reads them."""
    return np.array([[np.array(head["n"]) * 10.0 ** head["e"] for head in layer]
                     for layer in parts]).reshape(shape)


# ---- arrays ----

@pytest.mark.parametrize("axes", [2, 3, 4])
def test_the_page_holds_the_arrays_to_four_digits(axes):
    weights, scores, gradients = head()
    cut = (0,) * (4 - axes)
    weights, scores = weights[cut], scores[cut]
    gradients = {name: array[cut] for name, array in gradients.items()}
    explorer = explore(weights, (list("abcd"), list("vwxyz")), scores=scores, gradients=gradients)
    view, = stored(explorer)["views"]
    shape = (1,) * (4 - axes) + weights.shape
    free = np.isfinite(scores).reshape(shape)
    for name, array in [("weights", weights), ("scores", scores),
                        ("dweights", gradients["weights"]), ("dscores", gradients["scores"])]:
        array = np.where(free, array.reshape(shape), 0)
        np.testing.assert_allclose(unpacked(view["arrays"][name], shape), array, rtol=0,
                                   atol=0.51e-3 * abs(array).max(), err_msg=name)
    masks = np.array([[c == "1" for c in mask] for mask in view["masks"]])
    assert np.array_equal(np.broadcast_to(masks.reshape(-1, 4, 5), (masks.shape[0], 4, 5)),
                          ~free.reshape(-1, 4, 5)[:len(masks)])
    assert len(masks) == free[..., 0, 0].size
    assert (view["rows"], view["columns"]) == (list("abcd"), list("vwxyz"))


def test_small_and_large_numbers_keep_four_digits():
    weights = np.array([[1.0, 0.0], [0.25, 0.75]])
    for size in (1e-30, 3.21e-7, 0.999996, 12345.678, 4e22):
        explorer = explore(weights, ["a", "b"], gradients=size * np.array([[1, -0.5], [0.1, 0.0]]))
        array = stored(explorer)["views"][0]["arrays"]["dweights"]
        found = unpacked(array, (2, 2))
        np.testing.assert_allclose(found, size * np.array([[1, -0.5], [0.1, 0.0]]), rtol=0,
                                   atol=0.51e-3 * size)
        assert max(map(abs, array[0][0]["n"])) <= 10_000


def test_what_is_too_small_for_a_power_of_ten_counts_as_nothing():
    for tiny in (0.0, 1e-310):
        explorer = explore(np.eye(2), ["a", "b"], gradients=np.full((2, 2), tiny))
        array = stored(explorer)["views"][0]["arrays"]["dweights"]
        assert array == [[{"e": -4, "n": [0, 0, 0, 0]}]]


def test_a_mask_that_all_heads_share_is_stored_once():
    scores = np.where(causal_mask(3, 3), 0.0, -np.inf) + np.zeros((2, 4, 3, 3))
    view, = stored(explore(softmax_forward(scores)[0], TOKENS, scores=scores))["views"]
    assert view["masks"] == ["011001000"]


def test_one_array_of_gradients_is_that_of_the_weights():
    weights, _, gradients = head(shape=(3, 3))
    by_array = explore(weights, TOKENS, gradients=gradients["weights"])
    by_name = explore(weights, TOKENS, gradients={"weights": gradients["weights"], "q": None})
    assert stored(by_array) == stored(by_name)
    assert stored(by_array)["views"][0]["arrays"].keys() == {"weights", "dweights"}


def test_ids_and_characters_are_tokens_too():
    weights = np.full((3, 3), 1 / 3)
    assert stored(explore(weights, [17, 4, 9]))["views"][0]["rows"] == ["17", "4", "9"]
    assert stored(explore(weights, "abc"))["views"][0]["columns"] == ["a", "b", "c"]
    two = stored(explore(np.full((2, 2), 0.5), ["ab", "cd"]))["views"][0]
    assert two["rows"] == two["columns"] == ["ab", "cd"]


@pytest.mark.parametrize("given, words", [
    (lambda w: explore(w[0, 0, 0], TOKENS), r"weights has shape \(3,\), expected \(T, S\)"),
    (lambda w: explore(w[None], TOKENS), r"shape \(1, 1, 2, 3, 3\)"),
    (lambda w: explore(w[..., :0], TOKENS), "none of them 0"),
    (lambda w: explore(w, TOKENS[:2]), "there are 2 row tokens, but weights has 3 rows"),
    (lambda w: explore(w, (TOKENS, TOKENS[:2])), "2 column tokens, but weights has 3 columns"),
    (lambda w: explore(w, TOKENS, scores=w[0]), r"scores has shape \(2, 3, 3\), but weights"),
    (lambda w: explore(w, TOKENS, gradients=w[0]), r"dweights has shape \(2, 3, 3\)"),
    (lambda w: explore(w, TOKENS, gradients={"scores": w[0]}), r"dscores has shape"),
    (lambda w: explore(w, TOKENS, gradients={"dweights": w}), r"the keys \['dweights'\], expected"),
    (lambda w: explore(w * np.nan, TOKENS), "weights holds NaN"),
    (lambda w: explore(w, TOKENS, scores=w + np.inf), "scores holds NaN or infinity"),
    (lambda w: explore(w, TOKENS, target="x"), "target belongs to a model"),
    (lambda w: explore(np.zeros((81, 1)), (["a"] * 81, ["b"])), "room for 80"),
    (lambda w: explore(np.zeros((80, 80, 10, 10)), "abcdefghij"), "640,000 numbers"),
    (lambda w: explore(MODEL, [3, 4], scores=w), "the model's own"),
    (lambda w: explore(MODEL, [3, 1], target=[4]), "the source of pair 0 holds the id 1"),
    (lambda w: explore(MODEL, [3, 8], target=[4]), "src holds the id 8"),
    (lambda w: explore(w, TOKENS).plot("cross"), "kind is 'cross', there is attention"),
    (lambda w: explore(w, TOKENS).plot(head=2), "head is 2, but there are 1 layers and 2 heads"),
    (lambda w: explore(w, TOKENS).plot(show=["scores"]), "but there are only weights"),
])
def test_what_does_not_fit_is_refused_in_words(given, words):
    with pytest.raises(ValueError, match=words):
        given(np.full((1, 2, 3, 3), 1 / 3))


def test_rows_that_are_no_probabilities_are_shown_and_said():
    fine = np.array([[0.5, 0.5], [0.0, 0.0]])  # the second may attend to nothing
    assert stored(explore(fine, "ab"))["notes"] == []
    for wrong in (fine + 0.1, np.array([[1.5, -0.5], [1.0, 0.0]])):
        explorer = explore(wrong, "ab")
        assert "not probabilities" in stored(explorer)["notes"][0]
        assert "not probabilities" in repr(explorer)


# ---- the page ----

def test_no_token_can_end_the_script_or_hide_its_end():
    evil = ["</script>", "<!--<script>", "]]>", "a&amp;b", "\u2028", '"', "\\", "\N{GRINNING FACE}"]
    text = explore(np.full((8, 8), 1 / 8), evil, title="</script><b>")._repr_html_()
    assert text.count("</script>") == text.count("<script") == 2
    assert "<!--" not in text and "\u2028" not in text and "<b>" not in text
    assert stored(explore(np.full((8, 8), 1 / 8), evil))["views"][0]["rows"] == evil


def test_the_page_is_one_div_the_same_each_time_and_asks_for_nothing():
    weights, scores, gradients = head()
    pages = {explore(weights, (list("abcd"), list("vwxyz")), scores=scores,
                     gradients=gradients)._repr_html_() for _ in range(2)}
    text, = pages
    assert text.startswith('<div class="mt-explorer"') and text.endswith("</div>")
    assert text.count("<div") == 1
    urls = set(re.findall(r"https?://[^\s\"')]+", text))
    assert urls == {"http://www.w3.org/2000/svg"}  # a name, which nobody looks up
    assert "innerHTML" not in text and "@import" not in text and "url(" not in text


def test_what_a_page_adds_to_a_notebook_is_modest():
    assert len(explore(np.eye(3), TOKENS)._repr_html_()) < 25_000


def test_repr_has_no_address():
    text = repr(explore(np.eye(3), TOKENS))
    assert text == "<Explorer attention: layers 1, heads 1, 3 tokens ask 3>"


def test_everything_that_is_shipped_is_named_for_the_wheel():
    package = Path(minitransformer.__file__).parent
    config = (package.parent / "pyproject.toml").read_text(encoding="utf-8")
    table = config.partition("[tool.setuptools.package-data]\n")[2].partition("\n\n")[0]
    patterns = {name: re.findall(r'"([^"]+)"', files) for name, files in
                re.findall(r'^"?([\w.]+)"? = \[(.*?)\]', table, re.DOTALL | re.MULTILINE)}
    for name in ("explorer.css", "explorer.js", "explorer_draw.js"):
        assert (package / "teaching" / name).exists()
        assert any(fnmatch.fnmatch(name, pattern)
                   for pattern in patterns["minitransformer.teaching"])


def test_the_static_picture_shows_values_and_gradients():
    plt = pytest.importorskip("matplotlib.pyplot")
    weights, scores, gradients = head(shape=(2, 3, 3))
    explorer = explore(weights, TOKENS, scores=scores, gradients=gradients, title="both heads")
    figure = explorer.plot()
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == ["weights, head 0", "weights, head 1", "dweights, head 0", "dweights, head 1"]
    both = [*zip(weights, np.isfinite(scores)), *zip(gradients["weights"], np.isfinite(scores))]
    for ax, (array, free) in zip(figure.axes, both, strict=True):
        assert np.array_equal(ax.images[0].get_array(), np.where(free, array, 0))
    assert figure.get_suptitle() == "both heads"
    one = explorer.plot(head=1, show=("weights", "scores", "dscores"))
    assert [ax.get_title() for ax in one.axes] == [
        "weights, head 1", "scores, head 1", "dscores, head 1"]
    for ax in one.axes:
        crossed = {text.get_position() for text in ax.texts if text.get_text() == "×"}
        assert crossed == {(s, t) for t, s in np.argwhere(np.isneginf(scores[1]))}
    plt.close(figure)
    plt.close(one)


def test_nothing_given_is_changed():
    weights, scores, gradients = head()
    before = [array.copy() for array in (weights, scores, *gradients.values())]
    explore(weights, (list("abcd"), list("vwxyz")), scores=scores,
            gradients=gradients)._repr_html_()
    for old, new in zip(before, (weights, scores, *gradients.values())):
        assert np.array_equal(old, new)

"""The explorer: point at a token and see where each head looks, forward and backward.

    explore(weights, tokens)                     # arrays of one's own, such as lesson 04's head
    explore(translator, "forty-two")             # a trained model: all layers, heads and kinds

The script (explorer_draw.js, explorer.js) and the style stand in every output, so that a notebook
needs nothing else: after a change of them the lessons that show an explorer are built again.
"""

import html
import json
from pathlib import Path

import numpy as np

from minitransformer.models import EncoderDecoder
from minitransformer.teaching.attention_views import (
    expect_modest, view_of_arrays, views_of_model)
from minitransformer.translator import Translator

HERE = Path(__file__).parent
FALLBACK = ("A picture that answers when you point at a token stands here once scripts may run: "
            "run this cell in Jupyter, or open the page in a browser with JavaScript.")
NO_PROBABILITIES = ("In some rows the weights are not probabilities: they should be at least 0 and "
                    "add up to 1.")


def explore(what, text, *, target=None, scores=None, gradients=None, title=""):
    """Show who looks at whom in attention: an Explorer, which a notebook draws.

    With arrays: what is the weights, (T, S), (H, T, S) or (L, H, T, S), L layers of H heads; text
    is the list of tokens, or a pair of lists (who asks, who is asked). scores: the scaled scores,
    -inf where masked. gradients: dweights, or {"weights": dweights, "scores": dscores}, other
    keys not being shown. All have the shape of the weights.

        explore(weights, ["the", "cat", "sat"])
        explore(weights, tokens, scores=hidden_scores, gradients={"scores": dscores})

    With a model: what is a Translator and text its source; or what is an EncoderDecoder and text a
    list of ids. target is the translation that is scored, by default the model's own. Shown are
    the attention of the encoder, the decoder's own, and the decoder's to the memory (cross), in
    all layers and heads, and the gradients of the loss at each, from the model's own backward.

        explore(Translator.load("runs/translator"), "forty-two", target="zweiundvierzig")
        explore(model, [5, 9, 4], target=[7, 3])

    Raises ValueError for shapes and tokens that do not fit, and for more than can be shown.
    """
    if isinstance(what, (Translator, EncoderDecoder)):
        if scores is not None or gradients is not None:
            raise ValueError("scores and gradients are the model's own here: leave them out")
        return _look_into(what, text, target, title)
    if target is not None:
        raise ValueError("target belongs to a model; with arrays give tokens=(who asks, who is "
                         "asked)")
    view = view_of_arrays(what, text, scores=scores, gradients=gradients)
    weights = view.arrays["weights"]
    sums = weights.sum(axis=-1)                                              # (L, H, T)
    # A row that may attend to nothing is all 0, which is right.
    probable = (weights >= 0).all(axis=-1) & ((abs(sums - 1) < 1e-3) | (sums == 0))
    return Explorer([view], title=title, notes=[] if probable.all() else [NO_PROBABILITIES])


def _look_into(what, text, target, title):
    """The Explorer of a Translator or an EncoderDecoder."""
    model = what.model if isinstance(what, Translator) else what
    longest = model.config.max_seq_len
    if isinstance(what, Translator):
        if not isinstance(text, str):
            raise ValueError(f"text is {type(text).__name__}, expected the source as one string")
        if target is None:
            target = what.translate([text])[0][:longest - 1]  # the decoder reads START before it
        title = title or f"{text} → {target}"
        src, tgt = what.source.encode(text), what.target.encode(target)
        src_tokens, target_tokens = what.source.split(text), list(target)
    else:
        src = [int(i) for i in np.ravel(text)]
        if target is None:
            target = model.generate(np.array([src]), max_new_tokens=longest)[0][:longest - 1]
        tgt = [int(i) for i in np.ravel(target)]
        src_tokens, target_tokens = [str(i) for i in src], [str(i) for i in tgt]
    views, loss = views_of_model(model, src, tgt, src_tokens=src_tokens,
                                 target_tokens=target_tokens)
    return Explorer(views, title=title, notes=[f"The loss is {loss:.4f} nats a target token; the "
                                               "gradients are the loss's."])


class Explorer:
    """Views of attention, which a notebook draws as a picture that answers. See explore.

    .views holds the numbers: .views[0].arrays["dweights"] is (L, H, T, S).
    """

    def __init__(self, views, *, title="", notes=()):
        expect_modest(views)
        self.views, self.title, self.notes = list(views), title, list(notes)

    def __repr__(self):
        kinds = [f"{view.name}: layers {view.masked.shape[0]}, heads {view.masked.shape[1]}, "
                 f"{len(view.rows)} tokens ask {len(view.columns)}" for view in self.views]
        return f"<Explorer {'; '.join([*kinds, *self.notes])}>"

    def _repr_html_(self):
        """One <div>: a sentence, the numbers as JSON, and the script that draws them as SVG."""
        return "\n".join([
            '<div class="mt-explorer" data-lm-suppress-shortcuts="true">',
            f'<p class="mt-fallback">{html.escape(FALLBACK)}</p>',
            f"<style>{_shipped('explorer.css')}</style>",
            f'<script type="application/json">{self._json()}</script>',
            f"<script>{_script()}</script>",
            "</div>"])

    def save(self, path):
        """Write one HTML file that works without a network, in light and dark. Returns its path."""
        path, title = Path(path), html.escape(self.title or "Attention")
        allowed = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
        path.write_text("\n".join([
            '<!doctype html>', '<html lang="en">', "<head>", '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{allowed}">',
            '<meta name="viewport" content="width=device-width">', f"<title>{title}</title>",
            "<style>:root { color-scheme: light dark; font: 16px system-ui, sans-serif }"
            " body { max-width: 70rem; margin: 1.5rem auto; padding: 0 1rem }</style>",
            "</head>", "<body>", self._repr_html_(), "</body>", "</html>", ""]),
            encoding="utf-8", newline="\n")
        return path

    def plot(self, kind=None, *, layer=0, head=None, show=("weights", "dweights")):
        """Draw the static picture, for where no script runs; returns the matplotlib figure.

        kind: a view's name, by default the first; head: None for all, a column each; show: some of
        weights, scores, dweights, dscores; × marks what is masked.
        Raises ValueError for a kind, layer or head that is not there, or nothing to show.
        """
        return _plot(self, kind, layer, head, show)

    def _json(self):
        views = []
        for view in self.views:
            masks = view.masked.reshape(-1, view.masked[0, 0].size)          # (L H, T S)
            masks = masks[:1] if (masks == masks[0]).all() else masks        # mostly all are alike
            views.append({
                "name": view.name, "rows": view.rows, "columns": view.columns,
                "rowTitle": view.row_title, "columnTitle": view.column_title,
                "masks": ["".join("01"[int(hidden)] for hidden in mask) for mask in masks],
                "arrays": {name: [[_shortened(matrix) for matrix in layer]
                                  for layer in np.where(view.masked, 0.0, array)]
                           for name, array in view.arrays.items()}})
        text = json.dumps({"title": self.title, "notes": self.notes, "views": views},
                          separators=(",", ":"))
        # Inside a script only "<" can do harm: </script> ends it, <!-- hides its end.
        return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _shortened(matrix):
    """A matrix to four digits of its largest number: {"e": exponent, "n": whole numbers}."""
    largest = float(np.max(np.abs(matrix)))
    exponent = int(f"{largest:.3e}".partition("e")[2]) - 3
    if 0.1 <= largest < 10 or largest < 1e-100:
        exponent = -4
    return {"e": exponent, "n": np.rint(matrix * 10.0 ** -exponent).astype(int).ravel().tolist()}


def _shipped(name):
    """A file beside this one, without indentation and lines of comment: it is in every output."""
    lines = (line.strip() for line in (HERE / name).read_text(encoding="utf-8").splitlines())
    return "\n".join(line for line in lines if line and not line.startswith(("//", "/*")))


def _script():
    """The two halves of the script, in a function of their own."""
    parts = _shipped("explorer_draw.js"), _shipped("explorer.js")
    return "\n".join(['(() => {', '"use strict";', *parts, "})();"])


def _plot(explorer, kind, layer, head, show):
    import matplotlib.pyplot as plt

    from minitransformer.teaching.figures import GREY, PALE, heatmap

    names = [view.name for view in explorer.views]
    if kind is not None and kind not in names:
        raise ValueError(f"kind is {kind!r}, there is {', '.join(names)}")
    view = explorer.views[0 if kind is None else names.index(kind)]
    L, H, T, S = view.masked.shape
    shown = [name for name in show if name in view.arrays]
    if not shown:
        raise ValueError(f"show is {show!r}, but there are only {', '.join(view.arrays)}")
    if not 0 <= layer < L or not (head is None or 0 <= head < H):
        raise ValueError(f"layer is {layer} and head is {head}, but there are {L} layers and {H} "
                         "heads, counted from 0")
    heads = range(H) if head is None else [head]
    places = [(name, h) for name in shown for h in heads]
    columns = len(heads) if len(heads) > 1 else len(shown)  # one head: its pictures side by side
    width, height = (1.4 + n * (0.55 if n <= 8 else 0.26) for n in (min(S, 40), min(T, 40)))
    rows = len(places) // columns
    fig, axes = plt.subplots(rows, columns, squeeze=False, layout="constrained",
                             figsize=(width * columns, 0.9 * height * rows + 0.2))
    for (name, h), ax in zip(places, axes.flat):
        free = np.where(view.masked, 0.0, view.arrays[name])[layer]         # (H, T, S)
        probabilities = name == "weights" and (free >= 0).all()
        heatmap(free[h], rows=view.rows, columns=view.columns, ax=ax, numbers="",
                kind="weights" if probabilities else "signed", row_title=view.row_title,
                column_title=view.column_title)
        largest = abs(free[list(heads)]).max() or 1.0  # of all heads: they share one scale
        if not probabilities:
            ax.images[0].set_clim(-largest, largest)
        ax.set_title(name if H == 1 else f"{name}, head {h}", fontsize=10, fontweight="normal")
        for (t, s), hidden in np.ndenumerate(view.masked[layer, h]):
            dark = abs(free[h, t, s]) > 0.6 * (1.0 if probabilities else largest)
            if hidden:
                ax.add_patch(plt.Rectangle((s - 0.5, t - 0.5), 1, 1, facecolor=PALE))
            number = f"{round(free[h, t, s], 2) + 0:.2f}" if max(T, S) <= 8 else ""  # no -0.00
            ax.text(s, t, "×" if hidden else number, ha="center", va="center", fontsize=9,
                    color=GREY if hidden else "white" if dark else "black")
        if S > 8:
            ax.tick_params(axis="x", rotation=90)
    if explorer.title:
        fig.suptitle(explorer.title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    return fig

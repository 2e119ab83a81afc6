"""The tour: three minutes in which everything is proved, a translator learns, and shows it."""

import numpy as np

from minitransformer import PROJECT
from minitransformer.checks import print_checks
from minitransformer.data.batching import make_batch
from minitransformer.training.log import plot_losses
from minitransformer.translator import (
    Translator,
    exact_match,
    number_word_pairs,
    print_translation,
    train,
)

STEPS = 300
SHOWN = ("five hundred and forty-seven", "fünfhundertsiebenundvierzig")


def run_tour(*, seed=0, steps=STEPS, figures=PROJECT / "figures"):
    """Run the tour; returns the exit code, 1 when a gradient exceeds its bar."""
    print("1. Every gradient is written by hand. Proof: each against the complex step\n"
          "   f(x + ih).imag / h, which has no subtraction and so no rounding to speak of.\n")
    if not print_checks(seed=seed):
        return 1

    print(f"\n2. A Transformer learns to translate numbers: {steps} steps.\n")
    pairs = number_word_pairs()
    translator = Translator.untrained(pairs.train, seed=seed)
    rows = train(translator, pairs, steps=steps, seed=seed, evaluate_every=50)

    print("\n3. What it makes of numbers that it has never seen:\n")
    found, right = exact_match(translator, pairs.test)
    for (source, target), text in zip(pairs.test[:10], found):
        print_translation(source, text, target)
    print(f"\n  {right} of {len(found)} without a single wrong letter ({right / len(found):.1%})")

    figures.mkdir(exist_ok=True)
    plot_losses(rows, figures / "translator_loss.png")
    draw_cross_attention(translator, *SHOWN, figures / "translator_attention.png")
    print(f"""
4. Two pictures are in {figures}:

  translator_loss.png        how the loss fell (in training it is higher: dropout is on)
  translator_attention.png   where the decoder looks while it writes {SHOWN[1]}

5. The lessons derive all of this, one concept at a time, with a pencil first:

  python3 run.py lessons             opens them in JupyterLab; begin with 00
  python3 run.py train translator    trains to the end; then: run.py translate "forty-seven"
  python3 run.py --help              lists everything else""")
    return 0


def cross_attention(translator, source, target):
    """Where the decoder looks: weights (T, S), the mean over all layers and heads.

    Row t is the step that writes character t of target (the last row: END), column s the source's
    word s.
    """
    batch = make_batch(translator.encode([(source, target)]))
    _, cache = translator.model.forward(batch.src, batch.tgt)
    layers = [block.cross_attention.attention.weights[0] for block in cache.decoder.blocks]
    return np.mean(layers, axis=(0, 1))  # (L, H, T, S) -> (T, S)


def draw_cross_attention(translator, source, target, path):
    """Save a picture of cross_attention: the target from left to right, a row for each word."""
    from matplotlib.figure import Figure  # without pyplot: no window, on any system

    from minitransformer.teaching.figures import heatmap, use_style

    use_style()
    characters, words = [*target, "END"], translator.source.split(source)
    figure = Figure((1.5 + 0.3 * len(characters), 1.5 + 0.3 * len(words)), layout="constrained")
    heatmap(cross_attention(translator, source, target).T, rows=words, columns=characters,
            ax=figure.add_subplot(), numbers="", row_title="read",
            column_title="written, one character after another",
            title='German says "seven-and-forty": the decoder looks at "seven", then at "forty"')
    figure.savefig(path, dpi=150)

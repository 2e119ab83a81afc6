"""A Transformer in NumPy: every gradient derived by hand and proved to machine precision.

The source is meant to be read, in this order. Without variants/, the first five are the Transformer
and its proof, an evening.

    functional/       45 min  the calculus: each operation a forward and, under it, its backward
    variants/         25 min  what came later; skip it at first
    layers/           30 min  attention with many heads, feed-forward, the two blocks
    models/           35 min  the encoder-decoder, itself such a pair; then the language model
    gradient_check.py 15 min  the proof: complex step, central differences
    checks/           10 min  what is proved: a case for each pair, layer and model
    training/         40 min  optimizers, learning rates, checkpoints, the trainer
    data/             20 min  ids, number words, a corpus without leaks, batches
    decoding.py       15 min  greedy and beam search; kv_cache.py makes them fast
    sampling.py       10 min  temperature, top-k, top-p
    translator.py     10 min  all of this together: a model that translates
    language_model/   20 min  and one that writes
    teaching/         40 min  what the lessons use: exercises, figures, the bug museum

tree.py and shapes.py (5 min) are used by all; tour.py and cli.py are what a person types.
"""

from pathlib import Path

__version__ = "0.1.0"

PROJECT = Path(__file__).resolve().parent.parent  # the clone: lessons/, tests/, figures/ are there

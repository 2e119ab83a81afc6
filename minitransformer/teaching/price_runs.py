"""Accuracy against bytes: translators trained, then quantized, pruned and thinned, for lesson 22.

    python -m minitransformer.teaching.price_runs              20 minutes of processor time
    python -m minitransformer.teaching.price_runs --models F   keeps the translators in folder F

The translator of lesson 10 and two narrower ones learn number words with two seeds each. Of the
first, the weight matrices are stored in fewer bits, in fewer heads, or as two thin factors; of the
others, in 8 bits. Nothing is trained afterwards. Which head goes next is decided on the validation
numbers. All is measured on the 500 test numbers. The results stand in lessons/results/price.json.
"""

import contextlib
import dataclasses
import json
import platform
from pathlib import Path

import numpy as np

from minitransformer.compress import (
    cut_heads, dequantize, is_matrix, low_rank_factors, quantize, quantized_bytes, rank_within,
    silence_heads, with_matrices)
from minitransformer.data.batching import make_batch
from minitransformer.layers.multi_head_attention import multi_head_attention_forward
from minitransformer.malloc import keep_freed_memory
from minitransformer.models import EncoderDecoder
from minitransformer.teaching.ladder import LADDER
from minitransformer.teaching.run_command import run_command
from minitransformer.teaching.swap import replaced
from minitransformer.translator import (
    STEPS, Translator, exact_match, make_trainer, number_word_pairs)
from minitransformer.tree import tree_items

PRICE_FILE = LADDER.with_name("price.json")
SEEDS = (0, 1)
WIDTH, NARROW = 128, (64, 32)
BITS = (8, 6, 5, 4, 3, 2)
SHARES = (0.75, 0.5, 0.35, 0.25, 0.125)
HEADS_GONE = (1, 2, 4, 6, 8, 12, 16, 20)


def layers_with_heads(tree, name=""):
    """(path, tree) of each attention layer of a tree of parameters, as ("encoder", ...)."""
    if isinstance(tree, dict) and {"q", "k", "v", "out"} <= tree.keys():
        yield name, tree
        return
    children = (tree.items() if isinstance(tree, dict)
                else enumerate(tree) if isinstance(tree, list) else ())
    for key, child in children:
        yield from layers_with_heads(child, f"{name}.{key}" if name else str(key))


def with_heads(params, heads, change, *, n_heads):
    """The tree with change(layer, heads, n_heads=...) where heads, {path: [head]}, names some."""
    def copied(tree, name):
        if name in heads:
            return change(tree, heads[name], n_heads=n_heads)
        if isinstance(tree, dict):
            return {key: copied(child, f"{name}.{key}" if name else key)
                    for key, child in tree.items()}
        if isinstance(tree, list):
            return [copied(child, f"{name}.{i}") for i, child in enumerate(tree)]
        return tree
    return copied(params, "")


@contextlib.contextmanager
def heads_by_width(width):
    """Inside the with block a layer has as many heads as its wq is wide, in heads of this width.

    So a model may have other numbers of heads in each layer, and none in some.
    """
    def forward(params, x, memory=None, *, n_heads, **options):
        n_heads = params["q"]["w"].shape[1] // width
        if not n_heads:
            return np.broadcast_to(params["out"]["b"], x.shape), None
        return multi_head_attention_forward(params, x, memory, n_heads=n_heads, **options)

    with replaced({multi_head_attention_forward: forward}):
        yield


def with_params(translator, params):
    """The same translator with other parameters."""
    model = EncoderDecoder.__new__(EncoderDecoder)
    model.config, model.params, model.state = (
        translator.model.config, params, translator.model.state)
    return translator._replace(model=model)


def three_digits(x):
    """x rounded to three digits that count: a loss may be 0.00002."""
    return float(f"{x:.3g}")


def tree_bytes(params):
    """Bytes of all arrays."""
    return sum(x.nbytes for _, x in tree_items(params))


def bytes_with(params, matrix_bytes):
    """Bytes of the tree, where a weight matrix w takes matrix_bytes(w)."""
    return sum(matrix_bytes(x) if is_matrix(name) else x.nbytes
               for name, x in tree_items(params))


def in_bits(params, bits, *, one_scale=False):
    """(the tree as it is after quantizing every weight matrix, its bytes)."""
    def stored(w):
        return quantize(w.reshape(-1, 1) if one_scale else w, bits=bits)

    return (with_matrices(params, lambda w: dequantize(stored(w)).reshape(w.shape)),
            bytes_with(params, lambda w: quantized_bytes(stored(w))))


def in_factors(params, share):
    """(the tree with each weight matrix as two factors of at most this share of it, its bytes)."""
    def product(w):
        a, b = low_rank_factors(w, max(1, rank_within(w.shape, share)))
        return a @ b

    return (with_matrices(params, product),
            bytes_with(params, lambda w: w.itemsize * max(1, rank_within(w.shape, share))
                       * sum(w.shape)))


def head_losses(translator, batch):
    """{(path, head): the loss without that head}, of every head."""
    n_heads = translator.model.config.n_heads
    return {(name, head): with_params(translator, with_heads(
                translator.model.params, {name: [head]}, silence_heads, n_heads=n_heads)
            ).model.loss(batch)
            for name, _ in layers_with_heads(translator.model.params) for head in range(n_heads)}


def without_heads(translator, gone):
    """The parameters without the heads of gone, [(path, head)]: really smaller matrices."""
    heads = {}
    for name, head in gone:
        heads.setdefault(name, []).append(head)
    return with_heads(translator.model.params, heads, cut_heads,
                      n_heads=translator.model.config.n_heads)


def trained(pairs, *, width, seed, steps=STEPS, folder=None):
    """A translator of this width; read from folder, where one has been kept there."""
    path = None if folder is None else Path(folder) / f"{width}_{seed}.npz"
    if path is not None and path.exists():
        return Translator.load(path)
    translator = Translator.untrained([pair for part in pairs for pair in part], seed=seed)
    config = dataclasses.replace(translator.model.config, d_model=width, d_ff=4 * width)
    translator = translator._replace(model=EncoderDecoder(config, seed=seed))
    make_trainer(translator, pairs, steps=steps, seed=seed, print_every=0).train(steps)
    if path is not None:
        translator.save(path)
    return translator


def one_seed(pairs, seed, *, widths=(WIDTH, *NARROW), bits=BITS, shares=SHARES,
             heads_gone=HEADS_GONE, **training):
    """All of one seed: a list of rows for the file, and the loss without each head."""
    test, validation = pairs.test, None
    rows, found = [], {}

    def measured(way, setting, translator, nbytes):
        batch = make_batch(translator.encode(test))
        _, right = exact_match(translator, test)
        rows.append({"way": way, "setting": setting, "seed": seed, "bytes": nbytes,
                     "loss": three_digits(translator.model.loss(batch)), "right": right})
        print(rows[-1], flush=True)

    for width in widths:
        translator = trained(pairs, width=width, seed=seed, **training)
        params = translator.model.params
        measured("width", width, translator, tree_bytes(params))
        if width != widths[0]:
            changed, nbytes = in_bits(params, 8)
            measured("width, 8 bits", width, with_params(translator, changed), nbytes)
            continue
        for n in bits:
            for way, one_scale in (("bits", False), ("bits, one scale", True)):
                changed, nbytes = in_bits(params, n, one_scale=one_scale)
                measured(way, n, with_params(translator, changed), nbytes)
        for share in shares:
            changed, nbytes = in_factors(params, share)
            measured("rank", share, with_params(translator, changed), nbytes)
        validation = make_batch(translator.encode(pairs.validation))
        found = head_losses(translator, validation)
        order = sorted(found, key=found.get)
        with heads_by_width(translator.model.config.d_model // translator.model.config.n_heads):
            for n in heads_gone:
                changed = without_heads(translator, order[:n])
                measured("heads", n, with_params(translator, changed), tree_bytes(changed))
        found = {"seed": seed, "whole": three_digits(translator.model.loss(validation)),
                 "without": {f"{name}.{head}": three_digits(loss)
                             for (name, head), loss in found.items()}}
    return rows, found


def measure(seeds=SEEDS, path=PRICE_FILE, pairs=None, **run):
    """Measure seed after seed, and write the file after each."""
    pairs = number_word_pairs() if pairs is None else pairs
    content = {"command": "python -m minitransformer.teaching.price_runs",
               "versions": {"python": platform.python_version(), "numpy": np.__version__},
               "steps": run.get("steps", STEPS), "numbers": len(pairs.test), "seeds": [],
               "rows": [], "heads": []}
    for seed in seeds:
        rows, heads = one_seed(pairs, seed, **run)
        content["seeds"].append(seed)
        content["rows"] += rows
        content["heads"].append(heads)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(content).replace('{"way"', '\n{"way"').replace('{"seed"', '\n{"seed"')
        path.write_text(text + "\n", encoding="utf-8", newline="\n")


def read_price(path=PRICE_FILE):
    """What the file holds. Raises FileNotFoundError with the command that makes it."""
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: make it with "
                                "python -m minitransformer.teaching.price_runs")
    return json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    keep_freed_memory()
    run_command(__doc__, measure, {"--models": {
        "dest": "folder", "metavar": "F", "help": "keep the trained translators in folder F"}})

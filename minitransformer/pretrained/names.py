"""From the names that a file gives its arrays to the parameter tree of a model here."""

from dataclasses import replace

import numpy as np

from minitransformer.tree import tree_fill, tree_items


def fill_params(template, arrays, table, *, source):
    """A tree built like template whose leaves come from arrays, a dict of the file's names.

    table: {leaf's name in the tree: how it is found}. How is the name in the file, or a function of
    arrays that gives the leaf: for a transposed matrix, or two that stand side by side here.
    source: the file's name, for messages. Every leaf is of the template's dtype.
    Raises ValueError, naming the leaf and the file's array, for one that is missing or of another
    shape.
    """
    leaves = {}
    for name, leaf in tree_items(template):
        how = table[name]
        try:
            found = how(arrays) if callable(how) else arrays[how]
        except KeyError as error:
            raise ValueError(f"{source} has no array {error}, which {name!r} is read from: it "
                             f"holds another model, or is not whole") from error
        if found.shape != leaf.shape:
            raise ValueError(f"{source}: what belongs to {name!r} has shape {found.shape}, "
                             f"expected {leaf.shape}: it holds another model")
        # A transposed view becomes an array of rows: one token times it is a fifth faster then.
        # What the file lends read-only is copied: a read-only array would be a frozen one.
        leaves[name] = np.require(found, leaf.dtype, ["C", "W"])
    return tree_fill(template, leaves)


def transposed(name):
    """A matrix that the file holds as (outputs, inputs); here it is (inputs, outputs)."""
    return lambda arrays: arrays[name].T


def beside(*names):
    """Matrices (outputs, inputs) of the file as one (inputs, all outputs): SwiGLU's gate and up."""
    return lambda arrays: np.concatenate([arrays[name] for name in names]).T


def params_template(init, config, dtype=np.float32):
    """The tree of a model with a stack of equal blocks, whose arrays have shapes and no meaning.

    init: as decoder_only_init. One block is made, and stands there n_layers times.
    """
    tree = init(np.random.default_rng(0), config=replace(config, n_layers=1), dtype=dtype)
    return {**tree, "blocks": tree["blocks"] * config.n_layers}

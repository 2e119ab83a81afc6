"""From the names that a file gives its arrays to the parameter tree of a model here."""

from dataclasses import replace

import numpy as np

from minitransformer.tree import tree_fill, tree_items


def fill_params(template, arrays, table, *, source):
    """A tree built like template whose leaves come from arrays, a dict of the file's names.

    table: {leaf's name in the tree: how it is found}. How is the name in the file, or a function of
    arrays that gives the leaf: for a transposed matrix, or two that stand side by side here.
    source: the file's name, for messages. Every leaf is of the template's dtype.
    Raises ValueError, naming the leaf and the file's array, for one that is missing, of another
    shape, or of anything but finite numbers with a point.
    """
    leaves = {}
    for name, leaf in tree_items(template):
        how = table[name]
        try:
            found = how(arrays) if callable(how) else arrays[how]
        except KeyError as error:
            raise ValueError(f"{source} has no array {error}, which {name!r} is read from: it "
                             f"holds another model, or is not whole") from error
        except (IndexError, ValueError) as error:  # too few axes, or parts that do not fit together
            raise ValueError(f"{source}: {name!r} cannot be made of its arrays ({error}): it holds "
                             f"another model, or is damaged") from error
        if found.shape != leaf.shape:
            raise ValueError(f"{source}: what belongs to {name!r} has shape {found.shape}, "
                             f"expected {leaf.shape}: it holds another model")
        if found.dtype.kind != "f":
            raise ValueError(f"{source}: what belongs to {name!r} is {found.dtype}, expected "
                             f"numbers with a point: it holds another model")
        # A transposed view becomes an array of rows: one token times it is a fifth faster then.
        # What the file lends read-only is copied: a read-only array would be a frozen one.
        with np.errstate(over="ignore"):
            leaves[name] = np.require(found, leaf.dtype, ["C", "W"])
        if not np.isfinite(leaves[name]).all():
            raise ValueError(f"{source}: what belongs to {name!r} holds numbers that are not "
                             f"finite in {leaf.dtype}: it is damaged")
    return tree_fill(template, leaves)


def transposed(name):
    """A matrix that the file holds as (outputs, inputs); here it is (inputs, outputs)."""
    return lambda arrays: arrays[name].T


def beside(*names):
    """Matrices (outputs, inputs) of the file as one (inputs, all outputs): SwiGLU's gate and up."""
    return lambda arrays: np.concatenate([arrays[name] for name in names]).T


def expect_room(config, arrays, source):
    """Raise ValueError where a configuration asks for more than a file's arrays hold.

    To be called before params_template, which takes memory for what the configuration says.
    """
    held = sum(array.size for array in arrays.values())
    positions = config.max_seq_len if config.positions == "learned" else 1
    asked = config.d_model * max(config.vocab_size, positions, config.d_model, config.d_ff)
    if asked > held or config.n_layers > len(arrays):
        raise ValueError(f"the settings speak of an array of {asked:,} numbers and of "
                         f"{config.n_layers:,} layers, but {source} holds {held:,} numbers in all, "
                         f"in {len(arrays):,} arrays: they do not belong together")


def params_template(init, config, dtype=np.float32):
    """The tree of a model with a stack of equal blocks, whose arrays have shapes and no meaning.

    init: as decoder_only_init. One block is made, and stands there n_layers times.
    """
    tree = init(np.random.default_rng(0), config=replace(config, n_layers=1), dtype=dtype)
    return {**tree, "blocks": tree["blocks"] * config.n_layers}

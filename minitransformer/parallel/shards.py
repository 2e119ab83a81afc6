"""Shards: which part of each of a model's arrays a process has, and all parts joined again.

Of a projection into heads, the feed-forward's width or the vocabulary the columns are cut; of one
that leads back, the rows; of the table the rows too. Norms, positions, the bias of what is summed
over all processes, an output of classes and what reads features are whole everywhere.
"""

import math

import numpy as np

from minitransformer.parallel.collectives import total
from minitransformer.tree import tree_items, tree_map, tree_norm

CUT = {  # the end of an array's name: its axis that is cut
    "q.w": 1, "k.w": 1, "v.w": 1, "q.b": 0, "k.b": 0, "v.b": 0, "out.w": 0,
    "up.w": 1, "up.b": 0, "down.w": 0, "table": 0, "output.w": 1, "output.b": 0,
}
WHOLE = ("gain", "bias", "positions", "out.b", "down.b", "embedding.w", "embedding.b", "steps")
VOCABULARIES = ("vocab_size", "src_vocab_size", "tgt_vocab_size")


def expect_divisible(config, size):
    """Raise ValueError, by name, unless size processes can share such a model evenly."""
    n_kv_heads = config.n_heads if config.n_kv_heads is None else config.n_kv_heads
    for name, number in (("n_heads", config.n_heads), ("n_kv_heads", n_kv_heads),
                         ("d_ff", config.d_ff)):
        if number % size:
            raise ValueError(f"{name} is {number}, which {size} processes cannot share evenly: "
                             f"start as many as divide it")
    for name in VOCABULARIES:
        if (number := getattr(config, name, None)) is not None and number < size:
            raise ValueError(f"{name} is {number}, too few for {size} processes")


def first_id(vocab_size, rank, size):
    """The first id of a process's part of the vocabulary; earlier parts may be one id longer."""
    each, rest = divmod(vocab_size, size)
    return rank * each + min(rank, rest)


def shard(params, rank, size, *, config):
    """The part of process rank of size, a tree of copies built like params.

    params: a model's tree, one built like it, or an optimizer's state, which holds such. Raises
    ValueError as expect_divisible does, for a frozen array, and for one that is no part of a plain
    model, such as an adapter's.
    """
    expect_divisible(config, size)
    for name, x in tree_items(params):
        if not x.flags.writeable:
            raise ValueError(f"{name!r} is frozen, but here every array learns: thaw it first")

    def part(x, name):
        """Of each of the pieces that stand side by side, this process's part."""
        axis, halves = _cut(name, config)
        if axis is None:
            return np.array(x)
        return np.concatenate([np.array_split(half, size, axis)[rank]
                               for half in np.split(x, halves, axis)], axis)

    return tree_map(part, params, _names(params))


def join(shards, *, config):
    """The whole tree of all processes' parts, a list by rank: what shard took apart."""
    def whole(name, *parts):
        """part's opposite: the parts of the first piece in the order of ranks, then the next's."""
        axis, halves = _cut(name, config)
        if axis is None:
            return parts[0]
        by_half = zip(*(np.split(x, halves, axis) for x in parts))
        return np.concatenate([x for half in by_half for x in half], axis)

    return tree_map(whole, _names(shards[0]), *shards)


def gather(params, *, config, comm):
    """The whole tree, on every process, of the part that each of them has."""
    return join(comm.allgather(params), config=config)


def norm_of_all(grads, *, config, comm):
    """tree_norm of the whole gradient, of which each process has its shard; the same on all.

    The squares of what is cut are summed over the processes; an array that all have counts once.
    """
    parts = {False: [], True: []}
    for name, x in tree_items(grads):
        parts[_cut(name, config)[0] is not None].append(x)
    return math.sqrt(tree_norm(parts[False]) ** 2 + total(tree_norm(parts[True]) ** 2, comm))


def _cut(name, config):
    """(the axis that is cut, or None; into how many pieces it falls before that).

    SwiGLU's gate and up stand side by side in one array: a process needs its part of each.
    """
    if name.endswith(("output.w", "output.b")) and getattr(config, "n_classes", None) is not None:
        return None, 1
    for end, axis in CUT.items():
        if f".{name}".endswith(f".{end}"):
            gated = config.activation == "swiglu" and ".up." in name
            return axis, 2 if gated else 1
    if name.endswith(WHOLE):
        return None, 1
    raise ValueError(f"{name!r} is no array of a plain model: merge adapters before sharding")


def _names(tree):
    """A tree of the same build that holds each array's name."""
    names = iter([name for name, _ in tree_items(tree)])
    return tree_map(lambda x: next(names), tree)

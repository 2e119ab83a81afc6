"""Shards: which part of each of a decoder's arrays a process has, and all parts joined again.

Of a projection into heads, the feed-forward's width or the vocabulary the columns are cut; of one
that leads back, the rows; of the table the rows too. Norms, positions and the bias of what is
summed over all processes are whole everywhere.
"""

import numpy as np

from minitransformer.tree import tree_items, tree_map

CUT = {  # the end of an array's name: its axis that is cut
    "attention.q.w": 1, "attention.k.w": 1, "attention.v.w": 1, "attention.out.w": 0,
    "attention.q.b": 0, "attention.k.b": 0, "attention.v.b": 0,
    "feed_forward.up.w": 1, "feed_forward.up.b": 0, "feed_forward.down.w": 0,
    "embedding.table": 0, "output.w": 1, "output.b": 0,
}
WHOLE = ("gain", "bias", "positions", "out.b", "down.b")


def expect_divisible(config, size):
    """Raise ValueError, by name, unless size processes can share a decoder evenly."""
    n_kv_heads = config.n_heads if config.n_kv_heads is None else config.n_kv_heads
    for name, number in (("n_heads", config.n_heads), ("n_kv_heads", n_kv_heads),
                         ("d_ff", config.d_ff)):
        if number % size:
            raise ValueError(f"{name} is {number}, which {size} processes cannot share evenly: "
                             f"start as many as divide it")
    if config.vocab_size < size:
        raise ValueError(f"vocab_size is {config.vocab_size}, too few for {size} processes")


def first_id(vocab_size, rank, size):
    """The first id of a process's part of the vocabulary; earlier parts may be one id longer."""
    each, rest = divmod(vocab_size, size)
    return rank * each + min(rank, rest)


def shard(params, rank, size, *, config):
    """The part of process rank of size, a tree of copies built like params.

    params: a decoder's tree, or one built like it. Raises ValueError as expect_divisible does, for
    a frozen array, and for one that is no part of a decoder, such as an adapter's.
    """
    expect_divisible(config, size)
    for name, x in tree_items(params):
        if not x.flags.writeable:
            raise ValueError(f"{name!r} is frozen, but here every array learns: thaw it first")

    def part(x, name):
        axis, halves = _cut(name, config)
        if axis is None:
            return np.array(x)
        return np.concatenate([np.array_split(half, size, axis)[rank]
                               for half in np.split(x, halves, axis)], axis)

    return tree_map(part, params, _names(params))


def join(shards, *, config):
    """The whole tree of all processes' parts, a list by rank: what shard took apart."""
    def whole(name, *parts):
        axis, halves = _cut(name, config)
        if axis is None:
            return parts[0]
        by_half = zip(*(np.split(x, halves, axis) for x in parts))
        return np.concatenate([x for half in by_half for x in half], axis)

    return tree_map(whole, _names(shards[0]), *shards)


def gather(params, *, config, comm):
    """The whole tree, on every process, of the part that each of them has."""
    return join(comm.allgather(params), config=config)


def _cut(name, config):
    """(the axis that is cut, or None; into how many pieces it falls before that).

    SwiGLU's gate and up stand side by side in one array: a process needs its part of each.
    """
    for end, axis in CUT.items():
        if f".{name}".endswith(f".{end}"):
            gated = config.activation == "swiglu" and ".up." in name
            return axis, 2 if gated else 1
    if name.endswith(WHOLE):
        return None, 1
    raise ValueError(f"{name!r} is no array of a plain decoder: merge adapters before sharding")


def _names(tree):
    """A tree of the same build that holds each array's name."""
    names = iter([name for name, _ in tree_items(tree)])
    return tree_map(lambda x: next(names), tree)

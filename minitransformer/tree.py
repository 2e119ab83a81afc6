"""Parameter trees: dicts and lists of arrays, nested to any depth.

A gradient is a tree of the same build as its parameters, so everything that is done to all
parameters (an optimizer's step, a norm, a checkpoint) is one of the few functions below.
A leaf's name is its path: "encoder.0.attention.q.w".
"""

import math

import numpy as np


def tree_items(tree, prefix=""):
    """Yield (name, array) for every leaf, in the tree's own order. A None leaf is skipped.

    tree: an array, None, or dicts, lists and tuples of these. A bare array has the name "".
    """
    if isinstance(tree, dict):
        children = tree.items()
    elif isinstance(tree, (list, tuple)):
        children = enumerate(tree)
    elif tree is None:
        return
    else:
        yield prefix, tree
        return
    for key, child in children:
        yield from tree_items(child, _path(prefix, key))


def _path(name, key):
    return f"{name}.{key}" if name else str(key)


def tree_map(function, tree, *others):
    """A tree of the same build, each leaf function(leaf, *leaves of the others).

    A None leaf stays None. Raises ValueError, with the place, where the trees differ in build.
    """
    return _map(function, "", tree, *others)


def _map(function, name, tree, *others):
    if isinstance(tree, dict):
        for other in others:
            if not isinstance(other, dict) or other.keys() != tree.keys():
                found = sorted(other) if isinstance(other, dict) else type(other).__name__
                raise ValueError(f"trees differ at {name or 'the root'}: {sorted(tree)} "
                                 f"and {found}")
        return {key: _map(function, _path(name, key), child, *(other[key] for other in others))
                for key, child in tree.items()}
    if isinstance(tree, (list, tuple)):
        for other in others:
            if not isinstance(other, (list, tuple)) or len(other) != len(tree):
                found = len(other) if isinstance(other, (list, tuple)) else type(other).__name__
                raise ValueError(f"trees differ at {name or 'the root'}: a list of {len(tree)} "
                                 f"and {found}")
        return [_map(function, _path(name, i), child, *(other[i] for other in others))
                for i, child in enumerate(tree)]
    return None if tree is None else function(tree, *others)


def tree_add(a, b):
    """The sum of two trees of the same build, in fresh arrays: what a fan-out's backward does."""
    return tree_map(lambda x, y: x + y, a, b)


def freeze(tree):
    """The tree with arrays that nobody can write to: read-only views of the same memory.

    A frozen array is a constant: no gradient is made for it and no optimizer moves it. A projection
    is frozen as a whole, by its "w", and a norm by its "gain".
    """
    def frozen(x):
        x = x.view()
        x.setflags(write=False)
        return x

    return tree_map(frozen, tree)


def thaw(tree):
    """A copy of the tree that may be trained; what was frozen stays as it is."""
    return tree_map(np.array, tree)


def is_frozen(tree):
    """Whether every array of the tree is frozen: nothing in it can learn."""
    return not any(x.flags.writeable for _, x in tree_items(tree))


def no_gradients(tree):
    """A tree of the same build with None for each array: the gradient of what is frozen."""
    return tree_map(lambda x: None, tree)


PIECE = 65_536  # numbers: 256 KiB in float32


def pieces(*arrays):
    """Views of arrays of one shape, cut alike along the first axis into about PIECE numbers each.

    Several passes over an array are faster piece by piece: the later ones find it in the cache.
    """
    size = arrays[0].size
    if size <= PIECE:
        yield arrays
        return
    rows = max(1, PIECE * len(arrays[0]) // size)
    for start in range(0, len(arrays[0]), rows):
        yield [x[start:start + rows] for x in arrays]


def tree_norm(tree):
    """The Euclidean norm of all leaves seen as one long vector, accumulated in float64: a float.

    In float32 the squares of one piece are added up in float32, which is four times as fast and
    right to about 1e-7.
    """
    return math.sqrt(sum(_sum_of_squares(piece) for _, x in tree_items(tree)
                         for (piece,) in pieces(x)))


def _sum_of_squares(x):
    """The sum of |x|^2 over one piece: a float."""
    if x.dtype == np.float32:
        total = float(np.vdot(x, x))
        if 1e-30 < total < math.inf:  # no square was too large or too small for float32
            return total
    return float(np.sum(np.square(np.abs(x), dtype=np.float64)))


def tree_size(tree):
    """How many numbers the tree holds."""
    return sum(x.size for _, x in tree_items(tree))


def tree_fill(template, arrays):
    """A tree built like template whose leaves come from arrays, a mapping of names.

    Raises ValueError, naming the leaf, when one is missing, left over, or of another shape.
    """
    names = {name for name, _ in tree_items(template)}
    if missing := sorted(names - set(arrays)):
        raise ValueError(f"{len(missing)} arrays are missing, the first is {missing[0]!r}")
    if extra := sorted(set(arrays) - names):
        raise ValueError(f"{len(extra)} arrays have no place here, the first is {extra[0]!r}")
    for name, leaf in tree_items(template):
        if arrays[name].shape != leaf.shape:
            raise ValueError(f"{name!r} has shape {arrays[name].shape}, expected {leaf.shape}")
    leaves = iter([arrays[name] for name, _ in tree_items(template)])
    return tree_map(lambda _: next(leaves), template)


def tree_table(tree):
    """A readable table of every leaf: name, shape, count; and the total below."""
    rows = [(name, " x ".join(map(str, x.shape)) or "scalar", f"{x.size:,}")
            for name, x in tree_items(tree)]
    rows.append(("total", "", f"{tree_size(tree):,}"))
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    lines = [f"{a:<{widths[0]}}  {b:>{widths[1]}}  {c:>{widths[2]}}" for a, b, c in rows]
    lines.insert(-1, "-" * len(lines[0]))
    return "\n".join(lines)

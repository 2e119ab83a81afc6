"""Put other functions in the place of the package's own, for the length of a with block."""

import contextlib
import sys

from minitransformer import functional, layers, models, variants

PACKAGES = (functional, variants, layers, models)
UNTOUCHED = ("minitransformer.teaching", "minitransformer.checks")  # they judge by the originals


@contextlib.contextmanager
def swapped(name, forward=None, backward=None):
    """Inside the with block the package computes the pair `name` by these functions.

    name: a pair of functional, such as "attention", or of variants, layers or models, such as
    "encoder_block" or "decoder". None leaves that half as it is.
    Every module of the package that uses the pair is given the new functions, but for the lessons'
    own and the check cases; afterwards the old ones are back, whatever happened.
    Raises ValueError for a name that is no pair.
    """
    pairs = {key[:-len("_forward")]: package for package in PACKAGES
             for key, value in vars(package).items()
             if key.endswith("_forward") and callable(value)}  # layers.feed_forward is a module
    if name not in pairs:
        raise ValueError(f"there is no pair {name!r}; there are {', '.join(pairs)}")
    new = {"forward": forward, "backward": backward}
    with replaced({getattr(pairs[name], f"{name}_{half}"): function
                   for half, function in new.items() if function is not None}):
        yield


@contextlib.contextmanager
def replaced(functions):
    """Inside the with block every module of the package uses functions[f] where it used f.

    functions: {function of the package: what takes its place}. As in swapped.
    """
    changes = []  # (namespace or table, key, what stood there)
    try:
        for old, new in functions.items():
            changes += _replace(old, new)
        yield
    finally:
        for place, key, old in reversed(changes):
            place[key] = old


def _replace(old, new):
    """Replace a function wherever the package's modules name it. Returns what to undo."""
    changes = []
    for module_name, module in sorted(sys.modules.items()):
        if not _is_ours(module_name):
            continue
        names = vars(module)
        tables = [value for value in names.values() if type(value) is dict]  # such as ACTIVATIONS
        for place in (names, *tables):
            for key, value in list(place.items()):
                replaced = _with_new(value, old, new)
                if replaced is not value:
                    changes.append((place, key, value))
                    place[key] = replaced
    return changes


def _is_ours(module_name):
    inside = module_name.partition(".")[0] == "minitransformer"
    return inside and not module_name.startswith(UNTOUCHED)


def _with_new(value, old, new):
    """value with the function replaced: itself, or a field of a NamedTuple such as Activation."""
    if value is old:
        return new
    fields = getattr(value, "_fields", ())
    if isinstance(value, tuple) and any(getattr(value, field) is old for field in fields):
        return value._replace(**{field: new for field in fields if getattr(value, field) is old})
    return value

"""One gradient check: a pair with inputs and options, all sizes different and nothing at 0 or 1."""

from collections.abc import Callable
from typing import Any, NamedTuple

from minitransformer.tree import tree_map


class Case(NamedTuple):
    """A pair, the inputs to check it on, and what the check has to know."""

    pair: str             # "attention"
    what: str             # "grouped heads, causal"
    forward: Callable
    backward: Callable
    inputs: tuple
    options: dict[str, Any] = {}
    zero: tuple = ()      # endings of names whose gradient is zero in theory
    frozen: tuple = ()    # endings of names that get None


def randomize(rng, params):
    """Gains, biases and tables random too: at 1 or 0 they would hide a wrong backward."""
    return tree_map(lambda x: x if x.ndim > 1 else rng.normal(size=x.shape), params)

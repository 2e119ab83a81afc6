"""A planted fault: backward functions that are wrong on purpose, put in the package's place."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from minitransformer.teaching.source import code_of
from minitransformer.teaching.swap import swapped


@dataclass(frozen=True)
class Fault:
    """One faulty backward of one pair, layer or model.

    pair: its name, as in swap.swapped. backward: the faulty function.
    title: what is wrong, in a few words. story: how it comes about.
    """
    name: str
    pair: str
    backward: Callable
    title: str
    story: str

    def __repr__(self):
        return f"{self.title}, in {self.pair}: {self.story}\n\n{code_of(self.backward)}"

    def _repr_markdown_(self):
        return (f"**{self.title}**, in `{self.pair}`: {self.story}\n\n"
                f"```python\n{code_of(self.backward)}\n```")


@contextlib.contextmanager
def planted(fault):
    """Inside the with block the package computes with the fault; None plants nothing."""
    if fault is None:
        yield
        return
    with swapped(fault.pair, backward=fault.backward):
        yield

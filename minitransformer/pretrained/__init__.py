"""Models that others trained, in the code of this package: number for number like the originals."""

import importlib

from minitransformer.pretrained.install import PRETRAINED, expect_known


def load_pretrained(name):
    """The model of that name: an object with what it can do, such as encode or generate.

    name: a key of install.PRETRAINED. Its module's load, with what the table says, makes it.
    Raises ValueError, with the known names, for another one; ModuleNotFoundError, with the command
    that installs it, for a model that is not installed.
    """
    expect_known(name)
    module, *options = PRETRAINED[name].loader
    return importlib.import_module(f"minitransformer.pretrained.{module}").load(*options)

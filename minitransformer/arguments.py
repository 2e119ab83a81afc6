"""What arguments of the command line take. What is raised here, argparse makes wrong usage of."""

import argparse
from pathlib import Path


def seed(word):
    """What --seed takes, on every command: a whole number from 0 on."""
    if not word.isdecimal():
        raise argparse.ArgumentTypeError(f"{word!r} is not a whole number from 0 on")
    return int(word)


def a_name(word):
    """The name of a file or folder: not "", which would be the current folder."""
    if not word:
        raise argparse.ArgumentTypeError('the name is empty: give one ("." is the current folder)')
    return word


def a_path(word):
    """A name as a Path."""
    return Path(a_name(word))

"""The package's source beside a lesson's own code: show_source(linear_forward, linear_backward)."""

import inspect
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def show_source(*functions):
    """The source of one or several functions or classes, as the last expression of a cell.

    Jupyter shows it as highlighted code under its file and line; print() gives plain text.
    The comment lines standing directly above a function belong to it: they derive a backward.
    Of a decorated function (one that remembers its results) the function itself is shown.
    """
    return Source([inspect.unwrap(function) for function in functions])


class Source:
    """What show_source returns: its repr is text, and Jupyter renders it as Markdown."""

    def __init__(self, functions):
        self.functions = functions

    def __repr__(self):
        return "\n\n".join(f"# {place_of(f)}\n{code_of(f)}" for f in self.functions)

    def _repr_markdown_(self):
        return "\n\n".join(f"`{place_of(f)}`\n\n```python\n{code_of(f)}\n```"
                           for f in self.functions)


def place_of(function):
    """Where a function stands: its file, relative to the project, and its first line."""
    path = Path(inspect.getsourcefile(function)).resolve()
    if ROOT not in path.parents:
        return "defined in this notebook"
    return f"{path.relative_to(ROOT).as_posix()}, line {inspect.getsourcelines(function)[1]}"


def code_of(function):
    """The function's code, with the comment lines directly above it."""
    comments = inspect.getcomments(function) or ""
    return textwrap.dedent(comments + inspect.getsource(function)).rstrip()

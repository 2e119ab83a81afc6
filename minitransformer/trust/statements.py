"""What is signed: a short text that says exactly which bytes.

Of a file:                              Of a folder of code, each file by its name:

    minitransformer signature 1: file       minitransformer signature 1: code
    key: 64 digits                          key: 64 digits
    size: 1234                              version: 0.1.0
    sha256: 64 digits                       files: 2
                                            64 digits 1234 cli.py
                                            64 digits 56 functional/relu.py

The first line says what the signature is for, so that one made for something else is none here.
A file's name and date are not signed: it may be renamed and copied.
"""

import hashlib
import re
from pathlib import Path

from minitransformer.trust.keys import SignatureError

FIRST_LINE = "minitransformer signature 1: "
VERSION = re.compile(r'^__version__ = "(.*)"$', re.MULTILINE)
CHUNK = 1 << 20


def file_statement(path, key):
    """The text to sign for the file at path; key: the public key's fingerprint."""
    size, digest = measure(path)
    return f"{FIRST_LINE}file\nkey: {key}\nsize: {size}\nsha256: {digest}\n"


def code_statement(folder, key):
    """The text to sign for the package in folder: every file below it, but for __pycache__."""
    lines = []
    for name, path in sorted(code_files(folder).items()):
        size, digest = measure(path)
        lines.append(f"{digest} {size} {name}\n")
    return (f"{FIRST_LINE}code\nkey: {key}\nversion: {_version(folder)}\nfiles: {len(lines)}\n"
            + "".join(lines))


def code_files(folder):
    """{name with /: path} of all files below a folder but what Python compiled of them.

    Raises SignatureError for a link, which could be pointed elsewhere later, for a name that a line
    of text cannot hold, and for a folder that is no package.
    """
    folder = Path(folder)
    if not (folder / "__init__.py").is_file():
        raise SignatureError(f"{folder} holds no __init__.py, so it is no package: give the folder "
                             f"of the package itself")
    found = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise SignatureError(f"{path} is a link, and what it points to can change: put the "
                                 f"file itself there")
        if path.is_dir() or "__pycache__" in path.relative_to(folder).parts:
            continue
        if not name.isprintable():
            raise SignatureError(f"{name!r} in {folder} is no name for a list of files: rename it")
        found[name] = path
    return found


def compiled_files(folder):
    """How many files below the folder Python made for itself; they may run instead of the source.
    """
    return sum(1 for path in Path(folder).rglob("__pycache__/*"))


def measure(path):
    """(size, SHA-256 in hexadecimal digits) of a file, read in parts."""
    digest, size = hashlib.sha256(), 0
    with open(path, "rb") as file:
        while part := file.read(CHUNK):
            digest.update(part)
            size += len(part)
    return size, digest.hexdigest()


def listed_files(statement):
    """{name: its line} of a code_statement."""
    lines = statement.splitlines()[4:]
    return {line.split(" ", 2)[2]: line for line in lines}


def _version(folder):
    """The version that the package in the folder gives itself, read without running it."""
    text = (Path(folder) / "__init__.py").read_text(encoding="utf-8", errors="replace")
    found = VERSION.search(text)
    return found[1] if found else "unknown"

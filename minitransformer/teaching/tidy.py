"""What a committed notebook holds, and nothing else: stable ids, tags, outputs without traces."""

import ast
import builtins
import hashlib
from collections import Counter

COMMON_NAMES = {"np", "plt", "math", *vars(builtins)}  # sharing one of these means nothing
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def has_tag(cell, tag):
    """Whether a cell carries the tag."""
    return tag in cell.metadata.get("tags", [])


def tidy(notebook, environment):
    """Change a notebook in place so that two executions of one lesson give one file."""
    notebook.metadata.clear()
    notebook.metadata.update(kernelspec=KERNEL, language_info={"name": "python"},
                             environment=environment)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    seen = Counter()
    for cell in notebook.cells:
        text = f"{cell.cell_type}\n{cell.source}"
        seen[text] += 1
        cell["id"] = _digest(f"{seen[text]}\n{text}")
        tags = sorted(cell.metadata.get("tags", []))
        cell.metadata.clear()
        if tags:
            cell.metadata["tags"] = tags
        for output in cell.get("outputs", []):
            if output.output_type == "error":  # a traceback holds colours and this machine's paths
                output.traceback = [f"{output.ename}: {output.evalue}"]


def code_up_to(notebook):
    """Pairs (cell, digest of all code cells up to and including it)."""
    pairs, code = [], ""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            code = _digest(f"{code}\n{cell.source}")
        pairs.append((cell, code))
    return pairs


def measured_outputs(notebooks):
    """{digest of the code: outputs} of every `varies` cell that a build has measured."""
    return {cell.metadata["measured"]: cell.outputs
            for notebook in notebooks for cell in notebook.cells if "measured" in cell.metadata}


def unsupported_claim(cell):
    """Why a cell breaks the rules, in words, or None.

    A cell tagged `varies` is never compared, so it has to assert something about a name that it
    prints or, printing nothing, draws. No cell may print a warning.
    """
    if cell.cell_type != "code":
        return None
    if any(output.get("name") == "stderr" for output in cell.outputs):
        return "prints a warning or other text to stderr"
    if not has_tag(cell, "varies"):
        return None
    try:
        tree = ast.parse(cell.source)
    except SyntaxError:
        return "is tagged varies, but is not plain Python, so that its assert cannot be found"
    asserts = [node.test for node in ast.walk(tree) if isinstance(node, ast.Assert)]
    if not asserts:
        return "is tagged varies, but has no assert on what it shows"
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    prints = [node for node in calls if getattr(node.func, "id", None) == "print"]
    shown = {name for node in prints or calls for value in _arguments(node)
             for name in _names(value)}
    if shown.isdisjoint(name for test in asserts for name in _names(test)):
        return "is tagged varies, but its assert is about nothing that it shows"
    return None


def _arguments(call):
    return [*call.args, *(keyword.value for keyword in call.keywords)]


def _names(tree):
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - COMMON_NAMES


def _digest(text):
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:12]

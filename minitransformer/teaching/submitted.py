"""A submitted notebook, cut where it checks an answer: what to run, and what to record."""

import ast
import re
from typing import NamedTuple

CHECK = re.compile(r"""^\s*check\(\s*(["'])(?P<id>[^"']+)\1\s*(?:,\s*(?P<answer>.+?))?\s*\)\s*$""",
                   re.MULTILINE)


class Piece(NamedTuple):
    """Code to run, and then the answers to record: pairs (id, the answer's expression)."""
    code: str
    answers: tuple
    cell: int       # the cell's number, counted from 1
    error: str = ""  # why the cell is not valid Python


def pieces_of(notebook):
    """The pieces of all code cells, in order; concatenated they are the notebook's code.

    A `check` that stands for itself is taken out: the grader records its answer instead. So the
    binding that counts is the one that stands at the check, also when a name is used twice.
    """
    pieces = []
    for number, cell in enumerate(notebook.cells, 1):
        if cell.cell_type == "code" and cell.source.strip():
            pieces += _pieces_of_cell(cell.source, number)
    return pieces


def _pieces_of_cell(source, number):
    try:
        code = _plain(source)
        tree = compile(code, "cell", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except (SyntaxError, ValueError) as error:
        words = f"{type(error).__name__}: {error}"
        return [Piece("", _by_text(source), number, words)]
    pieces, start, lines = [], 0, code.encode("utf-8").splitlines(keepends=True)
    for statement in tree.body:
        answers = _answers(statement)
        if not answers:
            continue
        alone = isinstance(statement, ast.Expr) and _is_check(statement.value)
        before = _cut(lines, start, statement, with_it=not alone)
        pieces.append(Piece(before, answers, number))
        start = (statement.end_lineno, statement.end_col_offset)
    rest = _cut(lines, start, None)
    if not pieces:  # a cell magic hides its text from the parser
        return [Piece(rest, _by_text(source), number)]
    return [*pieces, Piece(rest, (), number)] if rest.strip("; \n") else pieces


def _plain(source):
    """The cell as Python, its magics and shell commands as calls."""
    if not re.search(r"^\s*[%!?]|\?\s*$|=\s*[%!]", source, re.MULTILINE):
        return source
    from IPython.core.inputtransformer2 import TransformerManager
    return TransformerManager().transform_cell(source)


def _cut(lines, start, statement, with_it=False):
    """The code from start, a place (line, column) or 0, up to a statement or to the end."""
    first, column = start or (1, 0)
    text = b"".join(lines[first - 1:])[column:]
    if statement is None:
        return text.decode("utf-8").lstrip("; \t") if start else text.decode("utf-8")
    line, end = ((statement.end_lineno, statement.end_col_offset) if with_it
                 else (statement.lineno, statement.col_offset))
    whole = b"".join(lines[:line - 1]) + lines[line - 1][:end]
    skipped = b"".join(lines[:first - 1]) + lines[first - 1][:column]
    return whole[len(skipped):].decode("utf-8").lstrip("; \t" if start else "")


def _answers(statement):
    """(id, expression) of every check within a statement."""
    found = []
    for node in ast.walk(statement):
        if not _is_check(node):
            continue
        given = dict(zip(("id", "answer"), node.args)) | {k.arg: k.value for k in node.keywords}
        name = given.get("id")
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            answer = given.get("answer")
            found.append((name.value, "None" if answer is None else ast.unparse(answer)))
    return tuple(found)


def _is_check(node):
    return isinstance(node, ast.Call) and "check" in (getattr(node.func, "id", None),
                                                      getattr(node.func, "attr", None))


def _by_text(source):
    return tuple((match["id"], match["answer"] or "None") for match in CHECK.finditer(source))

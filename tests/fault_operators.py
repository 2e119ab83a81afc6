"""Every small fault that can be planted in a function: what a tired author might have written.

A fault is a statement of the function replaced by another one. Names are only replaced by names
of arrays with the same shape at that line, seen while the check cases run: any other replacement
would fail by itself.
"""

import ast
import copy
from pathlib import Path
from typing import NamedTuple

SIGNS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}
COMPARISONS = {ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
               ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
REDUCTIONS = {"sum": "mean", "mean": "sum", "max": "min", "any": "all", "all": "any"}
WRAPPERS = ("sqrt", "exp", "log", "reversed", "swapaxes")


class Fault(NamedTuple):
    """One statement of one function, and what stands there instead."""

    file: Path
    line: int
    function: str
    before: str
    after: str
    which: int          # the function's first, second … statement that reads like this
    module: ast.Module  # the whole module with the fault in it

    @property
    def name(self):
        """What the fault is, without the line, which moves."""
        which = f" (statement {self.which})" if self.which > 1 else ""
        return f"{self.file.stem}.{self.function}: {self.before} -> {self.after}{which}"


def faults_in(path, seen_at):
    """Every Fault of the functions of one file, each once.

    seen_at: {line: [{name: Seen}]}, what `watch` found while the check cases ran.
    """
    module, found = ast.parse(path.read_text(encoding="utf-8")), {}
    for function in [node for node in ast.walk(module) if isinstance(node, ast.FunctionDef)]:
        lines = {}
        for body in list(_bodies(function)):
            for place, statement in enumerate(list(body)):
                if isinstance(statement, (ast.FunctionDef, ast.Raise)) or _is_text(statement):
                    continue
                for others in _instead_of(statement, function, seen_at.get(statement.lineno, [])):
                    before = ast.unparse(statement)
                    after = "; ".join(ast.unparse(other) for other in others) or "nothing"
                    if after == before:
                        continue
                    same = lines.setdefault(before, [])
                    if statement.lineno not in same:
                        same.append(statement.lineno)
                    body[place:place + 1] = others or [ast.Pass()]
                    planted = ast.fix_missing_locations(copy.deepcopy(module))
                    body[place:place + max(len(others), 1)] = [statement]
                    short = [text.split("\n")[0] for text in (before, after)]
                    fault = Fault(path, statement.lineno, function.name, *short,
                                  1 + same.index(statement.lineno), planted)
                    found.setdefault(fault.name, fault)
    return list(found.values())


def _is_text(statement):
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _bodies(node):
    """The lists of statements of a function, not those of functions inside it."""
    for field in ("body", "orelse", "handlers", "finalbody"):
        statements = getattr(node, field, [])
        if statements and isinstance(statements, list):
            yield statements
            for statement in statements:
                if not isinstance(statement, ast.FunctionDef):
                    yield from _bodies(statement)


def _instead_of(statement, function, seen):
    """Lists of statements that could stand there instead."""
    backward = function.name.endswith("_backward")
    if isinstance(statement, (ast.AugAssign, ast.Expr)) or _rebinds(statement, function):
        yield []
    if isinstance(statement, ast.AugAssign):
        if type(statement.op) in SIGNS:
            yield [_changed(statement, op=SIGNS[type(statement.op)]())]
        yield [ast.Assign([statement.target], statement.value, lineno=statement.lineno)]
    if isinstance(statement, ast.Assign):
        value = statement.value
        if isinstance(value, ast.BinOp) and isinstance(value.left, ast.Name):
            target = ast.Name(value.left.id, ast.Store())  # in place, into another's array
            yield [ast.AugAssign(target, value.op, value.right), _changed(
                statement, value=value.left)]
    if isinstance(statement, ast.Return) and backward and statement.value is not None:
        dout, cache = (argument.arg for argument in function.args.args[:2])
        value = ast.unparse(statement.value)
        for written, number in ((dout, None), (dout, 0), (cache, 0)):
            yield ast.parse(f"return write_after({value}, {written}, {number})").body
        parts = list(map(ast.unparse, statement.value.elts)) if isinstance(
            statement.value, ast.Tuple) else [value]
        for i, part in enumerate(parts):
            if part == "None":
                continue
            smaller = [*parts[:i], f"per_example({part}, {dout})", *parts[i + 1:]]
            yield ast.parse(f"return {', '.join(smaller)}").body
    header = _header(statement)
    for node in ast.walk(header):
        for replacement in [*_instead_of_node(node), *_siblings(node, seen if backward else [])]:
            yield [_with_body(_replaced(header, node, replacement), statement)]


def _header(statement):
    """The statement without the statements inside it."""
    if not hasattr(statement, "body"):
        return statement
    return _changed(statement, body=[ast.Pass()], **(
        {"orelse": []} if hasattr(statement, "orelse") else {}))


def _with_body(header, statement):
    if not hasattr(statement, "body"):
        return header
    return _changed(header, body=statement.body, **(
        {"orelse": statement.orelse} if hasattr(statement, "orelse") else {}))


def _rebinds(statement, function):
    """Whether the statement gives a new value to a name that had one: deleting it is no crash."""
    if not isinstance(statement, ast.Assign):
        return False
    earlier = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)
               and isinstance(node.ctx, ast.Store) and node.lineno < statement.lineno}
    earlier |= {argument.arg for argument in [*function.args.args, *function.args.kwonlyargs]}
    stored = {node.id for target in statement.targets for node in ast.walk(target)
              if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return stored <= earlier


def _instead_of_node(node):
    """What could stand for one expression."""
    if isinstance(node, ast.BinOp):
        yield node.left
        yield ast.UnaryOp(ast.USub(), node.right) if isinstance(node.op, ast.Sub) else node.right
        if type(node.op) in SIGNS:
            yield _changed(node, op=SIGNS[type(node.op)]())
        if isinstance(node.op, ast.MatMult):
            yield _changed(node, left=node.right, right=node.left)
        for side in ("left", "right"):
            constant = getattr(node, side)
            if isinstance(constant, ast.Constant) and isinstance(constant.value, (int, float)):
                yield _changed(node, **{side: ast.Constant(2 * constant.value + (
                    not constant.value))})
    elif isinstance(node, ast.UnaryOp) and not isinstance(node.operand, ast.Constant):
        yield node.operand
    elif isinstance(node, ast.Attribute) and node.attr in ("T", "real"):
        yield node.value
    elif isinstance(node, ast.Call):
        yield from _instead_of_call(node)
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
        yield _changed(node, ops=[COMPARISONS[type(node.ops[0])](), *node.ops[1:]])
    elif isinstance(node, ast.BoolOp):
        yield from node.values
    elif isinstance(node, ast.IfExp):
        yield from (node.body, node.orelse)
    elif isinstance(node, (ast.If, ast.While)):
        yield _changed(node, test=ast.UnaryOp(ast.Not(), node.test))
    elif isinstance(node, ast.keyword) and node.arg in ("keepdims", "causal", "training"):
        if isinstance(node.value, ast.Constant):
            yield _changed(node, value=ast.Constant(not node.value.value))
    elif isinstance(node, ast.keyword) and node.arg == "axis":
        for axis in (None, 0, 1, -1):
            yield _changed(node, value=ast.Constant(axis))
    elif isinstance(node, ast.Tuple) and len(node.elts) > 1:
        for i in range(len(node.elts) - 1):
            yield _changed(node, elts=_swapped(node.elts, i))


def _instead_of_call(node):
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(
        node.func, "id", "")
    owner = node.func.value if isinstance(node.func, ast.Attribute) else None
    if called in REDUCTIONS:
        yield node.args[0] if node.args else owner
        yield _changed(node, func=_changed(node.func, attr=REDUCTIONS[called]))
    if called in WRAPPERS:
        yield owner if called == "swapaxes" else node.args[0]
    if called in ("copyto", "where", "reshape", "insert"):
        for i in range(len(node.args) - 1):
            yield _changed(node, args=_swapped(node.args, i))


def _siblings(node, seen):
    """Another name, or another field of the cache, that held an array of the same shape."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        path, prefix = node.id, ""
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        path, prefix = f"{node.value.id}.{node.attr}", f"{node.value.id}."
    else:
        return
    others = {other for names in seen if path in names for other in names
              if other.startswith(prefix) and ("." in other) == ("." in path)
              and names[other].can_stand_for(names[path])}
    for other in sorted(others):
        yield ast.parse(other, mode="eval").body


def _swapped(items, i):
    return [*items[:i], items[i + 1], items[i], *items[i + 2:]]


def _changed(node, **fields):
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def _replaced(tree, old, new):
    """A copy of tree with one node replaced."""
    if tree is old:
        return new
    changed = copy.copy(tree)
    for name, value in ast.iter_fields(tree):
        if isinstance(value, ast.AST):
            setattr(changed, name, _replaced(value, old, new))
        elif isinstance(value, list):
            setattr(changed, name, [_replaced(item, old, new) if isinstance(item, ast.AST)
                                    else item for item in value])
    return changed

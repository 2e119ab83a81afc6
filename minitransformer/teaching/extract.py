"""A function of a notebook as the text of a module: its source and all that it needs."""

import ast
import builtins
import inspect
import linecache
import symtable
import sys
import textwrap
from types import FunctionType, ModuleType


class CannotKeep(ValueError):
    """A function cannot be written down; the message says why."""


def module_text(function):
    """The text of a module that defines this function of a notebook.

    It holds the imports of the modules and functions that the function names, simple constants
    (numbers, text, and tuples, lists and dicts of them), and the source of the notebook's own
    functions and classes that it uses, each before its use. Nothing is executed.
    Raises CannotKeep when a part has no source, or is a value of another kind, such as an array.
    """
    if not isinstance(function, FunctionType) or not function.__name__.isidentifier():
        raise CannotKeep("only a function written with def can be")
    if function.__code__.co_freevars:
        raise CannotKeep(f"{function.__name__} was made inside another function")
    imports, constants, definitions = [], [], {}
    _collect(function.__name__, function, function.__globals__, imports, constants, definitions)
    imports.sort(key=lambda line: (line.startswith("from"), line))
    head = ["\n".join(lines) for lines in (imports, constants) if lines]
    return "\n\n".join(head) + "\n\n\n" * bool(head) + "\n\n\n".join(definitions.values()) + "\n"


def _collect(name, value, space, imports, constants, definitions):
    """Add what the notebook calls name to one of the three lists."""
    if line := _import_line(name, value):
        if line not in imports:
            imports.append(line)
    elif isinstance(value, (FunctionType, type)):
        if name in definitions or value.__name__ in definitions:
            return
        if name != value.__name__:
            raise CannotKeep(f"{name} is another name of {value.__name__}: use that one")
        source = _source(value)
        definitions[name] = ""  # a function that calls itself needs itself no second time
        for needed in _global_names(source):
            if needed in space:
                _collect(needed, space[needed], space, imports, constants, definitions)
            elif not hasattr(builtins, needed):
                raise CannotKeep(f"it uses {needed}, which does not exist any more")
        del definitions[name]
        definitions[name] = source  # behind all that it needs
    elif _is_simple(value):
        if (line := f"{name} = {value!r}") not in constants:
            constants.append(line)
    else:
        raise CannotKeep(f"it uses {name} of the notebook, whose value ({type(value).__name__}) "
                         "cannot be written down: let it be an argument")


def _import_line(name, value):
    """The line that imports value under this name, or None when it is the notebook's own."""
    if isinstance(value, ModuleType):
        module = value.__name__
        return f"import {module}" if name == module else f"import {module} as {name}"
    module = getattr(value, "__module__", None) or ("numpy" if callable(value) else None)
    own_name = getattr(value, "__name__", name)
    if not isinstance(module, str) or module == "__main__":
        return None
    parts = module.split(".")
    for n in range(1, len(parts) + 1):  # the shortest address: minitransformer.functional
        prefix = ".".join(parts[:n])
        if getattr(sys.modules.get(prefix), own_name, None) is value:
            alias = "" if name == own_name else f" as {name}"
            return f"from {prefix} import {own_name}{alias}"
    return None


def _is_simple(value):
    """Whether the value can be read back from its repr."""
    try:
        return ast.literal_eval(repr(value)) == value
    except (ValueError, SyntaxError, TypeError):
        return False


def _source(value):
    try:
        if isinstance(value, type):
            return _class_source(value.__name__)
        return textwrap.dedent(inspect.getsource(value)).rstrip()
    except (OSError, TypeError) as error:
        raise CannotKeep(f"the source of {value.__name__} cannot be read") from error


def _class_source(name):
    """A notebook keeps its cells in linecache; the latest that defines the class counts."""
    cells = [entry for entry in linecache.cache.values() if len(entry) == 4 and entry[1] is None]
    for _, _, lines, _ in reversed(cells):
        text = "".join(lines)
        if f"class {name}" not in text:
            continue
        for node in ast.parse(text).body:
            if isinstance(node, ast.ClassDef) and node.name == name:
                return ast.get_source_segment(text, node)
    raise OSError(f"no cell defines the class {name}")


def _global_names(source):
    """The names that a definition reads from outside, sorted: its decorators' and defaults' too."""
    top = symtable.symtable(source, "cell", "exec")
    found = {s.get_name() for s in top.get_symbols() if s.is_referenced() and not s.is_assigned()}
    tables = list(top.get_children())
    while tables:
        table = tables.pop()
        found |= {s.get_name() for s in table.get_symbols() if s.is_global() and s.is_referenced()}
        tables += table.get_children()
    return sorted(found)

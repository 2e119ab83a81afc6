"""Your own Transformer at work: the reader's functions in the place of the package's."""

import contextlib
import inspect
from pathlib import Path
from types import FunctionType
from typing import NamedTuple

from minitransformer.malloc import keep_freed_memory
from minitransformer.teaching.adapt import HEADS, WrongHalf, adapted, check_pair, package_pair
from minitransformer.teaching.exercise import Exercise, lesson_items
from minitransformer.teaching.given import GIVEN
from minitransformer.teaching.kept import FILE, read_sections
from minitransformer.teaching.swap import replaced

PAIRS = ("linear", "embedding", "softmax", "log_softmax", "cross_entropy", "relu", "layer_norm",
         "residual", "dropout", "attention", "split_heads", "multi_head_attention",
         "feed_forward", "add_and_norm", "decoder_block", "tied_embeddings")


class Half(NamedTuple):
    """One half of a pair: a function, and whose it is."""

    function: FunctionType
    whose: str        # "yours (4.3)" or "the lesson's"
    exercise: str     # "4.3", the exercise that it was kept from; "" for the lesson's


def halves_of(name):
    """The names of a pair's two halves: ("attention_forward", "attention_backward")."""
    return HEADS if name == HEADS[0] else (f"{name}_forward", f"{name}_backward")


@contextlib.contextmanager
def use_mine(name, forward, backward):
    """Inside the with block the package computes the pair `name` by these two functions.

    name: a pair such as "attention", a layer such as "feed_forward", or "split_heads" (then
    backward is merge_heads). The pair is checked first: equal values, gradients by the complex
    step to 1e-12, arguments and dtype kept. Afterwards the old functions are back, whatever
    happened. Raises ValueError, with what is wrong, for a pair that is not right.
    """
    pair = adapted(name, forward, backward)
    try:
        check_pair(name, *pair)
    except WrongHalf as wrong:
        raise ValueError(f"your {dict(zip(('forward', 'backward'), halves_of(name)))[wrong.half]} "
                         f"is not right: {wrong}") from wrong
    with replaced(dict(zip(package_pair(name), pair))):
        yield


@contextlib.contextmanager
def use_all_mine(path=None):
    """Inside the with block every pair of the Transformer is computed by functions of the lessons.

    Yours where my_transformer.py (path; in the current folder unless given) holds one, otherwise
    the published solution, or what the lesson gave. A table says whose each half is. Your functions
    call each other: your attention calls your softmax. Using the file means importing it, as any
    module of yours, so it runs what it says. Yields {pair: (forward, backward)}, the functions.
    Raises ValueError, naming the exercise, when a kept function does not load or is not right.
    """
    kept = load_kept(Path(FILE) if path is None else Path(path))
    found = {half: kept.get(half) or lessons_half(half) for half in all_halves()}
    copies = _Copies()
    found = {half: entry._replace(function=copies.of(entry.function))
             for half, entry in found.items()}
    pairs = {name: adapted(name, *(found[half].function for half in halves_of(name)))
             for name in PAIRS}
    functions = {old: new for name in PAIRS for old, new in zip(package_pair(name), pairs[name])}
    copies.replace(functions)
    for name in PAIRS:
        _expect_right(name, pairs[name], found)
    print(_table(found))
    # They make their arrays anew: without this, a step of lesson 10 has 21,000 page faults, 0.1 s.
    keep_freed_memory()
    with replaced(functions):
        yield pairs


def all_halves():
    return [half for name in PAIRS for half in halves_of(name)]


def load_kept(path):
    """{half: Half} of the kept file; of a half that is built in stages, the last stage alone."""
    found = {}
    last_stage = {item.builds: item.id for item in _builders()}
    for section in read_sections(path):
        if section.id != last_stage.get(section.builds):
            continue
        space = {"__name__": path.stem, "__file__": str(path)}
        try:
            # The empty lines let an error name the line of the file.
            exec(compile("\n" * section.line + section.text, str(path), "exec"), space)
            function = space[section.name]
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            raise ValueError(f"exercise {section.id} in {path.name} cannot be loaded ({what}): "
                             "mend it there, or let check() keep it anew") from error
        found[section.builds] = Half(function, f"yours ({section.id})", section.id)
    return found


def lessons_half(half):
    """The Half that the lessons have: an exercise's solution, the last stage, or the given one."""
    solutions = {item.builds: item.solution for item in _builders()}
    return Half(solutions.get(half) or GIVEN[half], "the lesson's", "")


def _builders():
    """The exercises whose answers build a half, in the lessons' order."""
    return [item for lesson in range(1, 9) for item in lesson_items(f"{lesson:02d}").values()
            if isinstance(item, Exercise) and item.builds]


def _expect_right(name, pair, found):
    halves = {half: found[key] for half, key in zip(("forward", "backward"), halves_of(name))}
    if not any(half.exercise for half in halves.values()):
        return  # both are the lesson's
    try:
        check_pair(name, *pair)
    except WrongHalf as wrong:
        blamed = halves[wrong.half]
        if not blamed.exercise:  # the lesson's half is right: what it was handed is not
            blamed = next(half for half in halves.values() if half.exercise)
        raise ValueError(f"your answer to exercise {blamed.exercise} in {FILE}, "
                         f"{blamed.function.__name__}, is not right: {wrong}") from wrong


def _table(found):
    rows = [("pair", "forward", "backward")]
    for name in PAIRS:
        title = "heads (split, merge)" if name == HEADS[0] else name
        rows.append((title, *(found[half].whose for half in halves_of(name))))
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip()
                     for row in rows)


class _Copies:
    """Functions made anew over copies of their modules' namespaces, so that what they call can be
    replaced without a change to their own modules."""

    def __init__(self):
        self.spaces = {}  # id of a namespace -> (the namespace, its copy)

    def of(self, function):
        """The function, and all that its module defines, over the copied namespace."""
        old = inspect.unwrap(function).__globals__
        if id(old) not in self.spaces:
            space = dict(old)
            for key, value in old.items():
                if isinstance(value, FunctionType) and value.__globals__ is old:
                    space[key] = _over(value, space)
            self.spaces[id(old)] = old, space
        _, space = self.spaces[id(old)]
        return space[function.__name__]

    def replace(self, functions):
        """Let the copies call functions[f] where they called f."""
        by_id = {id(old): new for old, new in functions.items()}
        for _, space in self.spaces.values():
            for key, value in space.items():
                space[key] = by_id.get(id(value), value)


def _over(function, space):
    made = FunctionType(function.__code__, space, function.__name__, function.__defaults__,
                        function.__closure__)
    made.__kwdefaults__, made.__doc__ = function.__kwdefaults__, function.__doc__
    return made

"""Right answers are kept: my_transformer.py, written one section an exercise.

The file stands in the current folder, which for a lesson is the notebook's. It is a module of the
reader's own: readable, importable, and theirs to change.
"""

import os
import re
from pathlib import Path
from typing import NamedTuple

from minitransformer.teaching.extract import CannotKeep, module_text

FILE = "my_transformer.py"
HEADER = '''"""Your own Transformer: the functions that you wrote in the exercises of the lessons.

check() keeps every right answer here, one section an exercise, and replaces the section when you
solve the exercise again. use_all_mine() of minitransformer.teaching.mine computes with them.
"""
'''
MARK = re.compile(r"^# =+ Exercise (\d+\.\d+): (\w+) is (\w+) =+$", re.MULTILINE)


class Section(NamedTuple):
    """One exercise's part of the file."""

    id: str       # "4.3"
    builds: str   # "attention_forward"
    name: str     # "my_attention_forward"
    text: str     # its code
    line: int = 0  # the line of the file where the text begins, from 0


def keep(exercise, answer, folder=None):
    """Keep a right answer, where it builds a half of a pair. Returns a sentence, "" when silent.

    Only functions that were written in a notebook are kept, never the published solution or a
    function of the package.
    """
    if not exercise.builds or getattr(answer, "__module__", None) != "__main__":
        return ""
    path = Path(folder or Path.cwd()) / FILE
    try:
        sections = {section.id: section for section in read_sections(path)}
        text = module_text(answer)
        sections[exercise.id] = Section(exercise.id, exercise.builds, answer.__name__, text)
        _write(path, sections.values())
    except CannotKeep as reason:
        return f"It is not kept in {FILE}: {reason}."
    except OSError as error:
        return f"It could not be kept in {FILE}: {error.strerror or error}."
    return f"It is kept in {FILE}, your own Transformer."


def read_sections(path):
    """The sections of a kept file, in its order; none when there is no file.

    Raises CannotKeep when the file was not written by keep.
    """
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    marks = list(MARK.finditer(text))
    if not marks and text.strip() and not text.startswith(HEADER):
        raise CannotKeep(f"the {path.name} in this folder is another file; rename it")
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    return [Section(*mark.groups(), text[mark.end():end].strip("\n") + "\n",
                    text.count("\n", 0, mark.end()) + _leading(text[mark.end():end]))
            for mark, end in zip(marks, ends)]


def _leading(text):
    return len(text) - len(text.lstrip("\n"))


def _write(path, sections):
    """All of the file or nothing: a half-written one would lose what was kept before."""
    parts = [HEADER]
    for section in sorted(sections, key=lambda section: [int(n) for n in section.id.split(".")]):
        mark = f"# ======== Exercise {section.id}: {section.builds} is {section.name} ========"
        parts.append(f"\n\n{mark}\n\n{section.text}")
    partial = path.with_name(path.name + ".partial")
    partial.write_text("".join(parts), encoding="utf-8")
    os.replace(partial, path)

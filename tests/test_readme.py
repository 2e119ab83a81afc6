"""The README's programs run as printed, and what it names is there."""

import contextlib
import io
import math
import re

import pytest

from minitransformer import PROJECT

README = (PROJECT / "README.md").read_text(encoding="utf-8")
FENCED = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
EVERYDAY, ARTICLE = (text for language, text in FENCED if language == "python")
BLOCKS = [text for language, text in FENCED if not language]


def run(program):
    """What a program prints, and its variables."""
    variables = {}
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(program, "README.md", "exec"), variables)
    return out.getvalue(), variables


def test_the_everyday_path_learns_its_pairs():
    assert run(EVERYDAY)[0].splitlines()[-1] == "[[6, 4, 7], [3, 5]]"


def test_the_articles_program_prints_what_the_readme_shows():
    shown = next(block for block in BLOCKS if block.startswith("Epoch"))
    number = r"\d+\.\d+"
    out, variables = run(ARTICLE)
    assert re.sub(number, "x", out) == re.sub(number, "x", shown)
    measured, expected = (list(map(float, re.findall(number, text))) for text in (out, shown))
    # Single precision: another machine's matrix product rounds differently.
    assert len(measured) == 5 and measured == pytest.approx(expected, rel=0.02)
    # The lowest loss that its data allow: the surprise of a target when its source is known.
    counted = [pair for pair in variables["train_data"] if pair[1] != "<PAD>"]
    sources = [source for source, _ in counted]
    lowest = -sum(math.log(counted.count(pair) / sources.count(pair[0])) for pair in counted)
    assert f"{lowest / len(counted):.4f}" in README


def test_every_link_and_picture_is_there():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("http") or (PROJECT / target).exists(), target


def test_the_map_names_every_module_of_the_core_and_nothing_else():
    named = set(re.findall(r"(\w+\.py)", next(b for b in BLOCKS if "functional/" in b)))
    package = PROJECT / "minitransformer"
    there = {path.name for path in package.rglob("*.py")}
    core = {path.name for folder in ("functional", "layers", "models")
            for path in (package / folder).glob("*.py")} - {"__init__.py"}
    assert named <= there, named - there
    top = {path.name for path in package.glob("*.py")} - {"__init__.py", "__main__.py"}
    assert core | top <= named, (core | top) - named

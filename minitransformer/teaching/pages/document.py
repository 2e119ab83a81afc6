"""A notebook or a Markdown file as the inside of a page, by nbconvert."""

import ast
import base64
import copy
import re
import struct
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote

from minitransformer.teaching.notebooks import _jupyter, _read

HERE = Path(__file__).parent
TAG = re.compile(r"\\tag\{([^}]*)\}")
WIDE = 110  # characters that a page has room for


@dataclass
class Document:
    """One page without its frame. body is a BeautifulSoup tree, which links.py still changes."""

    path: Path    # the file in the project
    body: object
    title: str
    opening: str = ""    # the first paragraph, as HTML
    minutes: str = ""    # the first sentence after "Time:", such as "85 minutes, half of them ..."
    sections: list = field(default_factory=list)    # (level, id, heading as HTML)
    tags: dict = field(default_factory=dict)        # {name of a boxed result: id of its place}


def lesson_document(path):
    """The Document of a built lesson. Raises ValueError for a lesson that was never built."""
    notebook = _read(path)
    if "environment" not in notebook.metadata:
        raise ValueError(f"{path.stem} has never been built, so that its page would lack what its "
                         f"cells print and draw: run `lessons --build {path.name[:2]}` first")
    describe_pictures(notebook)
    exporter = _jupyter("nbconvert").HTMLExporter(
        template_name="base", raw_template=(HERE / "cells.html.j2").read_text(encoding="utf-8"))
    return _document(path, exporter.from_notebook_node(notebook)[0])


def markdown_document(path):
    """The Document of a Markdown file."""
    _jupyter("nbconvert")
    from nbconvert.filters import markdown2html

    html = markdown2html(path.read_text(encoding="utf-8"))
    return _document(path, f'<div class="text math">{html}</div>')


def describe_pictures(notebook):
    """Put into each cell's metadata, as "alt", what its pictures show: their titles.

    A title carries the picture's conclusion. One that is made when the cell runs is known without
    its numbers, which become dots. A picture without a title is named by its section.
    """
    section = "this lesson"
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            if headings := re.findall(r"^#+ (.*)$", cell.source, re.MULTILINE):
                section = headings[-1]
        titles = " | ".join(_titles(cell.source)) if cell.cell_type == "code" else ""
        cell.metadata["alt"] = titles or f"Picture in the section {section}"


def _titles(code):
    """The titles that a cell gives to its pictures, from the top of the cell to its end."""
    try:
        calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    except SyntaxError:  # a magic, which is not Python
        return []
    found = []
    for call in sorted(calls, key=lambda call: call.lineno):
        values = [keyword.value for keyword in call.keywords if keyword.arg == "title"]
        if getattr(call.func, "attr", "") in ("set_title", "suptitle"):
            values += call.args[:1]
        found += [text for text in map(_text, values) if text.strip("…,. ")]
    return list(dict.fromkeys(found))


def _text(node):
    """A string's text, what an f-string inserts as dots; "" for anything else."""
    if isinstance(node, ast.Constant):
        return str(node.value).replace("\n", " ")
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) if isinstance(part, ast.Constant) else "…"
                       for part in node.values)
    return ""


def _document(path, html):
    from bs4 import BeautifulSoup  # nbconvert needs it, and brings it

    body = BeautifulSoup(html, "html.parser")
    headings = body.find_all(["h1", "h2", "h3"])
    _name_uniquely(headings)
    document = Document(path, body, title=_bare(headings[0])[1] if headings else path.stem)
    document.sections = [(int(h.name[1]), h["id"], _bare(h)[0]) for h in headings[1:]
                         if h.name != "h1"]
    for paragraph in body.select(".text > p"):
        text = paragraph.get_text()
        document.opening = document.opening or _without_links(paragraph)
        if text.startswith(("Time:", "时间：")) and not document.minutes:
            time = re.split("[:：]", text, maxsplit=1)[1].strip()
            document.minutes = re.split(r"\.\s|\.?\n|\.$|。", time)[0]
        for tag in TAG.findall(text):
            name = tag.replace(r"\_", "_")
            document.tags[name] = paragraph["id"] = f"result.{name}"
    _make_room(body, path.parent)
    return document


def _name_uniquely(headings):
    """Give every heading an id that no other has; the first of equal ones keeps its own."""
    taken = set()
    for heading in headings:
        name = re.sub(r"\s", "-", unquote(heading.get("id") or "section"))
        candidates = (name if n == 1 else f"{name}-{n}" for n in range(1, len(headings) + 2))
        heading["id"] = next(c for c in candidates if c not in taken)
        taken.add(heading["id"])
        for anchor in heading.select("a.anchor-link"):
            anchor["href"] = f"#{quote(heading['id'])}"
            anchor["aria-label"] = "link to this section"


def _bare(heading):
    """(HTML, text) of a heading without the anchor at its end."""
    heading = copy.copy(heading)
    for anchor in heading.select("a.anchor-link"):
        anchor.decompose()
    return _without_links(heading), heading.get_text().strip()


def _without_links(element):
    """What is inside an element as HTML, its links as their words: for another page, or a link."""
    element = copy.copy(element)
    for link in element.find_all("a"):
        link.unwrap()
    return element.decode_contents()


def _make_room(body, folder):
    """Let what is too wide for a telephone scroll by itself, by finger and by keyboard."""
    for element in body.select(".text table, .text img, .output > img"):
        tag, kind = ("div", "table") if element.name == "table" else ("span", "picture")
        element.wrap(body.new_tag(tag, attrs={"class": f"scroll {kind}", "tabindex": "0",
                                              "role": "region", "aria-label": kind}))
        if kind == "picture" and (size := _png_size(element.get("src", ""), folder)):
            element["width"], element["height"] = map(str, size)
            element["style"] = f"--width: {size[0]}px"  # pages.css keeps its letters readable
    for pre in body.find_all("pre"):
        pre["tabindex"] = "0"
    for pre in body.select(".output > pre"):
        long = [line.strip() for line in pre.get_text().splitlines() if len(line) > WIDE]
        if long and not any("  " in line for line in long):  # sentences, and not a table's columns
            pre["class"] = "sentences"


def _png_size(source, folder):
    """(width, height) of a PNG, a data: address or a file beside its page; else None."""
    head, _, data = source[:80].partition("data:image/png;base64,")
    if not data:
        path = folder / unquote(head)
        begins = path.read_bytes()[:24] if head.endswith(".png") and path.is_file() else b""
    else:
        begins = base64.b64decode(data[:32])
    return struct.unpack(">II", begins[16:24]) if begins.startswith(b"\x89PNG") else None

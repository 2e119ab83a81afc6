"""Links of the pages: where a file of the project is in the export, and that every one is there.

The export mirrors the project: lessons/04_attention.ipynb becomes lessons/04_attention.html, a
README.md its README.html, and any other text FILE a listing, FILE.html. Pictures are copied.
"""

import posixpath
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

PLACE = re.compile(r"^((?:[\w.-]+/)*[\w.-]+\.\w+)(?:, line (\d+))?$")  # as show_source writes it
LESSONS = re.compile(r"\b([Ll]essons? )(\d\d)((?:(?:,| and|, and| or| to) \d\d\b)*)")
PICTURES = {".png", ".jpg", ".jpeg", ".svg", ".gif", ".pdf"}
UNTOUCHED = ("a", "code", "pre", "h1", "h2", "h3", "h4", "script", "style")


def page_of(path, project):
    """Where a file of the project is in the export, as a path with slashes."""
    name = path.relative_to(project).as_posix()
    if path.suffix in PICTURES:
        return name
    return str(Path(name).with_suffix(".html").as_posix()) if path.suffix in (".ipynb", ".md") \
        else f"{name}.html"


def href(target, page, fragment=""):
    """The address of the page `target` as a link in `page`, both as paths in the export."""
    relative = posixpath.relpath(target, posixpath.dirname(page) or ".")
    return quote(relative) + (f"#{quote(fragment)}" if fragment else "")


class Links:
    """Rewrites the links of documents, and remembers which files they need in the export."""

    def __init__(self, project, lessons):
        self.project = project.resolve()
        self.lessons = {path.name[:2]: path for path in lessons  # {"04": its notebook}
                        if not path.stem.endswith("_zh")}
        self.wanted = {}       # {file of the project: the pages that link to it}
        self.problems = []

    def rewrite(self, document):
        """Make all links of a document lead to pages of the export."""
        page = page_of(document.path, self.project)
        for element, name in [*((a, "href") for a in document.body.select("a[href]")),
                              *((i, "src") for i in document.body.select("img[src]"))]:
            element[name] = self._leading_to(element[name], document.path, page)
            if not element[name]:
                del element[name]
        for code in document.body.find_all("code"):
            self._link_place(code, page, document)
        self._link_lessons(document, page)

    def _leading_to(self, link, path, page):
        """The new address of a link in the file `path`; "", and a problem, if it leads nowhere."""
        parts = urlsplit(link)
        if parts.scheme or parts.netloc or not parts.path:
            return link
        target = (path.parent / unquote(parts.path)).resolve()
        if self.project not in target.parents or not target.exists():
            self.problems.append(f"{path.stem}: links to {link}, which is not there")
            return ""
        if target.is_dir():
            return href("index.html", page)
        return href(self._want(target, page), page, unquote(parts.fragment))

    def _want(self, target, page):
        self.wanted.setdefault(target, []).append(page)
        return page_of(target, self.project)

    def _link_place(self, code, page, document):
        """`minitransformer/functional/linear.py, line 12` becomes a link to that line."""
        found = PLACE.match(code.get_text())
        if not found or code.find_parent("a") or "/" not in found[1]:
            return
        target = self.project / found[1]
        if not target.is_file():
            return
        if found[2] and not _begins_something(target, int(found[2])):
            self.problems.append(f"{document.path.stem}: shows {code.get_text()}, where nothing "
                                 "begins any more: the lesson has to be built again")
        code.wrap(document.body.new_tag("a", attrs={
            "href": href(self._want(target, page), page, f"L{found[2]}" if found[2] else ""),
            "class": "place"}))

    def _link_lessons(self, document, page):
        """The words "lesson 04" become a link, wherever that lesson is exported."""
        from bs4 import BeautifulSoup

        def link(number, words):
            lesson = self.lessons.get(number)
            if lesson is None or lesson == document.path:
                return words
            return f'<a href="{href(page_of(lesson, self.project), page)}">{words}</a>'

        def replace(found):
            return link(found[2], found[1] + found[2]) + re.sub(
                r"\d\d", lambda number: link(number[0], number[0]), found[3])

        for text in document.body.find_all(string=LESSONS):
            if text.find_parent(UNTOUCHED) is None and text.find_parent(class_="text"):
                escaped = str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
                text.replace_with(BeautifulSoup(LESSONS.sub(replace, escaped), "html.parser"))


def _begins_something(path, number):
    """Whether a function or a class begins at a line of a Python file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return number <= len(lines) and lines[number - 1].lstrip().startswith(("def ", "class ", "@"))


def broken_links(pages):
    """A line for every link of the pages, {path: HTML}, that leads nowhere in the export."""
    anchors = {page: _Anchors(html) for page, html in pages.items() if page.endswith(".html")}
    lines = []
    for page, found in anchors.items():
        for link in found.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = posixpath.normpath(posixpath.join(posixpath.dirname(page),
                                                       unquote(parts.path)))
            target = page if not parts.path else target
            if target not in pages or (parts.fragment and target in anchors and
                                       unquote(parts.fragment) not in anchors[target].ids):
                lines.append(f"{page}: links to {link}, which is not in the export")
    return lines


class _Anchors(HTMLParser):
    """What a page can be linked at, and what it links to."""

    def __init__(self, html):
        super().__init__()
        self.ids, self.links = set(), {}
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name == "id":
                self.ids.add(value)
            elif name in ("href", "src"):
                self.links.setdefault(value)

"""Source files as highlighted pages, with an anchor at every line."""

import ast
import html
import re

CITATION = re.compile(r"\[([a-z_]+\.[a-z_]+)\]")


def listing(path, *, results=None):
    """A text file's lines as HTML: each has the id L and its number, counted from 1.

    results: {name of a boxed result: the address of its derivation}; where the source cites one,
    [softmax.dx], the citation becomes a link.
    """
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import TextLexer, get_lexer_for_filename
    from pygments.util import ClassNotFound

    try:
        lexer = get_lexer_for_filename(path.name, stripnl=False)
    except ClassNotFound:
        lexer = TextLexer(stripnl=False)
    code = highlight(path.read_text(encoding="utf-8"), lexer, HtmlFormatter(nowrap=True))
    lines = code.removesuffix("\n").split("\n")
    results = results or {}

    def cite(found):
        address = results.get(found[1])
        return f'[<a href="{html.escape(address)}">{found[1]}</a>]' if address else found[0]

    return '<pre class="listing" tabindex="0">' + "".join(
        f'<span class="line" id="L{n}"><a class="number" href="#L{n}">{n}</a>'
        f"{CITATION.sub(cite, line)}\n</span>" for n, line in enumerate(lines, 1)) + "</pre>"


def summary(path):
    """The first line of a Python file's docstring, "" where there is none."""
    if path.suffix != ".py":
        return ""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0].replace("`", "")

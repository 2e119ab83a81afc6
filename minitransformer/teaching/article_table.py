"""The article's claims as tables, in English or in Chinese: claims_table("2.1", language="zh")."""

import re

from minitransformer import PROJECT
from minitransformer.teaching.article_claims import (
    CLAIMS, KINDS, LANGUAGES, LINES, PROMISES, VERDICTS)
from minitransformer.teaching.article_evidence import measured

TITLES = (("Place", "What it says", "Is it so?", "Measured here", "Lesson"),
          ("位置", "文章怎么说", "是否如此", "本项目的测量", "课"))


class Table:
    """Rows of cells: Jupyter shows them as a Markdown table, print() as lines of text."""

    def __init__(self, titles, rows):
        self.titles, self.rows = titles, rows

    def __repr__(self):
        return "\n\n".join("\n".join(f"{title}: {cell}" for title, cell in zip(self.titles, row)
                                     if cell) for row in self.rows)

    def _repr_markdown_(self):
        lines = [self.titles, ["---"] * len(self.titles), *self.rows]
        text = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        return re.sub(r"10\^(-?\d+)", r"10<sup>\1</sup>", text)


def claims_table(*sections, language="en"):
    """What the article says in these sections, row by row, as a Table.

    Raises ValueError for a section without rows, or another language than "en" and "zh".
    """
    known = {claim.section for claim in CLAIMS}
    if unknown := set(sections) - known:
        raise ValueError(f"no rows for section {min(unknown)}; there are {sorted(known)}")
    return _table([claim for section in sections for claim in CLAIMS
                   if claim.section == section and claim.kind != "code"], language)


def listing_table(section, language="en"):
    """The lines of the article's program in this section, as a Table."""
    if section not in LINES:
        raise ValueError(f"there is no program in section {section}: {' and '.join(LINES)} have")
    return _table([claim for claim in CLAIMS
                   if claim.section == section and claim.kind == "code"], language)


def _table(claims, language):
    if language not in LANGUAGES:
        raise ValueError(f"the tables are there in {' and '.join(LANGUAGES)}, not in {language!r}")
    i = LANGUAGES.index(language)
    return Table(TITLES[i], [_row(claim, i) for claim in claims])


def _row(claim, i):
    numbers = measured()
    kind = "" if claim.kind == "code" else f"*{KINDS[claim.kind][i]}*{('. ', '。')[i]}"
    names = PROMISES if claim.kind == "promise" else VERDICTS
    verdict = f"**{names[claim.verdict][i]}**{('. ', '。')[i]}"
    return [_place(claim, i), kind + claim.says[i], verdict + claim.truth[i],
            claim.measured[i].format(**numbers), links(claim.lessons)]


def _place(claim, i):
    """ "2.1 ¶1.2", "lines 27-28", "heading 2.3", and the same in Chinese."""
    if claim.kind == "code":
        many = "s" * ("-" in claim.place)
        return (f"line{many} {claim.place}", f"第 {claim.place} 行")[i].replace("-", "–")
    if claim.place == "heading":
        return (f"heading {claim.section}", f"{claim.section} 标题")[i]
    return f"{claim.section} ¶{claim.place}"


def links(lessons):
    """The lessons' numbers, each a link to its notebook where that is written."""
    def link(number):
        found = sorted((PROJECT / "lessons").glob(f"{number}_*.ipynb"))
        return f"[{number}]({found[0].name})" if found and number != "24" else number
    return ", ".join(map(link, lessons))

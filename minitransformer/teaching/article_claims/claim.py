"""What a claim of the article is, as data: its place, what it says, whether it is so, by what."""

from typing import NamedTuple

KINDS = {  # of a sentence: (in English, in Chinese)
    "definition": ("definition", "定义"),
    "claim": ("claim", "论断"),
    "advice": ("advice", "建议"),
    "promise": ("promise", "预告"),
    "code": ("code", "代码"),
}
VERDICTS = {
    "right": ("right", "正确"),
    "partly": ("partly right", "部分正确"),
    "wrong": ("wrong", "错误"),
    "empty": ("nothing to test", "无从检验"),
    "works": ("works", "可用"),
    "unused": ("never used", "从未用到"),
    "silent": ("runs, and is wrong", "能运行，但有错"),
    "stops": ("stops", "报错中止"),
}
PROMISES = {"right": ("kept", "已兑现"), "partly": ("kept in part", "部分兑现"),
            "wrong": ("not kept", "未兑现")}  # what the verdicts are called there


class Claim(NamedTuple):
    """One row. says, truth and measured are pairs (English, Chinese), in our own words.

    section: the article's number, "2.1". place: "1.2" is paragraph 1, sentence 2 of the section's
    text; "heading"; "14-15" are lines of its program, counted from the first import.
    measured: may name numbers of article_evidence.measured in braces; ("", "") where there is none.
    """
    section: str
    place: str
    kind: str
    verdict: str
    lessons: tuple
    says: tuple
    truth: tuple
    measured: tuple = ("", "")


def line(place, verdict, lessons, says, truth, measured=("", "")):
    """A row of a program, still without its section: see in_section."""
    return Claim("", place, "code", verdict, lessons, says, truth, measured)


def in_section(section, rows):
    """The rows, all in this section."""
    return tuple(row._replace(section=section) for row in rows)

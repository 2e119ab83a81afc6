"""Lesson 24: every sentence and every line of the article has its row, in both languages."""

import json
import re
from string import Formatter

import pytest

from minitransformer import PROJECT
from minitransformer.teaching import article_claims
from minitransformer.teaching.article_claims import (
    CLAIMS,
    HEADINGS,
    KINDS,
    LANGUAGES,
    LINES,
    SENTENCES,
    VERDICTS,
)
from minitransformer.teaching.article_code import ATTEMPTS, RESULTS, attempt, run_attempts
from minitransformer.teaching.article_evidence import FILES, measured, read_results
from minitransformer.teaching.article_table import claims_table, links, listing_table

CODE = [claim for claim in CLAIMS if claim.kind == "code"]
WORDS = [claim for claim in CLAIMS if claim.kind != "code"]
NOTEBOOKS = {"en": "24_reading_the_article.ipynb", "zh": "24_reading_the_article_zh.ipynb"}
each_language = pytest.mark.parametrize("language", LANGUAGES)
each_claim = pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: f"{c.section}:{c.place}")


def lines_of(claim):
    first, _, last = claim.place.partition("-")
    return range(int(first), int(last or first) + 1)


def names_in(text):
    return [name for _, name, _, _ in Formatter().parse(text) if name]


def cells(language):
    return json.loads((PROJECT / "lessons" / NOTEBOOKS[language]).read_text("utf-8"))["cells"]


def test_every_sentence_and_every_heading_that_promises_has_exactly_one_row():
    places = [(claim.section, claim.place) for claim in WORDS]
    wanted = [(section, f"{paragraph}.{sentence}") for section, counts in SENTENCES.items()
              for paragraph, count in enumerate(counts, start=1)
              for sentence in range(1, count + 1)]
    assert sorted(places) == sorted(wanted + [(section, "heading") for section in HEADINGS])


@pytest.mark.parametrize("section", LINES)
def test_every_line_of_a_program_has_exactly_one_row_and_rows_follow_the_lines(section):
    covered = [n for claim in CODE if claim.section == section for n in lines_of(claim)]
    assert covered == sorted(set(covered))
    assert set(LINES[section]) <= set(covered)
    for claim in CODE:
        if claim.section == section:  # an empty line may stand inside a row, not at its ends
            assert {lines_of(claim)[0], lines_of(claim)[-1]} <= set(LINES[section])


@each_claim
def test_a_row_says_the_same_in_both_languages_and_names_lessons_that_exist(claim):
    assert claim.kind in KINDS and claim.verdict in VERDICTS
    code = ("works", "unused", "silent", "stops")
    assert (claim.verdict in code) == (claim.kind == "code")
    for pair in (claim.says, claim.truth):
        assert len(pair) == 2 and all(pair)
        assert re.search(r"[\u4e00-\u9fff]", pair[1]) and not re.search(r"[\u4e00-\u9fff]", pair[0])
        assert not any("{" in text for text in pair)
    english, chinese = map(names_in, claim.measured)
    assert sorted(english) == sorted(name.removesuffix("_zh") for name in chinese)
    assert set(english + chinese) <= measured().keys()
    assert bool(claim.measured[0]) == bool(claim.measured[1])
    assert claim.lessons or claim.verdict == "empty"
    known = {path.name[:2] for path in (PROJECT / "lessons").glob("[0-9][0-9]_*.ipynb")}
    assert set(claim.lessons) <= known


@each_claim
def test_no_measured_number_is_typed_in(claim):
    """Digits stand in the templates only as sizes and settings, which nobody measured."""
    settings = {"1", "2", "4", "5", "13", "14", "16", "20", "32", "34", "38", "48", "56", "60",
                "64", "100", "128", "300", "1024", "5120",
                "04", "10"}  # of 10^n; lessons 04, 13 and 14
    for text in claim.measured:
        typed = re.findall(r"\d+", re.sub(r"\{\w+\}", "", text).replace(",", ""))
        assert set(typed) <= settings, text


@each_language
def test_the_notebook_shows_every_row(language):
    shown = "".join("".join(output.get("data", {}).get("text/markdown", ""))
                    for cell in cells(language) if cell["cell_type"] == "code"
                    for output in cell["outputs"])
    tables = [claims_table(section, language=language) for section in {c.section for c in WORDS}]
    tables += [listing_table(section, language) for section in LINES]
    assert sum(len(table.rows) for table in tables) == len(CLAIMS)
    for table in tables:
        for line in table._repr_markdown_().splitlines():
            assert line.rsplit("|", 2)[0] in shown, line  # links come and go with the lessons


def test_both_notebooks_have_the_same_code_and_the_same_sections():
    english, chinese = ([(c["cell_type"], "".join(c["source"])) for c in cells(language)]
                        for language in LANGUAGES)
    assert [kind for kind, _ in english] == [kind for kind, _ in chinese]
    for (kind, a), (_, b) in zip(english, chinese):
        if kind == "code":
            assert a.replace('language = "en"', 'language = "zh"') == b
        else:
            assert re.search(r"[\u4e00-\u9fff]", b)
            assert [line.split()[0] for line in re.findall(r"^#+ .*", a, re.M)] == [
                line.split()[0] for line in re.findall(r"^#+ .*", b, re.M)]
            assert re.findall(r"^## (\d+\.)", a, re.M) == re.findall(r"^## (\d+\.)", b, re.M)
            assert re.findall(r"\$\$.*?\$\$", a, re.S) == re.findall(r"\$\$.*?\$\$", b, re.S)
            assert [re.findall(r"\d+", line) for line in re.findall("^### .*", a, re.M)] == [
                re.findall(r"\d+", line) for line in re.findall("^### .*", b, re.M)]


def test_the_article_itself_is_not_in_the_package():
    """Rows are in our own words: no Chinese sentence of a row is long enough to be a copy."""
    for claim in WORDS:
        assert len(claim.says[1]) < 90


def test_the_evidence_is_read_from_files_that_say_how_they_were_made():
    results = read_results()
    assert set(results) == set(FILES)
    assert all(contents["command"].startswith("python ") for contents in results.values())
    assert {name for claim in CLAIMS for text in claim.measured for name in names_in(text)} == set(
        measured())  # and none is worked out in vain
    assert all(measured().values())


def test_what_is_computed_here_is_what_the_lessons_say():
    numbers = measured()
    assert (numbers["heard_residual"], numbers["heard_attention"]) == ("1", numbers["heard_of"])
    assert int(numbers["power_none"]) > 14 and abs(int(numbers["power_layer"])) <= 1
    assert float(numbers["sharp"]) > 4 * float(numbers["scaled"])
    assert (numbers["share_long"], numbers["half_at"]) == ("62.5%", "3,072")
    assert float(numbers["short_mib"]) / 1024 < float(numbers["state_gib"]) < float(
        numbers["weights_gib"]) < float(numbers["plain_gib"])
    assert float(numbers["gone_least"]) < float(numbers["gone_next"]) < float(numbers["gone_most"])
    assert float(numbers["bits_sixgram"]) < float(numbers["bits_written"])


def test_attempts_cover_the_lines_that_stop():
    for name, tried in ATTEMPTS.items():
        first = int(tried.lines.partition("-")[0])
        row = next(c for c in CODE if c.section == tried.listing and first in lines_of(c))
        assert f"error_{name}" in str(row.measured) + str([c.measured for c in CODE])
        assert not tried.stops or row.verdict in ("stops", "silent", "unused"), name


def test_recorded_attempts_are_those_of_the_file_and_stop_as_said():
    recorded = json.loads(RESULTS.read_text(encoding="utf-8"))["attempts"]
    assert list(recorded) == list(ATTEMPTS)
    for name, text in recorded.items():
        assert bool(re.match(r"\w+Error: ", text)) == ATTEMPTS[name].stops, name


def test_pytorch_says_today_what_was_recorded():
    torch = pytest.importorskip("torch")
    source, became = run_attempts()
    recorded = json.loads(RESULTS.read_text(encoding="utf-8"))
    assert source == f"run with PyTorch {torch.__version__}"
    for name, tried in ATTEMPTS.items():
        assert bool(re.match(r"\w+Error: ", became[name])) == tried.stops, name
    if torch.__version__ == recorded["versions"]["torch"]:
        assert became == recorded["attempts"]


def test_without_pytorch_the_recorded_attempts_are_shown_with_the_command(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    source, became = run_attempts()
    assert "pip install torch" in source and list(became) == list(ATTEMPTS)


def test_an_attempt_is_its_last_value_or_its_error_in_one_line():
    class Torch:
        Size = tuple

    assert attempt("a = 2\na + 3", Torch) == "5"
    assert attempt("a = 2\na.b = 3", Torch).startswith("AttributeError: 'int' object has no")
    assert attempt("a = 2", Torch) == "nothing"
    assert attempt("x", Torch) == "NameError: name 'x' is not defined"


def test_errors_at_the_door():
    with pytest.raises(ValueError, match="no rows for section 9"):
        claims_table("1", "9")
    with pytest.raises(ValueError, match="not in 'de'"):
        claims_table("1", language="de")
    with pytest.raises(ValueError, match="no program in section 2.1: 2.2.4 and 2.4 have"):
        listing_table("2.1")


def test_a_table_prints_as_text_and_links_lead_to_notebooks():
    text = repr(claims_table("2.2.1"))
    assert text.startswith("Place: 2.2.1 ¶1.1\nWhat it says: *claim*. Self-attention")
    assert text.count("Place:") == 2
    assert links(("04", "24")) == "[04](04_attention.ipynb), 24"
    assert article_claims.LANGUAGES == ("en", "zh")

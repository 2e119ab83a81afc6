"""The lessons as pages, by two small lessons: links, navigation, what is shown."""

import re

import pytest
from small_lessons import DRAWN, PNG, write_project

from minitransformer.teaching.pages import export_pages
from minitransformer.teaching.pages.document import WIDE, _make_room, describe_pictures
from minitransformer.teaching.pages.site import MARK

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("nbconvert")
BeautifulSoup = pytest.importorskip("bs4").BeautifulSoup


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """(folder of the export, its problems)."""
    root, folder = tmp_path_factory.mktemp("a project"), tmp_path_factory.mktemp("out") / "site"
    write_project(root)
    return folder, export_pages(folder, lessons=root / "lessons")


@pytest.fixture
def page(exported):
    """page("lessons/01_first.html"): its soup."""
    return lambda name: BeautifulSoup((exported[0] / name).read_text(encoding="utf-8"),
                                      "html.parser")


def links(soup):
    return {a.get_text().strip(): a["href"] for a in soup.select("main a[href]")}


def test_there_are_no_problems_and_the_pages_are_there(exported):
    folder, problems = exported
    assert problems == []
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.*")} == {
        MARK, "index.html", "README.html", "assets/mathjax.js", "assets/pages.css",
        "assets/pages.js", "figures/drawn.png", "lessons/01_first.html", "lessons/02_second.html",
        "lessons/README.zh.html", "lessons/results/numbers.json.html", "minitransformer/index.html",
        "minitransformer/functional/linear.py.html"}


def test_links_lead_to_pages(page):
    found = links(page("lessons/01_first.html"))
    assert found["the second"] == "02_second.html#Same-name"
    assert found["its source"] == "../minitransformer/functional/linear.py.html"
    assert found["the results"] == "results/numbers.json.html"
    assert found["home"] == "../README.html#Start"
    assert found["here"] == "#Same-name"
    assert found["elsewhere"] == "https://example.org/a.ipynb"
    assert links(page("README.html"))["All lessons"] == "index.html"
    assert page("lessons/01_first.html").select("main img")[0]["src"] == "../figures/drawn.png"


def test_source_is_linked_where_it_is_shown_and_named(page):
    found = links(page("lessons/01_first.html"))
    source = "../minitransformer/functional/linear.py"
    assert found[f"{source[3:]}, line 4"] == f"{source}.html#L4"
    assert found[source[3:]] == f"{source}.html"
    listing = page(f"lessons/{source}.html")
    assert [line["id"] for line in listing.select(".line")] == ["L1", "L2", "L3", "L4", "L5"]
    assert "def linear_forward(x):" in listing.find(id="L4").get_text()
    assert "x < 2" in listing.find(id="L5").get_text()


def test_a_citation_in_the_source_leads_to_the_boxed_result(page):
    found = links(page("minitransformer/functional/linear.py.html"))
    assert found["multi_head.out"] == "../../lessons/01_first.html#result.multi_head.out"
    place = page("lessons/01_first.html").find(id="result.multi_head.out")
    assert r"\tag{multi\_head.out}" in place.get_text()
    assert found["01 The first: a $\\sqrt D$ & more"] == "../../lessons/01_first.html"  # shown in


def test_lessons_named_in_words_are_linked_if_they_are_there(page):
    first, second = links(page("lessons/01_first.html")), links(page("lessons/02_second.html"))
    assert second["lesson 01"] == "01_first.html"
    assert first["02"] == "02_second.html"  # of "Lessons 01, 02 and 77": not itself, not code
    assert "lesson 02" not in first and "77" not in first and "Lessons 01" not in first


def test_titles_order_and_navigation_come_from_the_lessons(page):
    index, first, second = map(page, ("index.html", "lessons/01_first.html",
                                      "lessons/02_second.html"))
    cards = index.select(".cards li")
    assert [card.h2.get_text() for card in cards] == ["01 The first: a $\\sqrt D$ & more",
                                                      "02 The second"]
    assert [card.a["href"] for card in cards] == ["lessons/01_first.html",
                                                  "lessons/02_second.html"]
    assert "The opening, with $x < y$ and a link." in cards[0].get_text()
    assert len(cards[0].select("a")) == 1
    assert cards[0].select_one(".minutes").get_text() == "20 minutes, half of them for fun"
    assert not cards[1].select(".minutes")
    assert second.title.get_text() == "02 The second · minitransformer"
    assert not first.select("[rel=prev]") and not second.select("[rel=next]")
    assert {a["href"] for a in first.select("[rel=next]")} == {"02_second.html"}
    assert {a["href"] for a in second.select("[rel=prev]")} == {"01_first.html"}
    for soup in (index, first, second):
        assert len(soup.select(".menu li")) == 2
    assert second.select_one(".menu [aria-current]").get_text() == "02 The second"


def test_sections_have_their_own_ids_and_are_listed(page):
    first = page("lessons/01_first.html")
    ids = [h2["id"] for h2 in first.select("main h2")]
    assert ids == ["Same-name", "Same-name-2"]
    assert [a["href"] for a in first.select(".sections a")] == ["#Same-name", "#Same-name-2"]
    assert not page("index.html").select(".sections")


def test_outputs_are_as_they_were_committed(page):
    first = page("lessons/01_first.html")
    assert str(first.find(id="answers")) == DRAWN
    image = first.select_one(".output img")
    assert image["src"] == f"data:image/png;base64,{PNG}"
    assert (image["width"], image["height"]) == ("2", "1")
    assert image["alt"] == "It falls by …"


@pytest.mark.parametrize("code, alt", [
    ("fig.suptitle('Above')\nax.set_title(\"Below\")", "Above | Below"),
    ("flow_diagram(['x'], title='It\\nflows')", "It flows"),
    ("heatmap(a, title=f'From {m} on, {n:.0%}')", "From … on, …"),
    ("ax.set_title(name)", "Picture in the section Before it"),
    ("ax.set_title(f'{name}')", "Picture in the section Before it"),
    ("%matplotlib inline\nplot()", "Picture in the section Before it"),
])
def test_a_picture_is_described_by_its_title(code, alt):
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("## Before it"),
                                         nbformat.v4.new_code_cell(code)])
    describe_pictures(nb)
    assert nb.cells[1].metadata["alt"] == alt


@pytest.mark.parametrize("text, broken", [
    ("a short line\n" + "and long words " * 9, True), ("a  b  c " * 20, False),
    ("a table  of\n" + "words " * WIDE, True), ("x" * WIDE, False), ("x" * (WIDE + 1), True)])
def test_long_sentences_are_broken_where_the_page_ends_and_tables_are_not(tmp_path, text, broken):
    body = BeautifulSoup(f'<div class="output"><pre>{text}</pre></div><pre>{text}</pre>',
                         "html.parser")
    _make_room(body, tmp_path)
    output, code = body.find_all("pre")
    assert (output.get("class") == "sentences") == broken and code.get("class") is None


def test_formulas_are_marked_and_code_is_not(page):
    first = page("lessons/01_first.html")
    assert first.body["class"] == ["no-math"]
    assert all(p.find_parent(class_="math") for p in first.select("main .markdown p"))
    assert not first.find(id="answers").find_parent(class_="math")
    assert first.select("script[src$='mathjax.js']")
    assert not page("minitransformer/index.html").select("script[src$='mathjax.js']")


def test_a_page_says_its_language(page):
    assert page("lessons/README.zh.html").html["lang"] == "zh"
    assert page("lessons/01_first.html").html["lang"] == page("index.html").html["lang"] == "en"


def test_nothing_is_fetched_from_elsewhere(exported):
    for path in exported[0].rglob("*.html"):
        soup = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        fetched = [e.get("src") or e.get("href") for e in soup.select("[src], link[href]")]
        assert all(re.match(r"data:|(?!\w+:|//)", address) for address in fetched)

"""The committed lessons as pages, in a real browser without a network."""

import json
import re
from collections import Counter
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest

from minitransformer import PROJECT
from minitransformer.teaching.pages import export_pages

pytest.importorskip("nbconvert")

LESSONS = sorted((PROJECT / "lessons").glob("[0-9][0-9]_*.ipynb"))
each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
PARTS = re.compile(r"```.*?```|`[^`\n]+`|\$\$(.+?)\$\$|(?<!\\)\$([^$]+?)(?<!\\)\$", re.DOTALL)
LEFT = """() => [...document.querySelectorAll(".math")].flatMap((element) => {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT), found = [];
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (node.data.includes("$") && !node.parentElement.closest("code, pre")) found.push(node.data);
  }
  return found;
})"""
TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    """The folder with the pages of all lessons, and what the export complained of."""
    folder = tmp_path_factory.mktemp("a site")
    return folder, export_pages(folder)


@pytest.fixture
def site(export):
    return export[0]


def page_of(site, lesson):
    return site / "lessons" / f"{lesson.stem}.html"


def go(page, path):
    """Open a page, without a network, and wait for its formulas. Returns the page."""
    page.context.set_offline(True)
    page.goto(path.as_uri())
    if page.locator("script[src$='mathjax.js']").count():
        page.wait_for_selector("html[data-typeset]", state="attached")
    return page


def formulas(lesson):
    """How many formulas a notebook's Markdown holds: (displayed, within a line)."""
    cells = json.loads(lesson.read_text(encoding="utf-8"))["cells"]
    found = [match for cell in cells if cell["cell_type"] == "markdown"
             for match in PARTS.finditer("".join(cell["source"]))]
    return sum(bool(match[1]) for match in found), sum(bool(match[2]) for match in found)


def test_the_export_has_no_complaints(export):
    assert export[1] == []


@each_lesson
def test_every_formula_is_rendered(open_page, site, lesson):
    page = go(open_page(), page_of(site, lesson))
    cells = page.locator("main .cell.markdown")
    displayed = cells.locator("mjx-container[display='true']").count()
    assert (displayed, cells.locator("mjx-container").count() - displayed) == formulas(lesson)
    assert page.locator("mjx-merror, merror, [data-mjx-error]").count() == 0
    assert page.evaluate(LEFT) == []
    # Each is drawn, in MathJax's own fonts: not an empty box, nor letters of the page.
    sizes = page.evaluate("""[...document.querySelectorAll("main mjx-math")].map(
        (formula) => formula.getBoundingClientRect().width)""")
    assert len(sizes) == sum(formulas(lesson)) and min(sizes) > 3
    assert page.evaluate("document.fonts.check('16px MJXTEX-I')")
    assert page.evaluate("[...document.fonts].some((f) => f.family === 'MJXTEX-I' && "
                         "f.status === 'loaded')")


@each_lesson
def test_a_telephone_needs_no_sideways_scrolling(open_page, site, lesson):
    page = go(open_page(width=360, height=740, dark=True), page_of(site, lesson))
    assert page.evaluate(TOO_WIDE) <= 0
    page.set_viewport_size({"width": 740, "height": 360})  # turned
    assert page.evaluate(TOO_WIDE) <= 0


@each_lesson
def test_what_a_cell_drew_is_there(open_page, site, lesson):
    page = go(open_page(), page_of(site, lesson))
    outputs = [output for cell in json.loads(lesson.read_text(encoding="utf-8"))["cells"]
               for output in cell.get("outputs", [])]
    kinds = Counter("html" if "text/html" in output.get("data", {}) else "png"
                    for output in outputs if {"text/html", "image/png"} & {*output.get("data", {})})
    images = page.evaluate("[...document.querySelectorAll('.output img')].map("
                           "(i) => [i.alt, i.naturalWidth])")
    assert len(images) == kinds["png"]
    assert all(width > 100 and len(alt) > 8 and "description" not in alt for alt, width in images)
    assert page.locator(".drawn").count() == kinds["html"]
    for explorer in page.locator(".mt-explorer").all():
        assert explorer.locator("svg").count() > 0  # its script has run
        explorer.locator(".mt-token").first.hover()


def test_every_page_opens_and_every_link_leads_somewhere(open_page, site):
    page, ids, links = open_page(), {}, {}
    for path in sorted(site.rglob("*.html")):
        page.goto(path.as_uri())
        ids[path.as_uri()] = set(page.evaluate("[...document.querySelectorAll('[id]')].map("
                                               "(element) => element.id)"))
        links[path.as_uri()] = page.evaluate("[...document.links].map((link) => link.href)")
        assert page.locator("h1").count() == 1
    assert len(ids) > len(LESSONS) + 30  # the source too
    for start, addresses in links.items():
        for address in addresses:
            if not address.startswith("http"):
                target, fragment = urldefrag(address)
                assert target in ids, f"{start} links to {address}"
                assert not fragment or unquote(fragment) in ids[target], f"{start}: {address}"
    reached, todo = set(), [(site / "index.html").as_uri()]
    while todo:
        if (address := todo.pop()) not in reached:
            reached.add(address)
            todo += [urldefrag(link)[0] for link in links[address] if link.startswith("file:")]
    assert reached == ids.keys()


def test_shown_source_leads_to_its_line(open_page, site):
    page, seen = open_page(), 0
    for lesson in LESSONS:
        page.goto(page_of(site, lesson).as_uri())
        for address in page.evaluate("[...document.querySelectorAll('a.place[href*=\"#L\"]')]"
                                     ".map((link) => link.href)"):
            page.goto(address)
            line = page.evaluate("document.querySelector(':target').textContent")
            assert re.match(r"\d+\s*(def|class|@)", line), f"{lesson.stem}: {address}: {line}"
            seen += 1
    assert seen > len(LESSONS)


def test_a_result_cited_in_the_source_leads_to_its_derivation(open_page, site):
    page = go(open_page(), site / "minitransformer" / "functional" / "softmax.py.html")
    page.locator(".listing a[href*='#result.softmax.dx']").first.click()
    page.wait_for_selector("html[data-typeset]", state="attached")
    assert page.title().startswith("02 ")
    result = page.locator(":target")
    assert "softmax.dx" in result.inner_text()
    assert 0 <= result.bounding_box()["y"] < 700  # scrolled to, now that formulas have their height


def expect_ground(page, dark):
    """Wait until the page's ground is dark, or light: a changed wish reaches it a moment later."""
    page.wait_for_function("""(dark) => {
      const light = Number(/\\d+/.exec(getComputedStyle(document.body).backgroundColor)[0]);
      return dark ? light < 60 : light > 240;
    }""", arg=dark, timeout=5000)


def test_colours_follow_the_system_until_the_reader_chooses(open_page, site):
    page = go(open_page(dark=True), page_of(site, LESSONS[0]))
    expect_ground(page, dark=True)
    page.emulate_media(color_scheme="light")
    expect_ground(page, dark=False)
    page.get_by_role("button", name="Dark colours").click()
    expect_ground(page, dark=True)
    page.reload()
    expect_ground(page, dark=True)
    page.locator(".bar [rel=next]").click()  # remembered on the next page
    page.wait_for_url(f"**/{LESSONS[1].stem}.html")
    expect_ground(page, dark=True)
    page.emulate_media(color_scheme="light", media="print")
    expect_ground(page, dark=False)
    assert not page.locator(".bar").is_visible()
    page.emulate_media(media="screen")
    page.get_by_role("button", name="Light colours").click()
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(200)
    expect_ground(page, dark=False)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_and_code_stand_out_from_their_ground(open_page, site, dark):
    page = go(open_page(dark=dark, width=1400), page_of(site, LESSONS[-1]))
    worst = page.evaluate((Path(__file__).parent / "contrast.js").read_text(encoding="utf-8"))
    assert len(worst) > 20
    assert {name: ratio for name, ratio in worst.items() if ratio < 4.5} == {}


def test_sections_are_at_the_side_and_fold_away_on_a_telephone(open_page, site):
    page = go(open_page(width=1400), page_of(site, LESSONS[-1]))
    links = page.locator(".sections a")
    assert links.count() > 5 and links.first.is_visible()
    links.nth(3).click()
    assert links.nth(3).get_attribute("aria-current") == "true"
    small = go(open_page(width=390), page_of(site, LESSONS[-1]))
    assert not small.locator(".sections a").first.is_visible()
    small.locator(".sections summary").click()
    small.locator(".sections a").nth(3).click()
    assert abs(small.locator("main :is(h2, h3)").nth(3).bounding_box()["y"]) < 150


def test_the_menu_lists_all_lessons_and_closes(open_page, site):
    page = go(open_page(width=390), site / "index.html")
    page.locator(".menu summary").click()
    entries = page.locator(".menu li a")
    assert entries.count() == len(LESSONS) and entries.last.is_visible()
    assert page.evaluate(TOO_WIDE) <= 0
    page.keyboard.press("Escape")
    assert not entries.last.is_visible()
    page.locator(".menu summary").click()
    entries.last.click()
    assert page.title().startswith(LESSONS[-1].name[:2])


def test_without_scripts_text_code_and_pictures_are_readable(browser, site):
    context = browser.new_context(java_script_enabled=False, color_scheme="dark")
    page = context.new_page()
    page.goto(page_of(site, LESSONS[0]).as_uri())
    assert page.locator("main p").first.is_visible() and page.locator(".output img").count()
    assert page.locator(".sections a").first.is_visible()
    assert not page.locator("button.theme").is_visible()
    context.close()

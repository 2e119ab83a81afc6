"""What the export of the lessons refuses, and what it reports."""

import importlib.util
import tempfile

import pytest
from small_lessons import notebook, write_project

from minitransformer import cli
from minitransformer.teaching.pages import export_pages
from minitransformer.teaching.pages.links import broken_links
from minitransformer.teaching.pages.site import MARK, Site

pytest.importorskip("nbconvert")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    root = tmp_path_factory.mktemp("a project")
    write_project(root)
    return root


def test_an_export_replaces_its_own_files_and_no_other(project, tmp_path):
    folder = tmp_path / "site"
    export_pages(folder, lessons=project / "lessons")
    before = {path: path.read_bytes() for path in folder.rglob("*.*")}
    (folder / "mine.txt").write_text("mine", encoding="utf-8")
    stale = folder / "lessons" / "old" / "03_gone.html"
    stale.parent.mkdir()
    stale.write_text("old", encoding="utf-8")
    with (folder / MARK).open("a", encoding="utf-8") as file:
        file.write("lessons/old/03_gone.html\n../outside.txt\n")
    outside = folder.parent / "outside.txt"
    outside.write_text("not ours", encoding="utf-8")
    assert export_pages(folder, lessons=project / "lessons") == []
    assert not stale.parent.exists() and outside.exists()
    assert (folder / "mine.txt").read_text(encoding="utf-8") == "mine"
    (folder / "mine.txt").unlink()
    assert {path: path.read_bytes() for path in folder.rglob("*.*")} == before


def test_a_folder_of_something_else_is_refused(project, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    for place in (tmp_path, tmp_path / "thesis.txt"):
        with pytest.raises(FileExistsError, match="not an export .*: give a new folder"):
            export_pages(place, lessons=project / "lessons")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_place_that_cannot_be_written_is_refused_before_any_page_is_made(
        project, tmp_path, monkeypatch):
    monkeypatch.setattr(Site, "render", lambda site: pytest.fail("the pages are made"))
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(OSError, match="because of .*thesis.txt .*: give another folder"):
        export_pages(tmp_path / "thesis.txt" / "new" / "site", lessons=project / "lessons")

    def refuse(dir):
        raise PermissionError(13, "Permission denied", str(dir))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(OSError, match=r"written to .*site, because of .* \(Permission denied\)"):
        export_pages(tmp_path / "new" / "site", lessons=project / "lessons")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_lesson_that_was_never_built_is_refused_before_anything_is_written(tmp_path):
    (tmp_path / "lessons").mkdir()
    text = notebook("# 03 New", built=False)
    (tmp_path / "lessons" / "03_new.ipynb").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="03_new has never been built, .*`lessons --build 03`"):
        export_pages(tmp_path / "site", lessons=tmp_path / "lessons")
    assert not (tmp_path / "site").exists()


def test_without_lessons_it_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match="there are no lessons in"):
        export_pages(tmp_path / "site", lessons=tmp_path)


def test_a_link_to_nothing_is_a_problem_and_names_its_lesson(tmp_path):
    (tmp_path / "lessons").mkdir()
    text = notebook("# 04 Attention\n\n[a](09_gone.ipynb) [b](#nowhere) [c](../../outside.txt) "
                    "[d](04_it.ipynb#There)\n\n## There\n")
    (tmp_path / "lessons" / "04_it.ipynb").write_text(text, encoding="utf-8")
    problems = export_pages(tmp_path / "site", lessons=tmp_path / "lessons")
    assert problems == ["04_it: links to 09_gone.ipynb, which is not there",
                        "04_it: links to ../../outside.txt, which is not there",
                        "lessons/04_it.html: links to #nowhere, which is not in the export"]
    page = (tmp_path / "site" / "lessons" / "04_it.html").read_text(encoding="utf-8")
    assert "<a>a</a>" in page and "gone" not in page


def test_source_that_has_moved_since_the_build_is_a_problem(tmp_path):
    write_project(tmp_path)
    source = tmp_path / "minitransformer" / "functional" / "linear.py"
    source.write_text("# new\n" + source.read_text(encoding="utf-8"), encoding="utf-8")
    assert export_pages(tmp_path / "site", lessons=tmp_path / "lessons") == [
        "01_first: shows minitransformer/functional/linear.py, line 4, where nothing begins any "
        "more: the lesson has to be built again"]


def test_broken_links_are_found_in_attributes_only():
    pages = {"a.html": '<a id="x" href="b/c.html#y"></a><img src="p.png"><a href="#x"></a>',
             "b/c.html": '<i id="y"></i><a href="../a.html#z"></a><script>"<a href=q>"</script>',
             "p.png": b""}
    assert broken_links(pages) == ["b/c.html: links to ../a.html#z, which is not in the export"]


@pytest.mark.parametrize("problems, code", [([], 0), (["04: links to nothing"], 1)])
def test_the_command_exports_and_its_exit_code_tells(monkeypatch, capsys, problems, code):
    calls = []
    monkeypatch.setattr("minitransformer.teaching.pages.export_pages",
                        lambda folder, mathjax: calls.append((folder, mathjax)) or problems)
    assert cli.main(["lessons", "--html"]) == code
    assert cli.main(["lessons", "--html", "out", "--mathjax", "tex-svg.js"]) == code
    assert calls == [("site", None), ("out", "tex-svg.js")]
    assert capsys.readouterr().out.splitlines() == 2 * problems


def test_mathjax_is_named_when_it_is_missing(monkeypatch, tmp_path, project):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="pip install jupyter, or give one with --mathjax"):
        export_pages(tmp_path / "site", lessons=project / "lessons")
    assert not (tmp_path / "site").exists()

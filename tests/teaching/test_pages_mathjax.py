"""The script that typesets formulas: taken from JupyterLab whole, or not at all."""

import importlib.util
import shutil
from pathlib import Path

import pytest

from minitransformer.teaching.pages import mathjax
from minitransformer.teaching.pages.mathjax import mathjax_script

pytest.importorskip("jupyterlab")
pytest.importorskip("fontTools")
STATIC = Path(importlib.util.find_spec("jupyterlab").origin).parent / "static"


def test_the_script_holds_every_module_and_font_that_it_needs():
    names, chunks = mathjax._jupyterlab_modules(STATIC)
    assert tuple(names) == mathjax.WANTED and chunks
    fonts = mathjax._fonts(STATIC)
    assert {"MathJax_Main-Regular", "MathJax_Math-Italic", "MathJax_Size4-Regular"} <= fonts.keys()
    script = mathjax_script()
    assert all(chunk in script for chunk in chunks)
    assert all(font in script for font in fonts.values())
    assert "Apache License" in script


@pytest.fixture
def static(tmp_path):
    """A copy of the files that the script is made of, to take something away from."""
    loader = next(path for path in STATIC.glob("*.js")
                  if mathjax.LOADING.search(path.read_text(encoding="utf-8")))
    found = mathjax.LOADING.search(loader.read_text(encoding="utf-8"))[0]
    (tmp_path / "core.js").write_text(found, encoding="utf-8")
    for chunk in mathjax.re.findall(r"\.e\((\d+)\)", found):
        for path in STATIC.glob(f"{chunk}.*.js"):
            shutil.copy(path, tmp_path)
    return tmp_path


def test_a_missing_module_is_noticed(static):
    names, _ = mathjax._jupyterlab_modules(static)
    texts = {path: path.read_text(encoding="utf-8") for path in static.glob("[0-9]*.js")}
    for module in names.values():
        holders = [path for path, text in texts.items()
                   if any(found[1] == module for found in mathjax.MODULE.finditer(text))]
        assert holders
        for path in holders:
            path.unlink()
        with pytest.raises(ValueError, match="in another way .*give one with --mathjax FILE"):
            mathjax_script(static=static)
        for path in holders:
            path.write_text(texts[path], encoding="utf-8")


def test_a_module_that_others_need_is_noticed_too(static):
    names, _ = mathjax._jupyterlab_modules(static)
    noticed = 0
    for path in sorted(static.glob("[0-9]*.js")):
        text = path.read_text(encoding="utf-8")
        if not {found[1] for found in mathjax.MODULE.finditer(text)} & set(names.values()):
            path.unlink()  # nothing of it is loaded by name
            try:
                mathjax_script(static=static)
            except ValueError:
                noticed += 1
            path.write_text(text, encoding="utf-8")
    assert noticed >= 3


@pytest.mark.parametrize("old, new, message", [
    ("{TeX:", "{LaTeX:", "in another way"),
    ("{mathjax:", "{MathJax:", "has no MathJax 3"),
])
def test_another_jupyterlab_is_refused_with_what_to_do(static, old, new, message):
    core = static / "core.js"
    core.write_text(core.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(ValueError, match=f"{message}.*give one with --mathjax FILE"):
        mathjax_script(static=static)


def test_without_jupyterlab_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="pip install jupyter, or give one with --mathjax"):
        mathjax_script()


def test_one_file_is_taken_as_it_is_after_its_settings(tmp_path):
    file = tmp_path / "tex-svg.js"
    file.write_text("/* MathJax */ inlineMath", encoding="utf-8")
    script = mathjax_script(file)
    assert script.endswith("/* MathJax */ inlineMath") and "window.MathJax = {" in script
    file.write_text("alert(1)", encoding="utf-8")
    with pytest.raises(ValueError, match="is not a MathJax 3 that reads TeX"):
        mathjax_script(file)
    with pytest.raises(FileNotFoundError, match="there is no file .*nowhere.js"):
        mathjax_script(tmp_path / "nowhere.js")

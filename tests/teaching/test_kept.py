"""Right answers are kept as a readable module, and nothing else is."""

import runpy
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from cells import Notebook

from minitransformer.functional import softmax_backward, softmax_forward
from minitransformer.teaching.exercise import Exercise, check, find
from minitransformer.teaching.kept import FILE, read_sections

LINEAR = '''
    import numpy as np
    import math as m
    from numpy import exp
    from minitransformer.functional import causal_mask as triangle
    from typing import NamedTuple

    ZERO, NAMES = 0.0, ("x", {"w": [1, None]})

    class MyCache(NamedTuple):
        x: np.ndarray
        w: np.ndarray
        b: np.ndarray

    def shifted(x, by=ZERO):
        return x + by

    def product(x, w):
        return shifted(x @ w) if NAMES else product(x, w)

    def my_linear_forward(x, w, b=None):
        """y = x w + b."""
        out = product(x, w) + m.log(exp(0.0)) + 0 * triangle(1, 1)[0, 0]
        if b is not None:
            out = out + b
        return out, tuple(MyCache(x, w, b))
'''


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def notebook():
    return Notebook()


def plain(value):
    """The exercise asks for a plain tuple as cache."""
    return tuple(value) if isinstance(value, tuple) else value


def solve(notebook, source, id, name, capsys):
    notebook.cell(source)
    check(id, notebook[name])
    return capsys.readouterr().out


def test_a_right_answer_is_kept_with_all_that_it_needs(notebook, capsys, folder):
    says = solve(notebook, LINEAR, "1.3", "my_linear_forward", capsys)
    assert says.startswith("1.3 is right.")
    assert says.endswith("It is kept in my_transformer.py, your own Transformer.\n")
    text = (folder / FILE).read_text()
    assert text.index("class MyCache") < text.index("def my_linear_forward")
    assert text.index("def shifted") < text.index("def product") < text.index("def my_linear")
    for line in ("import math as m", "import numpy as np", "from numpy import exp", "ZERO = 0.0",
                 "from minitransformer.functional import causal_mask as triangle"):
        assert text.count(line + "\n") == 1
    assert "unused" not in text and "import os" not in text
    module = runpy.run_path(FILE)  # it stands alone
    x, w, b = np.ones((2, 3)), np.ones((3, 4)), np.arange(4.0)
    assert np.array_equal(module["my_linear_forward"](x, w, b)[0], 3 + np.tile(b, (2, 1)))


def test_sections_stand_in_order_and_a_new_answer_replaces_the_old(notebook, capsys, folder):
    softmax = '''
        import numpy as np
        def my_softmax_forward(x):
            {}e = np.exp(x - np.max(x.real, axis=-1, keepdims=True))
            probs = e / np.sum(e, axis=-1, keepdims=True)
            return probs, (probs,)
    '''
    solve(notebook, softmax.format(""), "2.2", "my_softmax_forward", capsys)
    solve(notebook, LINEAR, "1.3", "my_linear_forward", capsys)
    assert [section.id for section in read_sections(folder / FILE)] == ["1.3", "2.2"]
    before = (folder / FILE).read_text()
    solve(notebook, softmax.format('"""Mine."""\n            '), "2.2",
          "my_softmax_forward", capsys)
    after = (folder / FILE).read_text()
    assert after == before.replace("(x):\n    e = ", '(x):\n    """Mine."""\n    e = ')
    lines = after.splitlines()
    for section in read_sections(folder / FILE):
        assert lines[section.line] == section.text.splitlines()[0]
    assert list(folder.iterdir()) == [folder / FILE]


def test_a_wrong_answer_leaves_what_was_kept(notebook, capsys, folder):
    solve(notebook, LINEAR, "1.3", "my_linear_forward", capsys)
    before = (folder / FILE).read_text()
    notebook.cell("def my_linear_forward(x, w, b=None):\n    return x @ w, (x, w, b)")
    check("1.3", notebook["my_linear_forward"])
    notebook.cell("def my_linear_forward(x, w, b=None):\n    return None")
    check("1.3", notebook["my_linear_forward"])
    says = capsys.readouterr().out
    assert "is not right yet" in says and "not been attempted" in says and "kept" not in says
    assert (folder / FILE).read_text() == before


@pytest.mark.parametrize("id, answer", [
    ("2.2", find("2.2", Exercise).solution), ("2.3", softmax_backward)])
def test_what_the_package_wrote_is_not_kept(id, answer, capsys, folder):
    check(id, answer)
    says = capsys.readouterr().out
    assert "is right" in says and "kept" not in says
    assert not list(folder.iterdir())


def test_an_exercise_that_builds_nothing_is_not_kept(notebook, capsys, folder):
    says = solve(notebook, '''
        def f(dout, cache):
            return dout, dout.sum(axis=0)
    ''', "1.2", "f", capsys)
    assert "is right" in says and "kept" not in says
    assert not list(folder.iterdir())


@pytest.mark.parametrize("source, reason", [
    ("f = lambda x: softmax_forward(x)", "only a function written with def can be"),
    ('''
     def make():
         g = softmax_forward
         def f(x):
             return g(x)
         return f
     f = make()
     ''', "f was made inside another function"),
    ('''
     import numpy as np
     nothing = np.zeros(3)
     def f(x):
         return softmax_forward(x + nothing.sum())
     ''', "it uses nothing of the notebook, whose value (ndarray) cannot be written down"),
])
def test_what_cannot_be_kept_is_said(notebook, source, reason, capsys, folder):
    notebook.space["softmax_forward"] = lambda x: tuple(map(plain, softmax_forward(x)))
    says = solve(notebook, source, "2.2", "f", capsys)
    assert "2.2 is right" in says
    assert f"It is not kept in my_transformer.py: {reason}" in says
    assert not list(folder.iterdir())


def test_a_file_of_somebody_else_is_left_alone(notebook, capsys, folder):
    (folder / FILE).write_text("x = 1\n")
    says = solve(notebook, LINEAR, "1.3", "my_linear_forward", capsys)
    assert "is another file; rename it" in says
    assert (folder / FILE).read_text() == "x = 1\n"


def test_a_folder_that_cannot_be_written_is_said(notebook, capsys, folder, monkeypatch):
    monkeypatch.setattr("os.replace", lambda *paths: (_ for _ in ()).throw(
        PermissionError(13, "Permission denied")))
    says = solve(notebook, LINEAR, "1.3", "my_linear_forward", capsys)
    assert says.endswith("It could not be kept in my_transformer.py: Permission denied.\n")


@pytest.mark.slow
def test_a_kernel_keeps_an_answer(folder):
    """A function of a real notebook has its source, in whatever way Jupyter stores cells."""
    nbformat = pytest.importorskip("nbformat")
    from nbclient import NotebookClient

    cells = [LINEAR, "from minitransformer.teaching.exercise import check\n"
                     'check("1.3", my_linear_forward)']
    book = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(textwrap.dedent(source)) for source in cells])
    NotebookClient(book, kernel_name="python3",
                   resources={"metadata": {"path": str(folder)}}).execute()
    assert "It is kept in my_transformer.py" in book.cells[1].outputs[0]["text"]
    done = subprocess.run([sys.executable, "-c", "import my_transformer as m; m.MyCache"],
                          cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

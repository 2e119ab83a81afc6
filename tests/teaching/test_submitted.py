"""A submitted notebook is cut where it checks an answer, and nothing of it is lost."""

import pytest

from minitransformer.teaching.submitted import pieces_of

nbformat = pytest.importorskip("nbformat")


def pieces(*sources):
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    return pieces_of(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# x"), *cells]))


def test_a_cell_is_cut_at_its_check_which_is_taken_out():
    only, = pieces('def f(x):\n    return x  # né\n\ncheck("1.2", f)')
    assert only.code == "def f(x):\n    return x  # né\n\n"
    assert only.answers == (("1.2", "f"),) and only.cell == 2 and not only.error


def test_each_check_of_a_cell_stands_after_the_code_before_it():
    first, second, rest = pieces('f = 1; check("1.2", f)\nf = "é"; check("1.3", f); g = 2\nh = 3\n')
    assert (first.code, first.answers) == ("f = 1; ", (("1.2", "f"),))
    assert (second.code, second.answers) == ('\nf = "é"; ', (("1.3", "f"),))
    assert (rest.code, rest.answers) == ("g = 2\nh = 3\n", ())


def test_checks_within_other_statements_stay_and_are_recorded_after_them():
    only, = pieces('for f in (1, 2):\n    check(answer=f, id="1.2")\n    print(f)')
    assert only.code == 'for f in (1, 2):\n    check(answer=f, id="1.2")\n    print(f)'
    assert only.answers == (("1.2", "f"),)


def test_a_check_of_a_module_is_one_too_and_other_checks_are_not():
    a, b = pieces('import e\ne.check("1.2", (1, [2]))\ncheck(5)\ncheck("1.3")')
    assert a.answers == (("1.2", "(1, [2])"),) and b.answers == (("1.3", "None"),)
    assert "check(5)" in b.code


def test_cells_without_checks_are_pieces_of_their_own():
    assert [p.code for p in pieces("a = 1", "", "# only a word", "b = await a")] == [
        "a = 1", "# only a word", "b = await a"]


def test_magics_are_understood():
    line, = pieces('%matplotlib inline\nx = !ls\ncheck("1.2", x)')
    assert "run_line_magic" in line.code and line.answers == (("1.2", "x"),)
    whole, = pieces('%%time\nf = 3\ncheck("1.2", f)')
    assert whole.answers == (("1.2", "f"),) and "run_cell_magic" in whole.code


def test_a_cell_that_is_no_python_names_its_checks_and_its_error():
    only, = pieces('def f(x:\n    return\ncheck("1.2", f)\n# check("1.3", f)')
    assert only.code == "" and only.answers == (("1.2", "f"),)
    assert only.error.startswith("SyntaxError")

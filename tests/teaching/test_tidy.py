"""A tidied notebook is stable; a cell that varies has to claim something about what it shows."""

import copy

import pytest

from minitransformer.teaching.tidy import code_up_to, measured_outputs, tidy, unsupported_claim

nbformat = pytest.importorskip("nbformat")
ENVIRONMENT = {"system": "Linux x86_64"}


def code(source, *tags, outputs=()):
    return nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)}, outputs=list(outputs))


def notebook(*cells):
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Title"), *cells])


def test_ids_come_from_the_content_and_repeat_nowhere():
    first, second = (notebook(code("a = 1"), code("a = 1"), code("b = 2")) for _ in range(2))
    tidy(first, ENVIRONMENT)
    tidy(second, ENVIRONMENT)
    assert first == second
    ids = [cell.id for cell in first.cells]
    assert len(set(ids)) == 4
    nbformat.validate(first)


def test_metadata_is_reset_but_tags_stay():
    nb = notebook(code("a", "varies"))
    nb.metadata.update(widgets={}, kernelspec={"name": "venv"}, language_info={"version": "3.9"})
    nb.cells[1].metadata["execution"] = {"time": "now"}
    tidy(nb, ENVIRONMENT)
    assert nb.metadata == {"kernelspec": {"display_name": "Python 3 (ipykernel)",
                                          "language": "python", "name": "python3"},
                           "language_info": {"name": "python"}, "environment": ENVIRONMENT}
    assert nb.cells[1].metadata == {"tags": ["varies"]}


def test_a_traceback_leaves_no_paths():
    error = nbformat.v4.new_output("error", ename="ValueError", evalue="no",
                                   traceback=["\x1b[31mFile /home/me/x.py\x1b[0m"])
    nb = notebook(code("f()", outputs=[error]))
    tidy(nb, ENVIRONMENT)
    assert nb.cells[1].outputs[0].traceback == ["ValueError: no"]


def test_the_digest_changes_with_code_above_and_not_with_text_or_code_below():
    def digest(nb):
        return next(code for cell, code in code_up_to(nb) if "varies" in cell.metadata.tags)

    nb = notebook(code("a = 1"), code("print(a)", "varies"), code("b = 2"))
    nb.cells[0].metadata["tags"] = []
    before = digest(nb)
    for index, changes in ((0, False), (1, True), (2, True), (3, False)):
        changed = copy.deepcopy(nb)
        changed.cells[index].source += " # changed"
        assert (digest(changed) != before) == changes


def test_measured_outputs_are_found_by_the_digest():
    nb = notebook(code("a"), code("b", outputs=[nbformat.v4.new_output("stream", text="1")]))
    nb.cells[2].metadata["measured"] = "abc"
    assert measured_outputs([nb]) == {"abc": nb.cells[2].outputs}


@pytest.mark.parametrize("source", [
    "print(loss)\nassert loss < 1",
    "print(f'{losses[-1]:.2f}')\nassert losses[-1] < losses[0]",
    "ax.plot(steps, losses)\nassert min(losses) < 2",
    "print('final', float(loss))\nassert np.isfinite(loss)",
])
def test_a_varying_cell_with_a_claim_is_accepted(source):
    assert unsupported_claim(code(source, "varies")) is None


@pytest.mark.parametrize("source, words", [
    ("print(loss)", "has no assert"),
    ("print(loss)\nassert True", "about nothing that it shows"),
    ("print(loss)\nassert other < 1", "about nothing that it shows"),
    ("print(np.mean(loss))\nassert np.all(other)", "about nothing that it shows"),
    ("%timeit f()", "not plain Python"),
])
def test_a_varying_cell_without_a_claim_is_not(source, words):
    assert words in unsupported_claim(code(source, "varies"))


def test_other_cells_need_no_claim():
    assert unsupported_claim(code("print(loss)")) is None
    assert unsupported_claim(nbformat.v4.new_markdown_cell("text")) is None


def test_a_warning_in_the_output_is_a_problem():
    warning = nbformat.v4.new_output("stream", name="stderr", text="RuntimeWarning")
    assert "stderr" in unsupported_claim(code("f()", outputs=[warning]))

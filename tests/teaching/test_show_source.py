"""show_source shows a function with its derivation, its file and its line."""

from minitransformer.functional import (
    sinusoidal_positions, softmax_backward, softmax_forward)
from minitransformer.teaching.source import show_source


def test_the_text_holds_place_comments_and_code():
    lines = repr(show_source(softmax_backward)).splitlines()
    assert lines[0].startswith("# minitransformer/functional/softmax.py, line ")
    assert lines[1].startswith("# Each x_j moves every p_i of its row")
    assert any(line.startswith("def softmax_backward(dout, cache):") for line in lines)
    assert lines[-1].strip() == "return dx"


def test_the_line_is_that_of_the_definition():
    line = int(repr(show_source(softmax_backward)).splitlines()[0].rsplit(" ", 1)[1])
    assert line == softmax_backward.__code__.co_firstlineno


def test_a_pair_is_shown_together_in_markdown():
    text = show_source(softmax_forward, softmax_backward)._repr_markdown_()
    assert text.count("```python") == 2
    assert text.index("def softmax_forward") < text.index("def softmax_backward")


def test_a_function_that_remembers_its_results_is_shown():
    text = repr(show_source(sinusoidal_positions))
    assert text.startswith("# minitransformer/functional/position.py, line ")
    assert "def sinusoidal_positions(max_seq_len, d_model):" in text


def test_a_function_from_elsewhere_shows_no_path(tmp_path):
    path = tmp_path / "elsewhere.py"
    path.write_text("def mine():\n    return 1\n", encoding="utf-8")
    scope = {}
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), scope)
    text = repr(show_source(scope["mine"]))
    assert text == "# defined in this notebook\ndef mine():\n    return 1"

"""All kept functions at once, the lessons' own for the rest: the same training, said whose."""

import inspect
import types

import numpy as np
import pytest
from cells import Notebook
from small_translator import STEPS, apart, package_losses, solutions, trained_losses
from test_swap import snapshot

from minitransformer.models import EncoderDecoder, EncoderDecoderConfig
from minitransformer.teaching.adapt import package_pair
from minitransformer.teaching.exercise import Exercise, check, lesson_items
from minitransformer.teaching.given import GIVEN
from minitransformer.teaching.kept import FILE
from minitransformer.teaching.mine import PAIRS, halves_of, use_all_mine, use_mine


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refuse(*args, **kwargs):
    raise AssertionError("a function of the package was called")


@pytest.fixture
def the_packages_own_refuse():
    """Afterwards the package's own functions of every pair raise, whoever calls them."""
    functions = [function for name in PAIRS for function in package_pair(name)]
    codes = [function.__code__ for function in functions]

    def switch():
        for function in functions:
            function.__code__ = refuse.__code__
    yield switch
    for function, code in zip(functions, codes):
        function.__code__ = code


@pytest.mark.parametrize("placement", ["pre", "post"])
def test_every_pair_replaced_trains_alike_in_float64(placement, the_packages_own_refuse):
    package = trained_losses(np.float64, placement)
    with use_all_mine():
        the_packages_own_refuse()
        mine = trained_losses(np.float64, placement)
    assert package[-1] < package[0]
    assert apart(mine, package) < 1e-12 * STEPS


def test_every_pair_replaced_trains_alike_in_float32():
    """A float32 rounds by 6e-8, and the two differ in the order of their roundings: 1e-7 was
    measured after 12 steps, and after 100. A wrong factor moves the loss in the second digit."""
    package = trained_losses(np.float32)
    with use_all_mine():
        mine = trained_losses(np.float32)
    assert apart(mine, package) < 2e-6
    with use_mine("layer_norm", *solutions("layer_norm")):
        assert apart(trained_losses(np.float32), package) < 2e-6


def test_everything_is_back_after_an_error():
    before = snapshot()
    with pytest.raises(ZeroDivisionError):
        with use_all_mine():
            raise ZeroDivisionError
    assert snapshot() == before


def test_decoding_works_inside():
    model = EncoderDecoder(EncoderDecoderConfig(11, 13, d_model=16, n_heads=4, n_layers=2, d_ff=24,
                                                max_seq_len=12), seed=1)
    src = np.array([[3, 4, 5], [6, 7, 0]])
    plain = model.generate(src, max_new_tokens=8)
    with use_all_mine():
        assert model.generate(src, max_new_tokens=8) == plain


def keep_all(notebook, only=None):
    """Every half that an exercise builds is solved in the notebook, by the published code."""
    for lesson in range(1, 9):
        for item in lesson_items(f"{lesson:02d}").values():
            if isinstance(item, Exercise) and item.builds and (only is None or item.id in only):
                solve(notebook, item)


def solve(notebook, item):
    """The solution as a cell, under the imports of its module and the helpers that it calls."""
    space = inspect.getmodule(item.solution).__dict__
    own = {key for key, value in space.items() if isinstance(value, types.FunctionType)
           and value.__module__ == space["__name__"]}
    notebook.space.update({key: value for key, value in space.items()
                           if key not in own and not key.startswith("__")})
    for name in item.solution.__code__.co_names:
        if name in own:
            notebook.cell(inspect.getsource(space[name]))
    notebook.cell(inspect.getsource(item.solution))
    check(item.id, notebook[item.solution.__name__])


@pytest.mark.slow
def test_all_kept_functions_are_used(capsys, the_packages_own_refuse):
    keep_all(Notebook())
    assert "not kept" not in capsys.readouterr().out
    package = package_losses()
    with use_all_mine():
        the_packages_own_refuse()
        mine = trained_losses(np.float64)
    assert apart(mine, package) < 1e-12 * STEPS
    table = capsys.readouterr().out
    assert table.count("yours (") == 2 * len(PAIRS) - len(GIVEN)
    assert table.count("the lesson's") == len(GIVEN)
    assert "attention             yours (4.3)   yours (4.5)" in table


def test_a_part_that_is_kept_is_used_with_the_rest_of_the_lessons(capsys):
    keep_all(Notebook(), only=("2.2", "6.5"))
    with use_all_mine():
        pass
    table = capsys.readouterr().out
    assert "softmax               yours (2.2)   the lesson's" in table
    assert "layer_norm            the lesson's  yours (6.5)" in table


def test_the_readers_functions_call_each_other(folder):
    keep_all(Notebook(), only=("2.2", "4.3"))
    path = folder / FILE
    text = path.read_text()
    path.write_text(text.replace("    powers =", "    calls.append(1)\n    powers =").replace(
        "import numpy as np\n", "import numpy as np\ncalls = []\n", 1))
    with use_all_mine() as pairs:
        attention, _ = pairs["attention"]
        softmax, _ = pairs["softmax"]
        calls = softmax.__closure__  # the section's namespace is reached through the function
        inner = next(cell.cell_contents for cell in calls
                     if isinstance(cell.cell_contents, types.FunctionType)
                     and cell.cell_contents.__name__ == "my_softmax_forward")
        before = len(inner.__globals__["calls"])
        attention(*np.random.default_rng(0).normal(size=(3, 1, 2, 4, 5)))
        assert len(inner.__globals__["calls"]) == before + 1


def test_a_first_stage_without_the_last_is_left_to_the_lesson(capsys, folder):
    keep_all(Notebook(), only=("4.2",))
    assert "attention_forward is my_causal" in (folder / FILE).read_text()
    with use_all_mine():
        pass
    assert "attention             the lesson's  the lesson's" in capsys.readouterr().out


@pytest.mark.parametrize("old, new, words", [
    ("import numpy as np", "import nothing_of_that_name",
     r"exercise 6\.5 in my_transformer\.py cannot be loaded \(ModuleNotFoundError"),
    ("def my_layer_norm_backward(dout, cache):", "def my_layer_norm_backward(dout cache):",
     r"exercise 6\.5 .* cannot be loaded \(SyntaxError: .*line \d+"),
    ("along_ones = ", "along_ones = 2 * ",
     r"exercise 6\.5 in my_transformer\.py, my_layer_norm_backward, is not right: the gradient"),
])
def test_a_file_that_does_not_load_or_is_wrong_names_the_exercise(old, new, words, folder):
    keep_all(Notebook(), only=("6.5",))
    path = folder / FILE
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    before = snapshot()
    with pytest.raises(ValueError, match=words):
        with use_all_mine():
            pass
    assert snapshot() == before


def test_every_half_is_an_exercise_or_given():
    built = {item.builds for lesson in range(1, 9)
             for item in lesson_items(f"{lesson:02d}").values() if isinstance(item, Exercise)}
    halves = {half for name in PAIRS for half in halves_of(name)}
    assert halves <= built | GIVEN.keys()
    assert not built & GIVEN.keys()

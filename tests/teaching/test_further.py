"""The further exercises: their checkers accept what is right, found in another way, and no faults.

No answer is written down here either: gradients are contracted from whole Jacobians, which are
measured entry by entry, and the procedures' results are read from the objects they work on.
"""

import inspect

import numpy as np
import pytest

from minitransformer.teaching.exercise import Exercise, check, find, hint, lesson_items, solution
from minitransformer.teaching.further import Further, further_items
from minitransformer.teaching.judge import judge
from minitransformer.tree import tree_items, tree_map

ITEMS = further_items()
PAIRS = [id for id, item in ITEMS.items() if item.given]
SEEDS = (0, 5)


def jacobian_answer(item):
    """A backward that is right: dout times the Jacobian of each input, measured as a whole."""
    names = [name[1:] for name in item.results]
    forward = item.given

    def answer(dout, cache):
        kinds = inspect.signature(forward).parameters.values()
        options = {p.name: getattr(cache, p.name) for p in kinds if p.kind is p.KEYWORD_ONLY}

        def gradient(position):
            inputs = [getattr(cache, name) for name in names]

            def of_leaf(path, leaf):
                columns = []
                for at in range(leaf.size):
                    probe = np.zeros(leaf.size, complex)
                    probe[at] = 1e-40j
                    moved = leaf + probe.reshape(leaf.shape)
                    tree = replaced(inputs[position], path, moved)
                    out = forward(*inputs[:position], tree, *inputs[position + 1:], **options)[0]
                    columns.append(out.imag.ravel() / 1e-40)
                flat = np.stack(columns) @ dout.astype(float).ravel()
                return flat.reshape(leaf.shape).astype(leaf.dtype)

            leaves = {path: of_leaf(path, leaf) for path, leaf in tree_items(inputs[position])}
            order = iter(leaves.values())
            return tree_map(lambda _: next(order), inputs[position])

        gradients = tuple(gradient(i) for i in range(len(names)))
        return gradients[0] if len(gradients) == 1 else gradients

    return answer


def replaced(tree, path, leaf):
    if not path:
        return leaf
    key, _, rest = path.partition(".")
    return {**tree, key: replaced(tree[key], rest, leaf)}


def read_slope(f, x, h):
    a = f.polynomial.coef
    return sum(i * a[i] * x ** (i - 1) for i in range(1, len(a)))


def read_product(gradient, x, v):
    return gradient.matrix @ v + 3 * gradient.quartic * x * x * v


def read_batches(machine, batches):
    """Row by row through the machine's own function, weighed by what each row counts."""
    total, loss, dw = 0, 0.0, np.zeros_like(machine.w)
    for ids, targets in batches:
        for row in range(len(ids)):
            count = np.sum(targets[row] != 0)
            if count:
                row_loss, grads = machine.compute(ids[row], targets[row])
                total, loss, dw = total + count, loss + count * row_loss, dw + count * grads["w"]
    return loss / total, {"w": dw / total}


PROCEDURES = {"0.F": read_slope, "9.F": read_product, "10.F": read_batches}


def right_answer(id):
    return PROCEDURES[id] if id in PROCEDURES else jacobian_answer(ITEMS[id])


def test_there_is_one_for_every_lesson_of_the_course():
    assert list(ITEMS) == [f"{lesson}.F" for lesson in range(11)]
    assert all(isinstance(item, Further) and item.minutes > 0 for item in ITEMS.values())
    assert set(PAIRS) | set(PROCEDURES) == set(ITEMS)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("id", ITEMS)
def test_what_is_right_is_accepted(id, seed):
    assert judge(ITEMS[id], right_answer(id), seed=seed) == "is right."


def faulty(id, position, change):
    """The right answer with one of its results passed through change, a tree leaf by leaf."""
    right, count = right_answer(id), len(ITEMS[id].results)

    def answer(*args):
        value = right(*args)
        values = [value] if count == 1 else list(value)
        values[position] = tree_map(change, values[position])
        return values[0] if count == 1 else tuple(values)

    return answer


FAULTS = {
    "has the wrong sign": lambda v: -v,
    "exactly 7 times too large": lambda v: 7 * v,
    "has shape": lambda v: np.asarray(v)[None],
    "holds nan": lambda v: v * np.nan,
    "is complex": lambda v: v + 0j,
}
NUMBERS = {("0.F", 0), ("10.F", 0)}  # of a single number no factor is named, but the right value is
RESULTS = [(id, i) for id, item in ITEMS.items() for i in range(len(item.results))]


@pytest.mark.parametrize("words", FAULTS)
@pytest.mark.parametrize("id, position", RESULTS)
def test_faults_are_refused_in_general_words(id, position, words):
    verdict = judge(ITEMS[id], faulty(id, position, FAULTS[words]))
    if (id, position) in NUMBERS and "times" in words:
        words = "is not right. Yours is"
    assert verdict.startswith("is not right yet. ") and words in verdict


@pytest.mark.parametrize("id, position", [(id, i) for id, i in RESULTS if id in PAIRS])
def test_a_single_wrong_entry_is_found(id, position):
    def one_wrong(value):
        value = np.array(value)
        value.flat[-1] *= 1.01
        return value
    assert judge(ITEMS[id], faulty(id, position, one_wrong)).startswith("is not right yet.")


@pytest.mark.parametrize("id", PAIRS)
def test_a_backward_that_writes_into_its_argument_is_told_so(id):
    def answer(dout, cache):
        gradients = jacobian_answer(ITEMS[id])(dout, cache)
        dout *= 2
        return gradients
    assert "It changes its argument dout" in judge(ITEMS[id], answer)


@pytest.mark.parametrize("id", PAIRS)
def test_a_float64_result_of_float32_inputs_is_refused(id):
    def answer(dout, cache):
        gradients = jacobian_answer(ITEMS[id])(dout, cache)
        return tree_map(lambda g: g.astype(float), gradients) if dout.dtype != float else gradients
    single = id != "8.F"
    assert ("has the type float64" in judge(ITEMS[id], answer)) == single


@pytest.mark.parametrize("id, answer, words", [
    ("0.F", lambda f, x, h: (f(x + h) - f(x - h)) / (2 * h), "The derivative is not right."),
    ("0.F", lambda f, x, h: f(x + 1e-30j).imag / 1e-30, "takes real numbers only"),
    ("0.F", lambda f, x, h: sum(f(x + i * h) for i in range(5)), "four times are allowed"),
    ("9.F", lambda g, x, v: (g(x + 1e-6 * v) - g(x - 1e-6 * v)) / 2e-6, "asked a second time"),
    ("9.F", lambda g, x, v: g(v), "wrong values"),
    ("10.F", lambda m, batches: m(tuple(map(np.concatenate, zip(*batches[1:])))), "MemoryError"),
    ("10.F", lambda m, batches: (np.mean([m(b)[0] for b in batches]),
                                 {"w": np.mean([m(b)[1]["w"] for b in batches], axis=0)}),
     "loss is not right"),
])
def test_what_the_task_forbids_or_means_to_avoid_is_refused(id, answer, words):
    assert words in judge(ITEMS[id], answer)


@pytest.mark.parametrize("id", ITEMS)
def test_they_work_like_any_exercise_but_show_no_solution(id, capsys):
    assert find(id, Exercise) is ITEMS[id]
    check(id, None)
    check(id, lambda *args: None)
    assert capsys.readouterr().out.count("has not been attempted yet") == 2
    check(id, 3)
    assert "Pass the function itself" in capsys.readouterr().out
    hint(id)
    assert solution(id) is None
    assert "no published solution" in capsys.readouterr().out
    assert id not in lesson_items(id.split(".")[0].zfill(2))


def test_an_unknown_one_names_the_known_ones():
    with pytest.raises(ValueError, match=r"no exercise '12\.F'.*0\.F, 1\.F"):
        check("12.F")

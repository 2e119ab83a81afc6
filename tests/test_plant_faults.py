"""The tool that plants faults: which it finds to plant, and that the tests notice them."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from fault_operators import faults_in
from fault_shapes import Seen

TOOL = Path(__file__).with_name("plant_faults.py")
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="forks a process for each fault")
SOURCE = '''
def thing_backward(dout, cache):
    """Not code."""
    x, w = cache
    dx = dout @ w.T - x
    dx *= 1 / len(w)
    return dx, np.sum(dout, axis=-1, keepdims=True)
'''


@pytest.fixture
def planted(tmp_path):
    """{what stands there: what stood there} for SOURCE, where dout and x had one shape."""
    path = tmp_path / "thing.py"
    path.write_text(SOURCE, encoding="utf-8")
    seen = {5: [{"dout": Seen((2, 3), 1), "x": Seen((2, 3), 2), "w": Seen((4, 3), 3)}]}
    faults = faults_in(path, seen)
    for fault in faults:
        assert ast.unparse(fault.module) != ast.unparse(ast.parse(SOURCE))
    assert len({fault.name for fault in faults}) == len(faults)
    return {fault.after: (fault.line, fault.before) for fault in faults}


@pytest.mark.parametrize(("line", "before", "after"), [
    (5, "dx = dout @ w.T - x", "dx = dout @ w.T"),
    (5, "dx = dout @ w.T - x", "dx = -x"),
    (5, "dx = dout @ w.T - x", "dx = dout @ w.T + x"),
    (5, "dx = dout @ w.T - x", "dx = w.T @ dout - x"),
    (5, "dx = dout @ w.T - x", "dx = dout @ w - x"),
    (5, "dx = dout @ w.T - x", "dx = x @ w.T - x"),
    (6, "dx *= 1 / len(w)", "nothing"),
    (6, "dx *= 1 / len(w)", "dx /= 1 / len(w)"),
    (6, "dx *= 1 / len(w)", "dx *= 2 / len(w)"),
    (7, "return (dx, np.sum(dout, axis=-1, keepdims=True))", "return (dx, dout)"),
    (7, "return (dx, np.sum(dout, axis=-1, keepdims=True))",
     "return (dx, np.sum(dout, axis=0, keepdims=True))"),
    (7, "return (dx, np.sum(dout, axis=-1, keepdims=True))",
     "return (dx, np.sum(dout, axis=-1, keepdims=False))"),
    (7, "return (dx, np.sum(dout, axis=-1, keepdims=True))",
     "return (np.sum(dout, axis=-1, keepdims=True), dx)"),
    (7, "return (dx, np.sum(dout, axis=-1, keepdims=True))",
     "return write_after((dx, np.sum(dout, axis=-1, keepdims=True)), dout, 0)"),
    (7, "return (dx, np.sum(dout, axis=-1, keepdims=True))",
     "return (per_example(dx, dout), np.sum(dout, axis=-1, keepdims=True))"),
])
def test_the_faults_of_a_function(planted, line, before, after):
    assert planted[after] == (line, before)


def test_only_arrays_of_the_same_shape_stand_for_each_other(planted):
    assert "dx = w @ w.T - x" not in planted and "dx = dout @ w.T - w" not in planted


@ON_LINUX
@pytest.mark.slow
@pytest.mark.parametrize("arguments", [
    ("--sample", "300"),                     # `python tests/plant_faults.py` plants them all
    ("--equivalent", "functional/residual.py", "layers/tied_embeddings.py")])
def test_planted_faults_are_noticed_unless_they_change_nothing(arguments):
    result = subprocess.run([sys.executable, str(TOOL), *arguments], capture_output=True,
                            text=True, encoding="utf-8")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "functional: " in result.stdout and "layers: " in result.stdout

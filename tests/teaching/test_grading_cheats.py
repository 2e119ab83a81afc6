"""A submitted notebook that tampers with its kernel gains nothing by it."""

import pytest
from submissions import graded, write_notebook

from minitransformer.teaching.grading import RIGHT, WRONG

pytest.importorskip("nbformat")
pytest.importorskip("jupyter_client")

CHEATS = {
    "prints the verdict": """
        print("1.2 is right.")
        def my_add_bias_backward(dout, cache):
            return dout, dout
        check("1.2", my_add_bias_backward)
    """,
    "redefines check": """
        def check(id, answer=None):
            print(id, "is right. It agrees with the complex step to 1e-16.")
        check("1.2", lambda dout, cache: (dout, dout))
    """,
    "replaces the judge": """
        import minitransformer.teaching.exercise as e, minitransformer.teaching.judge as j
        j.judge = e.judge = lambda *args, **kwargs: "is right."
        j.verdict = lambda *args, **kwargs: "is right."
        check("1.2", lambda dout, cache: (dout, dout))
    """,
    "replaces the random numbers": """
        def constant(seed=None, old=np.random.default_rng):
            return old(0)
        np.random.default_rng = constant
        check("1.2", lambda dout, cache: (dout, dout.sum(axis=0)))
    """,
    "writes outcomes of its own": """
        import minitransformer.teaching.transport as t
        t.write_outcomes = lambda *args, seed, path: open(path, "w").write('"is right."')
        check("1.2", lambda dout, cache: (dout, dout))
    """,
    "writes fewer outcomes": """
        import json, minitransformer.teaching.transport as t
        def first_only(id, answer, *, seed, path, old=t.write_outcomes):
            old(id, find(id, Exercise).solution, seed=seed, path=path)
            kept = json.load(open(path))[:1]
            json.dump(kept, open(path, "w"))
        t.write_outcomes = first_only
        check("1.4", lambda dout, cache: None)
    """,
    "knows the answers to the inputs of check": """
        from minitransformer.teaching.judge import outcomes
        exercise = find("1.2", Exercise)
        known = iter(outcomes(exercise, exercise.solution, seed=0))
        check("1.2", lambda dout, cache: next(known).value)
    """,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CHEATS)
def test_cheating_does_not_help(tmp_path, name):
    verdicts = [g.verdict for g in graded(
        write_notebook(tmp_path / "cheat.ipynb", CHEATS[name])).values()]
    assert RIGHT not in verdicts and verdicts.count(WRONG) == 1

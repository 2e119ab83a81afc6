"""run.py: what it refuses, when it installs, and that it hands everything on."""

import ast
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent


def load_run(path):
    spec = importlib.util.spec_from_file_location("run", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def project(tmp_path):
    """A project of three files: run.py, requirements that need no network, and no package."""
    root = tmp_path / "a project"
    root.mkdir()
    shutil.copy(PROJECT / "run.py", root)
    (root / "requirements.txt").write_text("# nothing\n", encoding="utf-8")
    (root / "pyproject.toml").write_text("", encoding="utf-8")
    return root


@pytest.fixture
def steps(project, monkeypatch):
    """(run, calls): the module, its set-up steps recorded instead of run.

    Making an environment creates its Python, as the real step does; run.fail names the step
    that shall fail.
    """
    run = load_run(project / "run.py")
    run.fail = None
    calls = []

    def call(command, cwd=None):
        step = command[2]  # python -m STEP ...
        calls.append((step, cwd))
        if step == run.fail:
            return 3
        if step == "venv":
            python = Path(run.environment_python(command[3], os.name == "nt"))
            python.parent.mkdir(parents=True)
            python.touch()
        return 0

    monkeypatch.setattr(run.subprocess, "call", call)
    return run, calls


def test_an_old_python_is_refused_in_one_sentence():
    run = load_run(PROJECT / "run.py")
    text = run.refusal((3, 8, 18), has_venv=True)
    assert "3.8.18" in text and "3.10" in text and "install" in text and "\n" not in text
    assert run.refusal((3, 10, 0), has_venv=True) is None
    assert run.refusal((3, 14, 1), has_venv=True) is None


def test_a_python_without_venv_is_told_what_to_install():
    text = load_run(PROJECT / "run.py").refusal((3, 12, 1), has_venv=False)
    assert "python3-venv" in text and "\n" not in text


def test_missing_ensurepip_is_noticed(monkeypatch):
    run = load_run(PROJECT / "run.py")
    assert run.can_make_environments()
    monkeypatch.setitem(sys.modules, "ensurepip", None)  # as on Debian without python3-venv
    assert not run.can_make_environments()


def test_it_parses_on_an_old_python():
    ast.parse((PROJECT / "run.py").read_text(encoding="utf-8"), feature_version=(3, 4))


def test_where_the_python_of_an_environment_is():
    run = load_run(PROJECT / "run.py")
    assert run.environment_python("v", windows=True) == os.path.join("v", "Scripts", "python.exe")
    assert run.environment_python("v", windows=False) == os.path.join("v", "bin", "python")


def test_it_installs_once_and_again_when_a_file_changes(steps, project):
    run, calls = steps
    python = run.prepare()
    assert Path(python).exists()
    assert calls == [("venv", None), ("pip", str(project))]  # "-e ." means the project
    run.prepare()
    assert len(calls) == 2
    (project / "pyproject.toml").write_text("# changed", encoding="utf-8")
    run.prepare()
    assert calls[2:] == [("pip", str(project))]


@pytest.mark.parametrize("step", ["venv", "pip"])
def test_an_interrupted_setup_is_made_anew(steps, step):
    run, calls = steps
    run.fail = step
    with pytest.raises(run.SetupError, match="exit code 3"):
        run.prepare()
    run.fail = None
    calls.clear()
    run.prepare()
    assert [name for name, _ in calls] == ["venv", "pip"]


def test_an_environment_made_by_hand_is_kept(steps):
    run, calls = steps
    python = Path(run.environment_python(run.VENV, os.name == "nt"))
    python.parent.mkdir(parents=True)
    python.touch()
    mine = Path(run.VENV) / "mine.txt"
    mine.touch()
    run.prepare()
    assert [name for name, _ in calls] == ["pip"] and mine.exists()


def test_it_does_not_remove_the_python_it_runs_on(steps, monkeypatch):
    run, calls = steps
    os.mkdir(run.VENV)
    run.write_stamp(run.UNFINISHED)
    monkeypatch.setattr(run.sys, "prefix", run.VENV)
    with pytest.raises(run.SetupError, match="deactivate"):
        run.prepare()
    assert calls == []


def test_errors_and_interruption_have_exit_codes_and_no_traceback(steps, monkeypatch, capsys):
    run, _ = steps
    run.fail = "pip"
    assert run.main([]) == 1
    assert "Traceback" not in capsys.readouterr().err

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(run.subprocess, "call", interrupted)
    assert run.main([]) == 130


@pytest.mark.parametrize("code", [0, 7])
def test_the_exit_code_is_handed_through(code):
    run = load_run(PROJECT / "run.py")
    assert run.hand_over([sys.executable, "-c", f"raise SystemExit({code})"]) == code


@pytest.mark.slow
def test_a_real_environment(project, tmp_path):
    """Made once, from another directory; arguments, directory and exit code are the user's."""
    (project / "minitransformer.py").write_text(
        "import os, sys\nprint(sys.argv[1:], os.getcwd(), sys.prefix)\nsys.exit(5)\n",
        encoding="utf-8")
    here = tmp_path / "elsewhere"
    here.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(project)}  # instead of installing the package

    def start():
        return subprocess.run([sys.executable, str(project / "run.py"), "train", "--out", "x y"],
                              cwd=here, env=environment, capture_output=True, text=True)

    first, second = start(), start()
    for done in (first, second):
        assert done.returncode == 5, done.stderr
        assert done.stdout.strip() == f"['train', '--out', 'x y'] {here} {project / '.venv'}"
    assert "Making .venv" in first.stderr
    assert second.stderr == ""

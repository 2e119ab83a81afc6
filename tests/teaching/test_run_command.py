"""The modules of teaching that are commands: --help explains them, and starts nothing."""

import runpy
import sys

import pytest

from minitransformer import PROJECT
from minitransformer.teaching.run_command import run_command

TEACHING = PROJECT / "minitransformer" / "teaching"
MODULES = sorted(".".join(path.relative_to(PROJECT).with_suffix("").parts)
                 for path in TEACHING.rglob("*.py")
                 if "\n    run_command(" in path.read_text(encoding="utf-8"))
pytestmark = pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")


def start(name, *arguments, monkeypatch):
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    with pytest.raises(SystemExit) as stop:
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    return stop.value.code


@pytest.mark.parametrize("name", MODULES)
def test_help_says_what_the_command_is(name, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    assert start(name, "--help", monkeypatch=monkeypatch) == 0
    out = capsys.readouterr().out
    command = f"python -m {name.removesuffix('.__main__')}"
    assert out.startswith(f"usage: {command}") and out.count(command) > 1
    assert start(name, "--fast", monkeypatch=monkeypatch) == 2
    assert f"{command}: error: " in capsys.readouterr().err


def test_there_are_such_commands():
    assert {"ladder", "tasks", "price_runs"} < {name.rpartition(".")[2] for name in MODULES}


@pytest.mark.parametrize("module, argument, words", [
    ("ladder", "two heads", "ladder: there is no rung 'two heads'; there are "),
    ("tasks", "birds", "tasks: there is no task 'birds'; there are vowels, digits"),
    ("language_model_runs", "jax", "language_model_runs: there is no part 'jax'; there are ")])
def test_an_error_is_one_sentence(module, argument, words, monkeypatch, capsys):
    assert start(f"minitransformer.teaching.{module}", argument, monkeypatch=monkeypatch) == 1
    err = capsys.readouterr().err.splitlines()
    assert err[-1].startswith(words) and "Traceback" not in err


def test_what_a_command_is_given_and_what_it_gives_back(monkeypatch, capsys):
    calls = []
    monkeypatch.setattr(sys, "argv", ["x", "one", "--n", "3"])
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", pytest.__spec__)
    with pytest.raises(SystemExit) as stop:  # what run returns is no exit code
        run_command("Doc.", lambda names, n: calls.append((names, n)) or {"a": 1},
                    {"names": {"nargs": "*"}, "--n": {"type": int}})
    assert stop.value.code == 0 and calls == [(["one"], 3)]

"""The command line: usage, exit codes, errors in one sentence, and what each command calls."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest

from minitransformer import __version__, cli

COMMANDS = ["tour", "check", "test", "lessons", "grade", "train", "train translator",
            "train classifier", "train language-model", "translate", "generate",
            "transcribe", "keygen", "sign", "verify", "bench"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples(command, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([*command.split(), "--help"])
    text = capsys.readouterr().out
    assert stop.value.code == 0
    assert re.search(rf"examples:\n  minitransformer {command}", text)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_examples_in_the_help_are_understood(command, capsys):
    with pytest.raises(SystemExit):
        cli.main([*command.split(), "--help"])
    examples = capsys.readouterr().out.partition("examples:\n")[2].splitlines()
    assert examples
    for example in examples:
        words = re.findall(r'"[^"]*"|[^\s"]+', example.partition("<")[0])[1:]
        words = [word.strip('"') for word in words if word != "--help"]
        arguments, _ = cli.make_parser().parse_known_args(words)
        assert arguments.command == command.split()[0]


def test_without_a_command_it_is_the_tour(monkeypatch):
    called = []
    monkeypatch.setattr(cli, "tour", lambda arguments: called.append(arguments.seed) or 0)
    cli.tour.__doc__, cli.tour.__name__ = "The tour.", "tour"
    assert cli.main([]) == 0
    assert called == [0]


def test_the_version(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out.strip() == __version__


@pytest.mark.parametrize("argv", [["fly"], ["check", "--fast"], ["train"], ["train", "poet"],
                                  ["train", "--steps", "3"], ["train", "translator", "--fast"],
                                  ["train", "language-model", "--vocab", "many"],
                                  ["check", "--seed", "one"], ["generate", "--seed", "-1"],
                                  ["train", "translator", "--seed", "-1"],
                                  ["lessons", "--check", "--build"]])
def test_wrong_usage_is_exit_code_2(argv, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(argv)
    assert stop.value.code == 2
    assert "usage:" in capsys.readouterr().err


@pytest.mark.parametrize("argv, words", [
    (["translate", "--model", "nowhere.npz", "one"], "there is no translator at nowhere.npz"),
    (["train", "translator", "--pairs", "nowhere.tsv"], "there is no file 'nowhere.tsv'"),
    (["generate", "--model", "nowhere.npz"], "there is no language model at nowhere.npz"),
    (["train", "language-model", "--text", "nowhere"], "there is no file or folder 'nowhere'"),
    (["train", "language-model", "--config", "nowhere.json"], "there is no configuration"),
    (["train", "language-model", "--resume", "--out", "nowhere"], "there is no run in nowhere"),
    (["check", "softmin"], "there is no pair named 'softmin'"),
    (["verify", "nowhere.npz", "--key", "nowhere.pub"], "there is no file nowhere.npz"),
])
def test_an_error_is_one_sentence_and_exit_code_1(argv, words, capsys):
    assert cli.main(argv) == 1
    err = capsys.readouterr().err
    assert words in err and err.startswith(f"{argv[0]}: ") and err.count("\n") == 1


@pytest.mark.parametrize("argv", [
    "translate --debug --model nowhere.npz one", "train --debug translator --pairs nowhere.tsv",
    "train translator --pairs nowhere.tsv --debug"])
def test_debug_shows_the_traceback(argv):
    with pytest.raises(FileNotFoundError):
        cli.main(argv.split())


def test_check_prints_a_row_and_its_verdict(capsys, monkeypatch):
    assert cli.main(["check", "softmax", "relu"]) == 0
    out = capsys.readouterr().out
    assert "softmax" in out and "relu" in out and "layer_norm" not in out
    assert "All 2 rows pass" in out

    from minitransformer.checks import run
    monkeypatch.setitem(run.COMPLEX_BARS, "pair", 0.0)
    assert cli.main(["check", "softmax"]) == 1
    assert "Exceeded by: softmax" in capsys.readouterr().out


def test_test_hands_arguments_to_pytest(monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(pytest, "main", lambda argv: calls.append(argv) or 0)
    monkeypatch.chdir(tmp_path)
    tests = str(cli.PROJECT / "tests")
    assert cli.main(["test", "-k", "layer_norm", "-x"]) == 0
    assert calls[-1][-4:] == ["-k", "layer_norm", "-x", tests]
    assert cli.main(["test", "--quick"]) == 0
    assert calls[-1][-3:] == ["-m", "not slow", tests]
    (tmp_path / "test_mine.py").touch()
    cli.main(["test", "test_mine.py::test_one"])
    assert calls[-1][-1] == "test_mine.py::test_one"  # a path of one's own replaces the folder


def test_all_tests_are_followed_by_the_lessons(monkeypatch):
    checked = []
    monkeypatch.setattr(cli.notebooks, "run", lambda options: checked.append(options.check) or 1)
    monkeypatch.setattr(pytest, "main", lambda argv: 0)
    assert cli.main(["test"]) == 1 and checked == [[]]  # [] is all lessons; 1 is their exit code
    monkeypatch.setattr(pytest, "main", lambda argv: 5)
    assert cli.main(["test"]) == 5 and len(checked) == 1


def test_bench_runs_those_named_and_hands_the_rest_on(monkeypatch, capsys):
    calls = []
    monkeypatch.setattr(cli.subprocess, "call",
                        lambda command: calls.append((command[1], command[2:])) or len(calls))
    assert cli.main(["bench", "optimizer", "attention", "--sizes", "S", "--json"]) == 2
    assert [(os.path.basename(path), rest) for path, rest in calls] == [
        ("bench_optimizer.py", ["--sizes", "S", "--json"]),
        ("bench_attention.py", ["--sizes", "S", "--json"])]
    scripts = [path.stem.removeprefix("bench_")
               for path in cli.PROJECT.glob("tests/benchmarks/bench_*.py")]
    assert cli.main(["bench", "--rounds", "3"]) == len(calls) == 2 + len(scripts)
    assert cli.main(["bench", "fast"]) == 1 and "no benchmark 'fast'" in capsys.readouterr().err
    assert all(name in cli.bench.__doc__ for name in scripts)


def test_without_a_clone_it_says_what_is_missing(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(cli, "PROJECT", tmp_path)
    assert cli.main(["bench"]) == 1
    assert "needs a clone" in capsys.readouterr().err


@pytest.fixture
def pairs_file(tmp_path):
    """Twelve pairs: "a a b" is "xxy"."""
    lines = "".join(f"{'a ' * n}b\t{'x' * n}y\n" for n in range(1, 13))
    (tmp_path / "pairs.tsv").write_text(lines, encoding="utf-8")
    return tmp_path / "pairs.tsv"


def test_training_and_translating(tmp_path, pairs_file, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    command = ["train", "translator", "--pairs", "pairs.tsv", "--steps"]
    assert cli.main([*command, "3"]) == 0
    out = capsys.readouterr().out
    assert "10 pairs to learn from, 1 to validate on, 1 to test on" in out
    assert "of 1 unseen texts" in out
    assert {path.name for path in (tmp_path / "runs" / "translator").iterdir()} == {
        "checkpoint.npz", "log.csv", "loss.png", "translator.npz"}

    assert cli.main([*command, "3"]) == 1  # a run is never overwritten
    assert "already holds a run" in capsys.readouterr().err
    assert cli.main([*command, "5", "--resume"]) == 0
    capsys.readouterr()

    assert cli.main(["translate", "a a b", "b"]) == 0
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 2
    monkeypatch.setattr(sys, "stdin", ["a a b\n", "b\n"])
    assert cli.main(["translate"]) == 0
    assert capsys.readouterr().out == out
    assert cli.main(["translate", "--beam", "3", "b"]) == 0
    assert cli.main(["translate", "c"]) == 1
    assert "the word 'c'" in capsys.readouterr().err


def test_training_a_language_model_and_writing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    lines = "\n".join(f"line {i} of the text, which is {i % 7} words long." for i in range(200))
    (tmp_path / "text.txt").write_text(lines, encoding="utf-8")
    (tmp_path / "tiny.json").write_text('{"model": {"d_model": 8, "n_heads": 2, "n_layers": 1, '
                                        '"d_ff": 8, "max_seq_len": 16}}', encoding="utf-8")
    command = ["train", "language-model", "--text", "text.txt"]
    assert cli.main([*command, "--config", "tiny.json", "--vocab", "characters",
                     "--steps", "3"]) == 0
    assert "gzip -9, alone" in capsys.readouterr().out
    assert cli.main([*command, "--resume", "--steps", "4"]) == 0
    capsys.readouterr()

    assert cli.main(["generate", "line ", "--max-new-tokens", "30", "--seed", "2"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("line ") and len(text) == 5 + 30 + 1
    assert cli.main(["generate", "line ", "--max-new-tokens", "30", "--seed", "2", "--n", "2"]) == 0
    first, second, rest = capsys.readouterr().out.split("\n----\n")
    assert first + "\n" == text and second.startswith("line ") and not rest
    assert cli.main(["generate", "line ", "--max-new-tokens", "30", "--seed", "2",
                     "--stop", text[9:11].replace("\n", "\\n")]) == 0
    assert capsys.readouterr().out == text[:5] + text[5:text.index(text[9:11], 5)] + "\n"
    assert cli.main(["generate", "Zeile "]) == 1
    out, err = capsys.readouterr()
    assert not out and "the character 'Z' at position 0" in err and err.count("\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
def test_ctrl_c_keeps_the_last_step(tmp_path, pairs_file):
    command = [sys.executable, "-m", "minitransformer", "train", "translator", "--out", "run",
               "--pairs", str(pairs_file)]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True,
                               stdout=subprocess.DEVNULL)
    log = tmp_path / "run" / "log.csv"
    while not (log.exists() and len(log.read_text(encoding="utf-8").splitlines()) > 3):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    err = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert "Traceback" not in err
    done = len(log.read_text(encoding="utf-8").splitlines()) - 1
    command += ["--resume", "--steps", str(done + 1)]
    assert subprocess.run(command, cwd=tmp_path, stdout=subprocess.DEVNULL).returncode == 0
    assert len(log.read_text(encoding="utf-8").splitlines()) - 1 == done + 1

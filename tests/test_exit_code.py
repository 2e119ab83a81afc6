"""Errors become one sentence and an exit code; a pipe that is closed becomes nothing at all."""

import subprocess
import sys

import pytest

from minitransformer.exit_code import exit_code


def fail(error):
    raise error


def test_what_was_returned_is_the_code():
    assert exit_code("x", lambda: None) == 0 and exit_code("x", lambda: 3) == 3


@pytest.mark.parametrize("error, words", [
    (ValueError("rate is 2, expected less"), "rate is 2, expected less"),
    (FileNotFoundError("there is no run in a"), "there is no run in a"),
    (FileNotFoundError(2, "No such file or directory", "a b/c"),
     "a b/c: No such file or directory"),
    (OSError(28, "No space left on device"), "[Errno 28] No space left on device"),
    (MemoryError(), "there is not enough memory."),
    (MemoryError("Unable to allocate 9 TiB"),
     "there is not enough memory. Unable to allocate 9 TiB")])
def test_an_error_is_a_sentence_and_code_1(error, words, capsys):
    assert exit_code("train", lambda: fail(error)) == 1
    assert capsys.readouterr() == ("", f"train: {words}\n")
    with pytest.raises(type(error)):
        exit_code("train", lambda: fail(error), debug=True)


def test_a_package_is_installed_where_it_will_be_looked_for(monkeypatch, capsys):
    monkeypatch.setattr(sys, "executable", "/my work/.venv/bin/python")
    exit_code("x", lambda: fail(ImportError("it is missing: python -m pip install gguf")))
    assert capsys.readouterr().err == (
        "x: it is missing: '/my work/.venv/bin/python' -m pip install gguf\n")


def test_what_nobody_expects_keeps_its_traceback():
    with pytest.raises(AssertionError):
        exit_code("train", lambda: fail(AssertionError("a mistake in the program")))


def test_ctrl_c_is_code_130(capsys):
    assert exit_code("train", lambda: fail(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err == "\nStopped.\n"


@pytest.mark.parametrize("lines", [1, 100_000])
def test_a_closed_pipe_ends_it_without_a_word(lines):
    program = ("import sys; from minitransformer.exit_code import exit_code; sys.stdin.read(1);"
               f"sys.exit(exit_code('x', lambda: [print('a line') for i in range({lines})] and 0))")
    process = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    process.stdin.close()  # only now does it begin to write
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 1 and err == b""

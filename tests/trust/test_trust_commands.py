"""keygen, sign and verify on the command line, and models that must be signed."""

import builtins
import shutil

import pytest

from minitransformer import cli
from minitransformer.data.tokenizers import CharacterTokenizer
from minitransformer.language_model import LanguageModel
from minitransformer.trust_commands import __file__ as COMMANDS

SIZES = {"d_model": 8, "n_heads": 2, "n_layers": 1, "d_ff": 8, "max_seq_len": 8}


def test_without_the_package_a_sentence_says_how_to_install_it(monkeypatch, tmp_path, capsys):
    real = builtins.__import__

    def without(name, *rest, **others):
        if name.startswith("cryptography"):
            raise ModuleNotFoundError(f"No module named {name!r}")
        return real(name, *rest, **others)

    monkeypatch.setattr(builtins, "__import__", without)
    (tmp_path / "a.npz").write_bytes(b"a")
    key = str(tmp_path / "key")
    for argv in (["keygen", key], ["sign", str(tmp_path / "a.npz"), "--key", key],
                 ["verify", "--code", "--key", key]):
        assert cli.main(argv) == 1
        assert "python -m pip install cryptography" in capsys.readouterr().err
    assert not (tmp_path / "key").exists()


@pytest.mark.parametrize("argv", [["sign", "a.npz"], ["sign", "--key", "k"], ["verify"],
                                  ["verify", "a.npz", "--code", "--key", "k"], ["keygen"]])
def test_wrong_usage(argv, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(argv)
    assert stop.value.code == 2


@pytest.fixture
def here(tmp_path, monkeypatch, capsys):
    """A folder with the keys me and me.pub, which is the current one."""
    pytest.importorskip("cryptography", reason="signatures need the package cryptography")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["keygen", "me"]) == 0
    out = capsys.readouterr().out
    assert "me.pub" in out and len(out.split()[-1]) == 64
    return tmp_path


def test_a_file_there_and_back(here, capsys):
    (here / "my file.bin").write_bytes(b"content")
    assert cli.main(["verify", "my file.bin", "--key", "me.pub"]) == 1
    assert "is not signed" in capsys.readouterr().err
    assert cli.main(["sign", "my file.bin", "--key", "me"]) == 0
    assert "my file.bin.sig" in capsys.readouterr().out
    assert cli.main(["verify", "my file.bin", "--key", "me.pub"]) == 0
    assert "as it was signed" in capsys.readouterr().out
    (here / "my file.bin").write_bytes(b"Content")
    assert cli.main(["verify", "my file.bin", "--key", "me.pub"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("verify: my file.bin is not what was signed") and err.count("\n") == 1


def test_a_key_is_not_overwritten(here, capsys):
    before = (here / "me").read_bytes()
    assert cli.main(["keygen", "me"]) == 1
    assert "never overwritten" in capsys.readouterr().err and (here / "me").read_bytes() == before


def test_code_there_and_back(here, capsys, monkeypatch):
    from minitransformer.trust.signing import PACKAGE

    assert PACKAGE.joinpath("trust_commands.py").samefile(COMMANDS)
    shutil.copytree(PACKAGE, here / "minitransformer",
                    ignore=shutil.ignore_patterns("__pycache__", "teaching"))
    code = ["--code", "minitransformer", "--key"]
    assert cli.main(["sign", *code, "me"]) == 0
    assert (here / "minitransformer.sig").is_file()
    assert cli.main(["verify", *code, "me.pub"]) == 0
    assert "Not covered" not in capsys.readouterr().out
    (here / "minitransformer" / "__pycache__").mkdir()
    (here / "minitransformer" / "__pycache__" / "tree.pyc").write_bytes(b"")
    assert cli.main(["verify", *code, "me.pub"]) == 0
    assert "Not covered: 1 files" in capsys.readouterr().out
    (here / "minitransformer" / "tree.py").write_text("import os\n", encoding="utf-8")
    assert cli.main(["verify", *code, "me.pub"]) == 1
    assert "changed: tree.py." in capsys.readouterr().err


def test_a_model_that_must_be_signed(here, capsys):
    model = LanguageModel.untrained(CharacterTokenizer("ab "), **SIZES)
    model.save(here / "run" / "language_model.npz")
    for path in ("run", "run/language_model.npz"):
        command = ["generate", "a", "--max-new-tokens", "2", "--model", path,
                   "--require-signature", "me.pub"]
        assert cli.main(command) == 1
        out, err = capsys.readouterr()
        assert "is not signed" in err and not out
        assert cli.main(["sign", "run/language_model.npz", "--key", "me"]) == 0
        assert cli.main(command) == 0
        (here / "run" / "language_model.npz.sig").unlink()
        capsys.readouterr()
    assert cli.main(["translate", "a", "--model", "run/language_model.npz",
                     "--require-signature", "me.pub"]) == 1
    assert "is not signed" in capsys.readouterr().err

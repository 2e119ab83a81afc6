"""Conversations: earlier turns are kept and not read again; the command's questions and errors."""

import io
from types import SimpleNamespace

import numpy as np
import pytest

from minitransformer.cli import main
from minitransformer.models import DecoderOnly, DecoderOnlyConfig
from minitransformer.pretrained import talk
from minitransformer.pretrained.byte_level import ByteLevelTokenizer, byte_letters
from minitransformer.pretrained.chat import ChatWriter
from minitransformer.pretrained.writer import Reading

SPECIAL = {"<|im_start|>": 0, "<|im_end|>": 1}


@pytest.fixture(scope="module")
def writer():
    """A ChatWriter that knows bytes and has random weights."""
    tokens = {letter: i for i, letter in enumerate(byte_letters(), start=2)}
    config = DecoderOnlyConfig(258, d_model=16, n_heads=2, n_layers=2, d_ff=32, max_seq_len=400,
                               positions="rotary", norm="rms", dropout=0.0, pad_id=-1)
    return ChatWriter(DecoderOnly(config, seed=3),
                      ByteLevelTokenizer(tokens, [], special=SPECIAL))


@pytest.fixture
def command(monkeypatch, writer):
    """The command with the small model; what is typed or piped comes from the argument."""
    def run(arguments, stdin="", live=False):
        monkeypatch.setattr(talk, "load_pretrained", lambda name: writer)
        typed = io.StringIO(stdin)
        typed.isatty = lambda: live
        monkeypatch.setattr("sys.stdin", typed)
        return main(["chat", "--max-new-tokens", "12", "--temperature", "0", *arguments])

    return run


def expected(writer, *talks, seed=0):
    """The answers to lists of questions, each conversation from the start."""
    answers = []
    for questions in talks:
        messages = [{"role": "system", "content": "Be."}]
        for question in questions:
            messages.append({"role": "user", "content": question})
            said = writer.chat(messages, max_new_tokens=12)
            messages.append({"role": "assistant", "content": said})
            answers.append(said)
    return answers


def test_a_reading_gives_what_reading_anew_gives(writer):
    reading, rng = Reading(writer.model), np.random.default_rng(0)
    ids = [int(i) for i in rng.integers(0, 258, 12)]
    for length in (3, 4, 9, 9, 12, 5):  # on, by several, the same again, and back
        fresh = writer.logits([ids[:length]])[0, -1]
        np.testing.assert_allclose(reading.logits_after(ids[:length]), fresh, atol=1e-5)


def test_a_reading_reads_the_new_tokens_alone(writer):
    lengths = []

    def decoding_step():
        step = writer.model.decoding_step()
        return lambda ids, rows: (lengths.append(ids.shape[1]), step(ids, rows))[1]

    model = SimpleNamespace(config=writer.model.config, decoding_step=decoding_step)
    reading = Reading(model)
    for ids in ([1, 2, 3], [1, 2, 3, 4], [1, 2, 3, 4, 5, 6], [1, 9, 3]):
        reading.logits_after(ids)
    assert lengths == [3, 1, 2, 3]


def test_an_interrupted_step_is_not_gone_on_from(writer):
    def failing(ids, rows):
        raise KeyboardInterrupt

    reading = Reading(writer.model)
    reading.logits_after([1, 2])
    reading.step = failing
    with pytest.raises(KeyboardInterrupt):
        reading.logits_after([1, 2, 3])
    fresh = writer.logits([[1, 2, 3]])[0, -1]
    np.testing.assert_allclose(reading.logits_after([1, 2, 3]), fresh, atol=1e-5)


def test_a_conversation_keeps_what_was_said(writer):
    conversation = writer.conversation("Be.")
    first = "".join(conversation.ask("a", max_new_tokens=12))
    second = "".join(conversation.ask("b", max_new_tokens=12))
    assert [first, second] == expected(writer, ["a", "b"])
    assert [message["role"] for message in conversation.messages] == [
        "system", "user", "assistant", "user", "assistant"]


def test_an_answer_that_was_stopped_is_kept_as_far_as_it_went(writer):
    conversation = writer.conversation("Be.")
    pieces = conversation.ask("a", max_new_tokens=12)
    said = next(pieces) + next(pieces)
    pieces.close()
    assert conversation.messages[-1] == {"role": "assistant", "content": said}


def test_a_question_is_answered(command, capsys, writer):
    assert command(["--system", "Be.", "a"]) == 0
    assert capsys.readouterr().out == expected(writer, ["a"])[0] + "\n"


def test_a_pipe_is_a_conversation_without_prompts(command, capsys, writer):
    assert command(["--system", "Be."], "a\n\n b \n/reset\na\n/quit\nnever\n") == 0
    answers = expected(writer, ["a", "b"], ["a"])
    assert capsys.readouterr().out == "".join(said + "\n" for said in answers)


def test_in_a_terminal_errors_and_ctrl_c_end_an_answer_alone(command, capsys, monkeypatch, writer):
    typed = iter(["x" * 500, "a"])

    def read(prompt):
        print(prompt, end="")
        try:
            return next(typed)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("builtins.input", read)
    assert command(["--system", "Be."], live=True) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(talk.HELP) and "/reset begins a new conversation" in shown
    assert shown.endswith("> " + expected(writer, ["a"])[0] + "\n> \n")

    def stopped(*arguments, **choice):
        yield "so far"
        raise KeyboardInterrupt

    typed = iter(["a", "/quit"])
    monkeypatch.setattr("minitransformer.pretrained.chat.Conversation.ask", stopped)
    assert command([], live=True) == 0
    assert "> so far ...\n> " in capsys.readouterr().out


def test_a_pipe_ends_with_an_error(command, capsys):
    assert command([], "x" * 500) == 1
    assert "start a new one, or ask for fewer" in capsys.readouterr().err


def test_a_missing_package_is_named_with_its_command(capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["chat", "a"]) == 1
    assert "run.py pretrained smollm2" in capsys.readouterr().err

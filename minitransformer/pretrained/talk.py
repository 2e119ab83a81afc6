"""The command `chat`: questions from a person or a pipe, answers as they come to be."""

import sys

from minitransformer.pretrained import load_pretrained
from minitransformer.pretrained.chat import SYSTEM

HELP = ("Ask something. /reset begins a new conversation, /quit or Ctrl-D ends it; Ctrl-C stops an "
        "answer.")


def run(arguments):
    """Answer arguments.question, or every line of stdin, as the other arguments have it: 0."""
    writer = load_pretrained("smollm2")
    choice = {name: getattr(arguments, name) for name in ("max_new_tokens", "temperature", "top_p")}
    if arguments.question is not None:
        answer(writer.conversation(arguments.system or SYSTEM), arguments.question,
               seed=arguments.seed, **choice)
        return 0
    live = sys.stdin.isatty()
    if live:
        print(HELP)
    talk(writer, lines(live), live=live, system=arguments.system or SYSTEM, seed=arguments.seed,
         **choice)
    return 0


def talk(writer, questions, *, live, system, seed, **choice):
    """Answer one question after another, until /quit; an empty one is passed over.

    live: somebody is there who can ask again, so a question that cannot be answered ends nothing,
    and Ctrl-C ends an answer alone.
    """
    conversation = writer.conversation(system)
    for turn, question in enumerate(questions):
        if question == "/quit":
            return
        if question == "/reset":
            conversation = writer.conversation(system)
        elif question:
            try:
                answer(conversation, question, seed=(seed, turn), **choice)
            except KeyboardInterrupt:
                if not live:
                    raise
                print(" ...")
            except ValueError as error:
                if not live:
                    raise
                print(f"{error}. /reset begins a new conversation.")


def answer(conversation, question, **choice):
    """Write the answer to a question, piece by piece, and end the line."""
    for piece in conversation.ask(question, **choice):
        print(piece, end="", flush=True)
    print(flush=True)


def lines(live):
    """Yield the lines that are typed, or those of a pipe, without the blanks around them."""
    if not live:
        yield from map(str.strip, sys.stdin)
        return
    while True:
        try:
            yield input("> ").strip()
        except (EOFError, KeyboardInterrupt):
            print()
            return

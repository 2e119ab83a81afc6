"""The command line: `minitransformer COMMAND`, or `python -m minitransformer COMMAND`.

A command here reads its arguments, calls the module that does the work, and turns what came of it
into an exit code. That module is imported inside the command, so that asking for help stays quick.
"""

import argparse
import functools
import subprocess
import sys
from pathlib import Path

from minitransformer import (
    PROJECT, __version__, pretrained_commands, train_commands, trust_commands)
from minitransformer.arguments import a_path, seed
from minitransformer.exit_code import exit_code
from minitransformer.teaching import notebooks

TRANSLATOR = train_commands.RUNS / "translator"  # where train leaves it and translate looks
LANGUAGE_MODEL = train_commands.RUNS / "language-model"


def main(argv=None):
    """Run one command, the tour when argv is empty; argv defaults to the process's arguments.

    Returns the exit code, as exit_code does; wrong usage ends in SystemExit(2).
    """
    argv = list(sys.argv[1:] if argv is None else argv) or ["tour"]
    parser = make_parser()
    arguments, rest = parser.parse_known_args(argv)
    if rest and "rest" not in arguments:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    arguments.rest = rest
    return exit_code(arguments.command, lambda: arguments.run(arguments), debug=arguments.debug)


def make_parser():
    """The parser of all commands. What it returns has .run, the function of the command."""
    parser = argparse.ArgumentParser(
        prog="minitransformer", allow_abbrev=False,
        description="A Transformer in NumPy whose every gradient is derived by hand and proved to "
                    "machine precision. Without a command: the tour.",
        epilog="minitransformer COMMAND --help tells more, with examples.")
    parser.add_argument("--version", action="version", version=__version__)
    parser.set_defaults(debug=False)  # here alone, so that --debug may stand before a task or after
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    add = functools.partial(add_command, commands)
    add_seed(add(tour, "tour"))

    sub = add(check, "check", "check softmax attention", "check --seed 7")
    sub.add_argument("names", nargs="*", help="only these pairs, layers or models")
    add_seed(sub)

    sub = add(test, "test", "test --quick", "test -k layer_norm -x", rest=[])
    sub.add_argument("--quick", action="store_true", help="leave out the slow tests")

    notebooks.add_arguments(add(
        lessons, "lessons", "lessons --no-browser --port 8899", "lessons --copy my-lessons",
        "lessons --html", "lessons --check 04", "lessons --build 04", rest=[]))

    sub = add(grade, "grade hand-ins/*.ipynb", "grade hand-ins/*.ipynb --seed 11 --out marks.csv")
    sub.add_argument("notebooks", nargs="+", type=a_path, metavar="NOTEBOOK")
    sub.add_argument("--seed", type=seed,
                     help="of the random inputs (default: drawn, and printed)")
    sub.add_argument("--out", type=a_path, default="grades.csv", metavar="FILE",
                     help="the table, replaced if it is there (default grades.csv)")
    sub.add_argument("--seconds", type=float, default=120, metavar="N",
                     help="the limit for a cell, and for an answer (default 120)")

    train_commands.add_tasks(add(train, "train translator", "train translator --help"), add_command)

    sub = add(translate, 'translate "forty-seven"', "translate < numbers.txt",
              'translate --beam 4 --model runs/short "one thousand and one"')
    sub.add_argument("text", nargs="*", help="what to translate (default: the lines of stdin)")
    sub.add_argument("--model", type=a_path, default=TRANSLATOR, metavar="PATH",
                     help=f"a model, or the folder that train made (default {TRANSLATOR})")
    sub.add_argument("--beam", type=int, default=1, metavar="N",
                     help="how many beginnings the search keeps (default 1, greedy)")
    trust_commands.add_requirement(sub)

    sub = add(generate, 'generate "The with statement"', "generate --temperature 0.5 --seed 3",
              'generate "def " --n 5 --max-new-tokens 40 --top-p 0.9 --stop "\\n\\n"')
    sub.add_argument("prompt", nargs="?", default="", help="what to go on from (default: nothing)")
    sub.add_argument("--model", type=a_path, default=LANGUAGE_MODEL, metavar="PATH",
                     help=f"a model, or the folder that train made (default {LANGUAGE_MODEL})")
    sub.add_argument("--max-new-tokens", type=int, default=200, metavar="N",
                     help="the length of the text in tokens (default 200)")
    sub.add_argument("--temperature", type=float, default=0.8, metavar="X",
                     help="low is likelier, high stranger, 0 always the likeliest (default 0.8)")
    sub.add_argument("--top-k", type=int, metavar="K", help="draw from the K likeliest tokens only")
    sub.add_argument("--top-p", type=float, metavar="P",
                     help="draw from the fewest tokens that together have the probability P")
    sub.add_argument("--repetition-penalty", type=float, default=1.0, metavar="X",
                     help="above 1: what was there becomes less likely (default 1)")
    sub.add_argument("--stop", action="append", default=[], metavar="TEXT",
                     help=r"end before this text (\n is a new line); may be given several times")
    sub.add_argument("--n", type=int, default=1, metavar="N", help="write N texts (default 1)")
    trust_commands.add_requirement(sub)
    add_seed(sub)

    pretrained_commands.add_commands(add)
    trust_commands.add_commands(add)
    add(bench, "bench", "bench training_step --sizes S --threads 1 --rounds 3", rest=[])
    return parser


def add_command(commands, run, *examples, **defaults):
    """The parser of a command named like its function, whose docstring is the help.

    commands is what add_subparsers gave. The name, with - for _, is the parser's default "name".
    """
    summary, _, details = run.__doc__.partition("\n")
    name = run.__name__.replace("_", "-")
    parser = commands.add_parser(
        name, help=summary, allow_abbrev=False,
        description="\n".join([summary, *map(str.strip, details.splitlines())]),
        epilog="\n  ".join(["examples:", *(f"minitransformer {e}" for e in examples)]),
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--debug", action="store_true", default=argparse.SUPPRESS,
                        help="show the traceback of an error")
    parser.set_defaults(name=name, run=run, **defaults)
    return parser


def add_seed(parser):
    """Give a command --seed."""
    parser.add_argument("--seed", type=seed, default=0,
                        help="of all random draws (default 0)")


def tour(arguments):
    """Prove every gradient, train a translator, show what it learned: three minutes."""
    in_project("lessons")
    from minitransformer.tour import run_tour

    return run_tour(seed=arguments.seed)


def check(arguments):
    """Prove every gradient: a row for each pair, layer and model.

    A row holds the largest relative error of the backward, against the complex step and against
    central differences. The exit code is 1 if one exceeds its bar.
    """
    from minitransformer.checks import print_checks

    return 0 if print_checks(seed=arguments.seed, only=arguments.names) else 1


def test(arguments):
    """Pass the tests, then execute the lessons and compare them with their files.

    Arguments that are not named here are pytest's. With any, the lessons are left out.
    """
    import pytest

    given = [*(["-m", "not slow"] if arguments.quick else []), *arguments.rest]
    chosen = any(Path(word.split("::")[0]).exists() for word in arguments.rest)
    code = int(pytest.main(["-c", str(in_project("pyproject.toml")), "--rootdir", str(PROJECT),
                            *given, *([] if chosen else [str(in_project("tests"))])]))
    return code if code or given else main(["lessons", "--check"])


def lessons(arguments):
    """Open the lessons in JupyterLab; or check, build or copy them, or write them as pages.

    The pages need no network: open site/index.html. What is not named here is JupyterLab's.
    """
    in_project("lessons")
    return notebooks.run(arguments)


def grade(arguments):
    """Grade submitted lessons, in a container: it RUNS THE CODE that they hold.

    Each notebook is executed, with your rights on this machine, whatever it does. So use a
    container or a throw-away account, without your files and without a network.
    The answer at each check(...) is tried on random inputs of the seed and compared outside of the
    notebook; what the notebook prints counts for nothing. The table has a row for each exercise:
    right, not right or not attempted, and what the checker says. The exit code is 1 if a notebook
    could not be graded.
    """
    from minitransformer.teaching import grading

    return grading.run(arguments)


def train(arguments):
    """Train a model, on data that is at hand or on your own.

    train TASK --help tells what a task is and what it can be told.
    """
    raise AssertionError("argparse asks for a task, and the task's own function runs")


def translate(arguments):
    """Translate with a trained model, a line for each text."""
    from minitransformer.translator import FILE, Translator

    trust_commands.expect_signed(arguments, FILE)
    translator = Translator.load(arguments.model)
    for text in arguments.text or (line.strip() for line in sys.stdin):
        print(translator.translate([text], beam_size=arguments.beam)[0], flush=True)
    return 0


def generate(arguments):
    """Write text with a trained language model. The same seed gives the same text."""
    from minitransformer.language_model.writer import FILE, LanguageModel

    trust_commands.expect_signed(arguments, FILE)
    model = LanguageModel.load(arguments.model)
    names = "max_new_tokens temperature top_k top_p repetition_penalty seed".split()
    choice = {name: getattr(arguments, name) for name in names}
    choice["stop"] = [end.replace("\\n", "\n") for end in arguments.stop]
    if arguments.n != 1:
        for text in model.generate(arguments.prompt, n=arguments.n, **choice):
            print(arguments.prompt + text, end="\n----\n")
        return 0
    pieces = model.stream(arguments.prompt, **choice)
    first = next(pieces, "")  # before anything is written, so that an error stands alone
    print(arguments.prompt + first, end="", flush=True)
    for piece in pieces:
        print(piece, end="", flush=True)
    print()
    return 0


def bench(arguments):
    """Run the benchmarks of tests/benchmarks, or those named; beside PyTorch if it is installed.

    There are attention, generation, optimizer, others, parallel, pretrained and training_step.
    What follows is handed on, such as --threads 1 2, --rounds 5, --json, and for one --sizes S.
    """
    scripts = {path.stem.removeprefix("bench_"): path
               for path in sorted(in_project("tests/benchmarks").glob("bench_*.py"))}
    rest = arguments.rest
    end = next((i for i, word in enumerate(rest) if word.startswith("-")), len(rest))
    if unknown := set(rest[:end]) - scripts.keys():
        raise ValueError(f"there is no benchmark {min(unknown)!r}; there are {', '.join(scripts)}")
    return max(subprocess.call([sys.executable, str(scripts[name]), *rest[end:]])
               for name in rest[:end] or scripts)


def in_project(name):
    """The path of something that lies beside the package in a clone. FileNotFoundError if not."""
    if not (PROJECT / name).exists():
        raise FileNotFoundError(f"there is no {PROJECT / name}: this needs a clone of the project, "
                                f"installed with pip install -e .")
    return PROJECT / name

"""The commands `train TASK`: each task with its own options and those that all tasks share."""

import argparse
import os
from pathlib import Path

from minitransformer.arguments import a_path, seed

STARTED = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE")  # where mpiexec says how many processes there are
RUNS = Path("runs")  # where `train TASK` leaves its run, in a folder with the task's name


def add_tasks(parser, add_command):
    """Give the parser of `train` a parser for each task. add_command: as in cli."""
    tasks = parser.add_subparsers(dest="task", required=True, metavar="TASK")

    def add(run, *examples):
        """A task, with the options that every task has."""
        sub = add_command(tasks, run, *examples)
        folder = RUNS / sub.get_default("name")
        sub.add_argument("--steps", type=int, metavar="N", help="how many updates in all")
        sub.add_argument("--out", type=a_path, default=folder, metavar="DIR",
                         help=f"where model, log and loss curve go (default {folder})")
        sub.add_argument("--resume", action="store_true", help="continue the run in DIR")
        sub.add_argument("--seed", type=seed, default=0, metavar="N",
                         help="of all random draws (default 0)")
        sub.add_argument("--watch", action="store_true",
                         help="if NaN or infinity turns up, say in which operation it arose")
        sub.add_argument("--accumulate", type=int, metavar="N",
                         help="so many batches make one step (default 1; with --parallel data, "
                              "as many as there are processes)")
        sub.add_argument("--threads", type=int, metavar="N",
                         help="so many of a step's batches at a time, which pays for wide models "
                              "(python -m pip install threadpoolctl)")
        sub.add_argument("--parallel", choices=["data", "tensor", "sequence"],
                         help="what several processes share: each step's batches, each matrix or "
                              "each sequence; start them with mpiexec -n 2 python -m "
                              "minitransformer train ... (python -m pip install mpi4py mpich)")
        return sub

    sub = add(translator, "train translator", "train translator --steps 300 --out runs/short",
              "train translator --resume", "train translator --pairs my-pairs.tsv --out runs/mine")
    sub.add_argument("--pairs", type=a_path, metavar="FILE",
                     help="train on this file: in each line a source, a tab and its target")

    sub = add(classifier, "train classifier --data vowels", "train classifier --data digits",
              "train classifier --data digits --steps 500 --out runs/short",
              "train classifier --data vowels --resume")
    sub.add_argument("--data", required=True, choices=["vowels", "digits"],
                     help="what to tell apart: nine speakers, or ten handwritten digits")

    sub = add(language_model, "train language-model", "train language-model --resume",
              "train language-model --steps 300 --out runs/short",
              "train language-model --text my-notes --out runs/mine",
              "train language-model --config runs/mine/config.json --vocab 1000 --out runs/other")
    sub.add_argument("--text", type=a_path, metavar="PATH",
                     help="learn this file or folder of UTF-8 text (default: the Python manual)")
    sub.add_argument("--vocab", type=_vocab, metavar="N",
                     help='the size of the byte-pair vocabulary, or "characters"')
    sub.add_argument("--config", type=a_path, metavar="FILE",
                     help="settings in JSON, all or some, as in the config.json of a run")


def _vocab(word):
    if word != "characters" and not word.isdecimal():
        raise argparse.ArgumentTypeError(f'{word!r} is neither a whole number nor "characters"')
    return word if word == "characters" else int(word)


def _run(train, arguments, **own):
    """Call train, a task's function, with its own settings and those that all tasks share."""
    settings = {**own, "steps": arguments.steps, "seed": arguments.seed,
                "resume": arguments.resume, "watch": arguments.watch}
    for name in ("accumulate", "threads"):
        if getattr(arguments, name) is not None:
            settings[name] = getattr(arguments, name)
    if arguments.parallel:
        from minitransformer.parallel.command import train_in_parallel

        train_in_parallel(train, arguments.out, arguments.parallel, **settings)
        return 0
    started = max(int(os.environ.get(name, 1)) for name in STARTED)
    if started > 1:
        raise ValueError(f"{started} processes were started, and each would train all of the model "
                         f"into {arguments.out}: say with --parallel what they share")
    train(arguments.out, **settings)
    return 0


def translator(arguments):
    """Train the translator of number words, or of pairs of your own.

    Ctrl-C keeps the last step; --resume goes on from there, and to the same end as without a stop.
    """
    from minitransformer.translator import train_translator

    return _run(train_translator, arguments, pairs_file=arguments.pairs)


def classifier(arguments):
    """Train a classifier of voices or digits, and test it on those it has not seen.

    The data come with the packages aeon and scikit-learn, which are not imported:
    python -m pip install --no-deps aeon==1.6.0 scikit-learn
    Ctrl-C keeps the last step; --resume goes on from there, and to the same end as without a stop.
    """
    from minitransformer.classifier import train_classifier

    return _run(train_classifier, arguments, data=arguments.data)


def language_model(arguments):
    """Train a language model on the Python manual, or on text of your own.

    It ends with bits per character of text that it has not seen, beside trigrams and gzip -9.
    The run's settings are left in config.json; --config takes such a file.
    Ctrl-C keeps the last step; --resume goes on from there, and to the same end as without a stop.
    """
    from minitransformer.language_model import train_language_model

    return _run(train_language_model, arguments, text=arguments.text, config=arguments.config,
                vocab=arguments.vocab)

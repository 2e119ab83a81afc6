"""The language model's full training, watched; the same in PyTorch; and what a leak would add.

    python -m minitransformer.teaching.language_model_runs             all parts, 15 minutes
    python -m minitransformer.teaching.language_model_runs leak        one part, the others kept

The parts: "numpy" (needs nothing else), "torch" (needs PyTorch), "leak". Each trains with the
settings of `train language-model`, seed 0, on one thread. Their losses, bits per character, times
and what the model wrote on the way stand in lessons/results/language_model.json.
"""

import json
import os
import platform
import sys
import time

import numpy as np

from minitransformer.data.manual import (
    TRIVIAL, TextSplit, paragraph_key, paragraphs, python_manual)
from minitransformer.language_model import (
    SETTINGS, LanguageModel, gzip_bits, make_tokenizer, make_trainer, ngram_bits)
from minitransformer.teaching.ladder import LADDER
from minitransformer.teaching.language_model_in_torch import import_torch, train_in_torch
from minitransformer.teaching.run_command import run_command
from minitransformer.tree import tree_map, tree_size

RESULTS = LADDER.with_name("language_model.json")
ORDERS = (1, 2, 3, 4, 5, 6)
PROMPT = "The with statement"


def watched_steps(steps):
    """Steps at which a training of so many is looked at: closer together at the beginning."""
    early = (0, 5, 10, 20, 30, 40, 60, 80, 100, 150, 200, 250, 300, 400, 500, 600, 800, 1000)
    return [step for step in early if step < steps] + [steps]


def fresh(split, *, settings=None, seed=0, **others):
    """(an untrained LanguageModel, its Trainer), as `train language-model` makes them."""
    settings = SETTINGS if settings is None else settings
    tokenizer = make_tokenizer(split, **settings["tokenizer"])
    language_model = LanguageModel.untrained(tokenizer, seed=seed, **settings["model"])
    trainer = make_trainer(language_model, split, **settings["training"], seed=seed,
                           print_every=0, **others)
    return language_model, trainer


def numpy_run(split, settings):
    """Train, and look at the model on the way: losses, bits, and a text at the same seed."""
    language_model, trainer = fresh(split, settings=settings)
    steps, watched, seconds = settings["training"]["steps"], [], 0.0
    for step in watched_steps(steps):
        start = time.process_time()
        trainer.train(step)
        seconds += time.process_time() - start
        loss = trainer.evaluate()
        text = language_model.generate(PROMPT, max_new_tokens=100, temperature=0.8)[0]
        watched.append({"step": step, "loss": round(loss, 4), "text": text})
        print(f"step {step}: validation loss {loss:.4f}", flush=True)
    tokens = len(language_model.encode(split.validation))
    return {"watched": watched, "train_loss": [round(row.loss, 4) for row in trainer.log.rows],
            "bits": both_bits(language_model, split), "cpu_seconds": round(seconds),
            "parameters": tree_size(language_model.model.params),
            "characters_per_token": round(len(split.validation) / tokens, 4)}


def torch_run(split, settings):
    """The same training in PyTorch: the same weights at first, the same batches and rates."""
    language_model, trainer = fresh(split, settings=settings)
    steps, start = settings["training"]["steps"], time.process_time()
    params, losses, watched = train_in_torch(trainer, steps=steps,
                                             evaluate_at=watched_steps(steps))
    seconds = time.process_time() - start
    tree_map(np.copyto, language_model.model.params, params)
    return {"version": import_torch().__version__, "cpu_seconds": round(seconds),
            "watched": [{"step": step, "loss": round(loss, 4)} for step, loss in watched.items()],
            "train_loss": [round(loss, 4) for loss in losses],
            "bits": both_bits(language_model, split)}


def both_bits(language_model, split):
    """{"validation": bits per character, "test": the same}."""
    return {part: round(language_model.bits_per_character(getattr(split, part)), 4)
            for part in ("validation", "test")}


def leaky_manual(held_out=0.1, seed=0):
    """The manual as a TextSplit by whole topics, with everything that they repeat of each other.

    As data.manual.split_topics deals them out, but for its first step.
    """
    from pydoc_data.topics import topics

    room, names = held_out * sum(map(len, topics.values())), sorted(topics)
    parts = {"test": [], "validation": [], "train": []}
    for i in np.random.default_rng(seed).permutation(len(names)):
        text = topics[names[i]]
        fits = (part for part in ("test", "validation")
                if sum(map(len, parts[part])) + len(text) <= room)
        parts[next(fits, "train")].append(text)
    return TextSplit(**{part: "\n\n\n".join(found) + "\n" for part, found in parts.items()})


def copied_and_new(split):
    """The test part in two texts: the paragraphs that the training part holds too, and the rest."""
    known = {key for key in map(paragraph_key, paragraphs(split.train)) if len(key) >= TRIVIAL}
    found = ([], [])
    for paragraph in paragraphs(split.test):
        found[paragraph_key(paragraph) not in known].append(paragraph)
    return tuple("\n\n".join(part) for part in found)


def leak_run(settings):
    """Train on the leaky split, and measure its test part whole and in its two kinds."""
    split = leaky_manual()
    language_model, trainer = fresh(split, settings=settings)
    trainer.train(settings["training"]["steps"])
    copied, new = copied_and_new(split)
    bits = language_model.bits_per_character
    return {"test": round(bits(split.test), 4), "copied": round(bits(copied), 4),
            "new": round(bits(new), 4), "copied_share": round(len(copied) / len(split.test), 4)}


def yardsticks(split):
    """Bits per character of n-grams up to ORDERS and of gzip -9."""
    ngrams = {str(order): [round(bits, 4) for bits in ngram_bits(split, order)]
              for order in ORDERS}
    return {"ngrams": ngrams,
            "gzip": [round(gzip_bits(part), 4) for part in split[1:]],
            "gzip_after": [round(gzip_bits(part, after=split.train), 4) for part in split[1:]]}


PARTS = {"yardsticks": lambda split, settings: yardsticks(split), "numpy": numpy_run,
         "torch": torch_run, "leak": lambda split, settings: leak_run(settings)}


def measure(names=(), *, settings=SETTINGS, path=RESULTS):
    """Measure the parts of these names (none: all), and write the file after each of them.

    Parts that are kept must be of the same settings and versions: ValueError if not, and for an
    unknown name.
    """
    if unknown := set(names) - PARTS.keys():
        raise ValueError(f"there is no part {min(unknown)!r}; there are {', '.join(PARTS)}")
    head = {"command": "python -m minitransformer.teaching.language_model_runs",
            "versions": {"python": platform.python_version(), "numpy": np.__version__},
            "seed": 0, "settings": settings}
    split = python_manual()
    for name in names or PARTS:
        result = PARTS[name](split, settings)
        kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else head
        if names and {key: kept[key] for key in head} != head:
            raise ValueError(f"{path.name} holds parts of other settings or versions: measure all, "
                             f"without naming any")
        content = {**head, **{part: kept[part] for part in PARTS if part in kept}, name: result}
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}"
                           for key, value in content.items())
        path.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8", newline="\n")
        print(f"{name} is in {path}", flush=True)


def read_language_model_runs(path=RESULTS):
    """What the file holds. Raises FileNotFoundError with the command that makes it."""
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: make it with "
                                "python -m minitransformer.teaching.language_model_runs")
    return json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":
        print("OPENBLAS_NUM_THREADS=1 makes the times those of one thread", file=sys.stderr)
    run_command(__doc__, measure, {"names": {"nargs": "*", "metavar": "PART",
                                            "help": "only these (default: all)"}})

"""What each part of a training recipe does for a small translator: lesson 10's longer experiment.

    python -m minitransformer.teaching.recipe_runs   87 short runs and the file, about 40 minutes

A translator half as wide as the package's learns number words for 300 steps, and is measured on the
validation numbers. First every optimizer with five learning rates, then the package's recipe with
one part left out or put in. The results stand in lessons/results/recipe.json.
"""

import dataclasses
import functools
import json
import platform

import numpy as np

from minitransformer.data.batching import BatchStream, make_batch
from minitransformer.models import EncoderDecoder
from minitransformer.teaching.ladder import LADDER
from minitransformer.teaching.run_command import run_command
from minitransformer.training.optimizer import SGD, AdamW
from minitransformer.training.schedule import constant, linear_decay
from minitransformer.training.trainer import NonFiniteError, Trainer
from minitransformer.translator import Translator, exact_match, number_word_pairs

RESULTS = LADDER.with_name("recipe.json")
SEEDS = (0, 1, 2)
SMALL = {"d_model": 64, "n_heads": 4, "n_layers": 2, "d_ff": 256, "dropout": 0.1}
ADAM_RATES = (5e-4, 1e-3, 2e-3, 5e-3, 1e-2)
SWEEPS = {  # {name: (settings, learning rates)}
    "SGD": ({"optimizer": "sgd", "momentum": 0.0}, (0.1, 0.3, 1.0, 3.0, 10.0)),
    "SGD with momentum": ({"optimizer": "sgd", "momentum": 0.9}, (0.03, 0.1, 0.3, 1.0, 3.0)),
    "Adam": ({}, ADAM_RATES),
    "Adam without warm-up": ({"warmup": 1}, ADAM_RATES),
}
PARTS = {  # {what is other than in the recipe: settings}
    "no warm-up": {"warmup": 1},
    "post-norm": {"norm_placement": "post"},
    "post-norm, no warm-up": {"norm_placement": "post", "warmup": 1},
    "rate not lowered": {"lowered": False},
    "no clipping": {"clip_norm": None},
    "no dropout": {"dropout": 0.0},
    "weight decay 0.1": {"weight_decay": 0.1},
    "label smoothing 0.1": {"label_smoothing": 0.1},
    "batches by length": {"by_length": True},
}


def small_translator(pairs, *, seed, **changes):
    """An untrained Translator of the SMALL sizes; changes: fields of its configuration."""
    translator = Translator.untrained([pair for part in pairs for pair in part], seed=seed)
    config = dataclasses.replace(translator.model.config, **{**SMALL, **changes})
    return translator._replace(model=EncoderDecoder(config, seed=seed))


def small_trainer(translator, pairs, *, seed, steps=300, optimizer="adam", peak=2e-3, warmup=100,
                  lowered=True, momentum=0.0, betas=(0.9, 0.98), weight_decay=0.0, clip_norm=1.0,
                  label_smoothing=0.0, by_length=False, batch_size=32):
    """A Trainer with the package's recipe, or with what is other in it."""
    params = translator.model.params
    made = (SGD(params, lr=peak, momentum=momentum) if optimizer == "sgd"
            else AdamW(params, betas=betas, weight_decay=weight_decay))
    schedule = (functools.partial(linear_decay, peak=peak, warmup=warmup, steps=steps) if lowered
                else functools.partial(constant, peak=peak, warmup=warmup))
    stream = BatchStream(translator.encode(pairs.train), batch_size=batch_size, seed=seed,
                         by_length=by_length)
    return Trainer(translator.model, made, stream, seed=seed, schedule=schedule, print_every=0,
                   validation=[make_batch(translator.encode(pairs.validation))],
                   evaluate_every=steps, clip_norm=clip_norm, label_smoothing=label_smoothing)


def one_run(pairs, *, seed, norm_placement="pre", dropout=SMALL["dropout"], steps=300, **settings):
    """(validation loss, share translated without a fault); None and 0 where training overflowed."""
    translator = small_translator(pairs, seed=seed, norm_placement=norm_placement, dropout=dropout)
    trainer = small_trainer(translator, pairs, seed=seed, steps=steps, **settings)
    try:
        with np.errstate(all="ignore"):  # too long a step may overflow
            trainer.train(steps)
            _, right = exact_match(translator, pairs.validation)
            return round(trainer.evaluate(), 4), right / len(pairs.validation)
    except (NonFiniteError, ValueError):  # decoding refuses logits that are NaN
        return None, 0.0


def measure(seeds=SEEDS, path=RESULTS, sweeps=SWEEPS, parts=PARTS, **run):
    """Make all runs, and write the file after each group of seeds."""
    pairs = number_word_pairs()
    content = {"command": "python -m minitransformer.teaching.recipe_runs",
               "versions": {"python": platform.python_version(), "numpy": np.__version__},
               "sizes": SMALL, "seeds": list(seeds), "sweeps": {}, "parts": {}}

    def runs(name, **settings):
        found = [one_run(pairs, seed=seed, **settings, **run) for seed in seeds]
        print(name, settings, found, flush=True)
        return {"loss": [loss for loss, _ in found], "exact": [exact for _, exact in found]}

    def write():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8", newline="\n")

    for name, (settings, rates) in sweeps.items():
        content["sweeps"][name] = []
        for rate in rates:
            content["sweeps"][name].append({"rate": rate, **runs(name, peak=rate, **settings)})
            write()
    for name, settings in parts.items():
        content["parts"][name] = runs(name, **settings)
        write()


def read_recipe_runs(path=RESULTS):
    """What the file holds. Raises FileNotFoundError with the command that makes it."""
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: make it with "
                                "python -m minitransformer.teaching.recipe_runs")
    return json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    run_command(__doc__, measure)

"""The same translator with each norm, at several learning rates: lesson 13's longer experiment.

    python -m minitransformer.teaching.norms   120 runs and the file, 12 minutes of a core

A small translator learns number words for 100 steps with layer norm, RMS norm, batch norm and no
norm, with gradients clipped as in the package's recipe and without, and is measured on validation
numbers. Then, at one learning rate, a deeper one, and the same one for 300 steps. Batch norm stands
in the encoder alone; its decoder has layer norm (options.CAUSAL_NORMS).
The results stand in lessons/results/norms.json.
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
from minitransformer.training.optimizer import AdamW
from minitransformer.training.schedule import linear_decay
from minitransformer.training.trainer import NonFiniteError, Trainer
from minitransformer.translator import CLIP_NORM, Translator, number_word_pairs

RESULTS = LADDER.with_name("norms.json")
NORMS = ("layer", "rms", "batch", "none")
RATES = (0.003, 0.01, 0.03, 0.1)
SEEDS = (0, 1, 2)
CLIPPED = {"clipped": CLIP_NORM, "not clipped": None}
SMALL = {"d_model": 32, "n_heads": 4, "n_layers": 2, "d_ff": 128, "dropout": 0.0}
STEPS, WARMUP, BATCH_SIZE = 100, 20, 32
DEEP = {"n_layers": 8, "peak": 0.01, "clip_norm": CLIP_NORM}  # 8 + 8 blocks
LONG = {"steps": 300, "peak": 0.01, "clip_norm": CLIP_NORM}


@functools.cache
def encoded_pairs():
    """(an untrained Translator for its configuration, the pairs to train on, to validate on)."""
    pairs = number_word_pairs()
    translator = Translator.untrained([pair for part in pairs for pair in part])
    return translator, translator.encode(pairs.train), translator.encode(pairs.validation)


def small_trainer(norm, *, seed, peak, clip_norm=None, steps=STEPS, **changes):
    """A Trainer of the small translator with this norm; .model and .train(steps) as ever.

    changes: further fields of its configuration.
    """
    translator, train, validation = encoded_pairs()
    config = dataclasses.replace(translator.model.config, norm=norm, **{**SMALL, **changes})
    model = EncoderDecoder(config, seed=seed)
    stream = BatchStream(train, batch_size=BATCH_SIZE, seed=seed, by_length=False)
    return Trainer(
        model, AdamW(model.params, betas=(0.9, 0.98)), stream, seed=seed, clip_norm=clip_norm,
        validation=[make_batch(validation)], evaluate_every=steps + 1, print_every=0,
        schedule=functools.partial(linear_decay, peak=peak, warmup=min(WARMUP, steps), steps=steps))


def validation_loss(norm, *, steps=STEPS, **settings):
    """The validation loss after training, in nats a character; None where it overflowed."""
    trainer = small_trainer(norm, steps=steps, **settings)
    try:
        with np.errstate(all="ignore"):  # too long a step may overflow
            trainer.train(steps)
            loss = trainer.evaluate()
    except NonFiniteError:
        return None
    return round(loss, 4) if np.isfinite(loss) else None


def measure_norms(*, norms=NORMS, rates=RATES, seeds=SEEDS, path=RESULTS, **changes):
    """Train with every norm, rate and seed, and write the file."""
    losses = {clipped: {norm: [] for norm in norms} for clipped in CLIPPED}
    for clipped, clip_norm in CLIPPED.items():
        for peak in rates:
            for norm in norms:
                row = [validation_loss(norm, seed=seed, peak=peak, clip_norm=clip_norm, **changes)
                       for seed in seeds]
                losses[clipped][norm].append(row)
                print(f"{clipped}, {norm}, learning rate {peak}: {row}", flush=True)
    further = {"deep": {**DEEP, "losses": {}}, "long": {**LONG, "losses": {}}}
    for name, settings in (("deep", DEEP), ("long", LONG)):
        for norm in norms:
            row = [validation_loss(norm, seed=seed, **changes | settings) for seed in seeds]
            further[name]["losses"][norm] = row
            print(f"{name}, {norm}: {row}", flush=True)
    content = {"command": "python -m minitransformer.teaching.norms",
               "versions": {"python": platform.python_version(), "numpy": np.__version__},
               "config": {**SMALL, "batch_size": BATCH_SIZE, "warmup": WARMUP, "steps": STEPS,
                          **changes},
               "rates": list(rates), "seeds": list(seeds), "losses": losses, **further}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8", newline="\n")


def read_norms(path=RESULTS):
    """{"config", "rates", "seeds", "losses", "deep", "long", ...}, as the file has it.

    losses[clipped][norm]: a row for each rate, with a loss for each seed; clipped: "clipped" or
    "not clipped". deep["losses"][norm] and long["losses"][norm] are such rows.
    Raises FileNotFoundError with the command that makes the file.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: make it with "
                                "python -m minitransformer.teaching.norms")
    return json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    run_command(__doc__, measure_norms)

"""Recall against distance, for three ways of reading: lesson 04's longer experiment.

    python -m minitransformer.teaching.recall   measure, and write the file (about 20 minutes)

Three models of recall_models.py, of the same size and with the same training, are asked for a name
that stood n tokens ago. The learning rate is chosen for each on texts drawn for that alone. The
results stand in lessons/results/recall.json.
"""

import json
import platform

import numpy as np

from minitransformer.functional import cross_entropy_backward, cross_entropy_forward
from minitransformer.teaching.ladder import LADDER
from minitransformer.teaching.recall_models import (
    ATTENTION,
    BAG,
    draw_texts,
    recall_backward,
    recall_forward,
    recall_init,
    window_reading,
)
from minitransformer.teaching.run_command import run_command
from minitransformer.training.optimizer import AdamW
from minitransformer.tree import tree_items

RECALL = LADDER.with_name("recall.json")
WINDOW = 4
READINGS = {"attention": ATTENTION, "window": window_reading(WINDOW), "bag": BAG}
D_FF = {"attention": 262, "window": 128, "bag": 306}  # widths that give each as many parameters
DISTANCES = (1, 2, 3, 4, 5, 6, 8, 12, 16, 24, 32, 48, 64)
RATES = (0.001, 0.003, 0.01)
SEEDS = (0, 1, 2, 3, 4)
CONFIG = {"d_model": 32, "length": 64, "batch": 64, "steps": 3000}
VALIDATION_SEED, TEST_SEED = 1000, 2000  # of the texts; those of training are drawn from SEEDS


def read_recall(path=RECALL):
    """{"config", "distances", "seeds", "models", ...}; models[name]["accuracy"] has a row of
    distances for each seed. Raises FileNotFoundError with the command that makes the file.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: make it with "
                                "python -m minitransformer.teaching.recall")
    return json.loads(path.read_text(encoding="utf-8"))


def train_recall(name, *, seed, d_model, length, batch, steps, lr, d_ff=None):
    """Train the model "attention", "window" or "bag" on texts drawn anew in each step: params.

    The step size falls linearly from lr to 0. d_ff None: the width of D_FF.
    """
    rng = np.random.default_rng(seed)
    reading = READINGS[name]
    params = recall_init(rng, reading=reading, d_model=d_model, d_ff=d_ff or D_FF[name])
    optimizer = AdamW(params, lr=lr)
    for step in range(steps):
        texts = draw_texts(rng, count=batch, length=length)
        logits, cache = recall_forward(params, texts=texts, reading=reading)  # (B, 4)
        _, loss_cache = cross_entropy_forward(logits, targets=texts.targets)
        dlogits = cross_entropy_backward(1.0, loss_cache)                     # (B, 4)
        optimizer.step(recall_backward(dlogits, cache), lr=lr * (1 - step / steps))
    return params


def accuracy(name, params, rng, *, length, distance=None, count=2000):
    """How often the right value has the largest logit, on texts drawn from rng."""
    texts = draw_texts(rng, count=count, length=length, distance=distance)
    logits, _ = recall_forward(params, texts=texts, reading=READINGS[name])   # (B, 4)
    return float(np.mean(np.argmax(logits, axis=-1) == texts.targets))


def measure_recall(*, seeds=SEEDS, rates=RATES, distances=DISTANCES, config=CONFIG, path=RECALL):
    """Choose each model's learning rate, train it with every seed, test it, and write the file."""
    length = config["length"]
    models = {}
    for name in READINGS:
        chosen = {}
        for lr in rates:
            params = train_recall(name, seed=seeds[0], lr=lr, **config)
            rng = np.random.default_rng(VALIDATION_SEED)
            chosen[lr] = accuracy(name, params, rng, length=length)
        lr = max(chosen, key=chosen.get)
        rows, longer = [], []
        for seed in seeds:
            params = train_recall(name, seed=seed, lr=lr, **config)
            rng = np.random.default_rng(TEST_SEED)
            rows.append([accuracy(name, params, rng, length=length, distance=distance)
                         for distance in distances])
            longer.append([accuracy(name, params, rng, length=times * length)
                           for times in (2, 4)])
            print(f"{name}, learning rate {lr}, seed {seed}: {rows[-1]}; in texts two and four "
                  f"times as long {longer[-1]}", flush=True)
        models[name] = {"d_ff": D_FF[name], "lr": lr,
                        "parameters": sum(array.size for _, array in tree_items(params)),
                        "validation": {str(rate): value for rate, value in chosen.items()},
                        "accuracy": rows, "longer": longer}
    content = {"command": "python -m minitransformer.teaching.recall",
               "versions": {"python": platform.python_version(), "numpy": np.__version__},
               "config": config, "window": WINDOW, "distances": list(distances),
               "seeds": list(seeds), "models": models}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    run_command(__doc__, measure_recall)

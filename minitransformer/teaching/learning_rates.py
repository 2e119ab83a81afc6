"""Loss against learning rate, with layer norm and without: lesson 06's longer experiment.

    python -m minitransformer.teaching.learning_rates   measure, and write the file (some minutes)

Small models of lesson 04's kind are trained with each learning rate, and measured on the manual's
validation text. The results stand in lessons/results/learning_rates.json.
"""

import json
import platform

import numpy as np

from minitransformer.data.manual import python_manual
from minitransformer.teaching.ladder import LADDER
from minitransformer.teaching.normed_head import NORMED_HEAD, normed_head_forward
from minitransformer.teaching.one_head import bits_per_character, train_one_head
from minitransformer.teaching.run_command import run_command

LEARNING_RATES = LADDER.with_name("learning_rates.json")
RATES = (0.01, 0.03, 0.1, 0.3)
SEEDS = (0, 1, 2, 3, 4)
CONFIG = {"d_model": 32, "block": 64, "batch": 16, "steps": 800}


def read_learning_rates(path=LEARNING_RATES):
    """{"config", "rates", "seeds", "bits", ...}; bits[model] has a row of seeds for each rate.

    The models are "without norm" and "with norm". Raises FileNotFoundError with the command that
    makes the file.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: make it with "
                                "python -m minitransformer.teaching.learning_rates")
    return json.loads(path.read_text(encoding="utf-8"))


def measure_learning_rates(split, *, rates=RATES, seeds=SEEDS, config=CONFIG, path=LEARNING_RATES):
    """Train both models with every rate and seed on split.train, and write the file."""
    models = {"without norm": ({}, {}),
              "with norm": (NORMED_HEAD, {"forward": normed_head_forward})}
    bits = {name: [] for name in models}
    for lr in rates:
        for name, (model, evaluation) in models.items():
            row = []
            for seed in seeds:
                with np.errstate(all="ignore"):  # too long a step may overflow
                    params, ids, _ = train_one_head(split, seed=seed, lr=lr, **config, **model)
                    row.append(bits_per_character(params, ids.validation, block=config["block"],
                                                  **evaluation))
            bits[name].append([round(b, 4) for b in row])
            print(f"{name}, learning rate {lr}: {bits[name][-1]} bits per character", flush=True)
    content = {"command": "python -m minitransformer.teaching.learning_rates",
               "versions": {"python": platform.python_version(), "numpy": np.__version__},
               "config": config, "rates": list(rates), "seeds": list(seeds), "bits": bits}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    run_command(__doc__, lambda: measure_learning_rates(python_manual()))

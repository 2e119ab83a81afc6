"""Ways of reading a model against the truth, with several seeds: lesson 19's longer experiment.

    python -m minitransformer.teaching.reading_runs   measure, and write the file (about 6 minutes)

For each seed an encoder learns reading_task, and a translator, half as wide as the package's,
number words. Both are read in all the ways of reading_measures, on texts and numbers that they have
not learned from. The results stand in lessons/results/reading.json.
"""

import json
import platform

import numpy as np

from minitransformer.teaching.ladder import LADDER
from minitransformer.teaching.reading_measures import measure_marked, measure_translator
from minitransformer.teaching.reading_task import STEPS, train_marked
from minitransformer.teaching.recipe_runs import small_trainer, small_translator
from minitransformer.teaching.run_command import run_command
from minitransformer.translator import exact_match, number_word_pairs

RESULTS = LADDER.with_name("reading.json")
SEEDS = (0, 1, 2, 3, 4)
TEXTS, NUMBERS = 100, 40
TRANSLATOR_STEPS, PEAK = 300, 1e-2  # as in lesson 22
TEXTS_SEED = 1_900


def train_small(pairs, seed, *, steps=TRANSLATOR_STEPS):
    """A small translator that has learned number words, silently."""
    translator = small_translator(pairs, seed=seed)
    small_trainer(translator, pairs, seed=seed, steps=steps, peak=PEAK).train(steps)
    return translator


def measure(*, seeds=SEEDS, texts=TEXTS, numbers=NUMBERS, steps=STEPS,
            translator_steps=TRANSLATOR_STEPS, path=RESULTS):
    """Train and measure with every seed, and write the file after each."""
    pairs, runs = number_word_pairs(), {"marked": [], "translator": []}
    for seed in seeds:
        model = train_marked(seed, steps=steps)
        runs["marked"].append(measure_marked(model, np.random.default_rng(TEXTS_SEED), texts))
        translator = train_small(pairs, seed, steps=translator_steps)
        found = measure_translator(translator, pairs.test[:numbers])
        found["right"] = exact_match(translator, pairs.validation)[1] / len(pairs.validation)
        runs["translator"].append(found)
        for task in runs:
            print(f"seed {seed}, {task}: {runs[task][-1]}", flush=True)
        content = {"command": "python -m minitransformer.teaching.reading_runs",
                   "versions": {"python": platform.python_version(), "numpy": np.__version__},
                   "seeds": list(seeds[:len(runs["marked"])]), "texts": texts, "numbers": numbers,
                   "steps": steps, "translator_steps": translator_steps, **runs}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8", newline="\n")


def read_reading(path=RESULTS):
    """{"seeds", "marked", "translator", ...}: for each task what reading_measures found, a seed
    each. Raises FileNotFoundError with the command that makes the file.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: make it with "
                                "python -m minitransformer.teaching.reading_runs")
    return json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    run_command(__doc__, measure)

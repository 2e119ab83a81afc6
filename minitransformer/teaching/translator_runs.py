"""Five full runs of `train translator`, and how they do on numbers that no run has looked at.

    python -m minitransformer.teaching.translator_runs   five runs and the file, about half an hour

Every setting was chosen on the validation numbers. The 2,000 test numbers are drawn uniformly from
the numbers below one million that are in none of the parts which the runs and earlier reports used
(20,000 to train on, 500 to validate on, 500 that every run reports), and serve this one claim.
Round and short numbers, of which a uniform draw holds next to none, are counted apart.
The results stand in lessons/results/translator.json, which is written after every run.
"""

import json
import platform
import time

import numpy as np

from minitransformer.data.number_words import LIMIT, number_pairs, split_numbers
from minitransformer.teaching.forcing import shares
from minitransformer.teaching.ladder import LADDER
from minitransformer.teaching.run_command import run_command
from minitransformer.translator import (
    HELD_OUT, STEPS, Translator, exact_match, make_trainer, number_word_pairs)

RESULTS = LADDER.with_name("translator.json")
SEEDS = (0, 1, 2, 3, 4)
WATCHED = (25, 50, 75, 100, 125, 150, 200, 250, 300, 400, 600, 800, 1000)
FRESH = 2_000
GROUP = 500
TRAIN, ROUND = 20_000, 2_500  # as in number_word_pairs


def unseen_groups(seed=1_010):
    """{name: numbers}: "fresh", the test of the claim; then short and round ones, counted apart.

    None is in a part of split_numbers. "fresh" is a uniform draw. Of the others all are taken, or
    500 of them where there are more.
    """
    split = split_numbers(train=TRAIN, validation=HELD_OUT, test=HELD_OUT, round_numbers=ROUND)
    unseen = np.setdiff1d(np.arange(LIMIT), np.concatenate(split))
    rng = np.random.default_rng(seed)
    groups = {
        "fresh": rng.choice(unseen, FRESH, replace=False),
        "below 1,000": unseen[unseen < 1_000],
        "1,000 to 9,999": unseen[(unseen >= 1_000) & (unseen < 10_000)],
        "ending in 0 or 00": unseen[(unseen % 10 == 0) & (unseen % 1_000 != 0)],
        "ending in 000": unseen[(unseen % 1_000 == 0)],
    }
    return {name: numbers if name == "fresh" or len(numbers) <= GROUP
            else rng.choice(numbers, GROUP, replace=False) for name, numbers in groups.items()}


def one_run(seed, *, steps=STEPS, watched=WATCHED, groups=None, pairs=None):
    """Train one translator as `train translator` does, and count. Returns a dict for the file."""
    pairs = number_word_pairs() if pairs is None else pairs
    groups = unseen_groups() if groups is None else groups
    translator = Translator.untrained([pair for part in pairs for pair in part], seed=seed)
    trainer = make_trainer(translator, pairs, steps=steps, seed=seed)
    start, watch = time.process_time(), []
    for step in watched:
        trainer.train(step)
        forced, free, exact = shares(translator, pairs.validation)
        watch.append({"step": step, "loss": trainer.evaluate(), "forced": forced, "free": free,
                      "exact": exact})
    counts, wrong = {}, []
    for name, numbers in groups.items():
        asked = number_pairs(numbers)
        found, right = exact_match(translator, asked)
        counts[name] = {"numbers": len(asked), "right": right}
        wrong += [[name, source, text, target]
                  for (source, target), text in zip(asked, found) if text != target][:5]
    return {"seed": seed, "watched": _rounded(watch), "counts": counts, "wrong": wrong,
            "train_loss": [round(row.loss, 4) for row in trainer.log.rows],
            "cpu_minutes": round((time.process_time() - start) / 60, 1)}


def measure(seeds=SEEDS, path=RESULTS, **run):
    """Make the runs one after another and write the file after each of them."""
    runs = []
    for seed in seeds:
        runs.append(one_run(seed, **run))
        print(f"seed {seed}: {runs[-1]['counts']}", flush=True)
        content = {"command": "python -m minitransformer.teaching.translator_runs",
                   "versions": {"python": platform.python_version(), "numpy": np.__version__},
                   "steps": run.get("steps", STEPS), "seeds": [run["seed"] for run in runs],
                   "runs": runs}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=None, separators=(",", ":"), ensure_ascii=False)
                        .replace('},{"seed"', '},\n{"seed"') + "\n", encoding="utf-8", newline="\n")


def read_translator_runs(path=RESULTS):
    """What the file holds. Raises FileNotFoundError with the command that makes it."""
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: make it with "
                                "python -m minitransformer.teaching.translator_runs")
    return json.loads(path.read_text(encoding="utf-8"))


def _rounded(rows):
    return [{key: value if key == "step" else round(value, 4) for key, value in row.items()}
            for row in rows]


if __name__ == "__main__":
    run_command(__doc__, measure)

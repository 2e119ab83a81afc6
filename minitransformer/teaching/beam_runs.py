"""What beam search finds for a translator that errs, and what it costs: lesson 11's experiment.

    python -m minitransformer.teaching.beam_runs   15 short trainings and the file, 15 minutes

Lesson 10's small translator learns number words for 200, 300 and 1000 steps, and translates the
validation numbers with beams of several widths and length penalties. The results stand in
lessons/results/beam.json.
"""

import json
import platform
from typing import NamedTuple

import numpy as np

from minitransformer.data.batching import pad_rows
from minitransformer.data.tokenizers import END, PAD, START
from minitransformer.decoding import beam_search, greedy
from minitransformer.functional import log_softmax_forward
from minitransformer.models.translation import decoding_step
from minitransformer.teaching.ladder import LADDER
from minitransformer.teaching.recipe_runs import small_trainer, small_translator
from minitransformer.teaching.run_command import run_command
from minitransformer.translator import number_word_pairs

RESULTS = LADDER.with_name("beam.json")
SEEDS = (0, 1, 2, 3, 4)
STEPS = (200, 300, 1000)
SEARCHES = ((1, 0.0), (2, 0.0), (4, 0.0), (8, 0.0), (4, 0.6), (4, 1.0))  # beam, length penalty


class Found(NamedTuple):
    """What a search made of some sources."""

    ids: list               # a list of ids for each source, END included where it came to an end
    log_probs: np.ndarray   # (B,) of ids, by the model
    right: np.ndarray       # (B,) bool: equal to the target, to the last letter
    missed: np.ndarray      # (B,) bool: not right, though the model holds the target to be likelier
    rows: int               # how many rows the decoder was run on, all steps together
    steps: int


def search(translator, pairs, *, beam_size, length_penalty=0.0):
    """Translate the sources of pairs, and look at what was found. Returns a Found."""
    model, counted = translator.model, []
    src = pad_rows([translator.source.encode(source) for source, _ in pairs])       # (B, S)
    step = decoding_step(model.params, src=src, config=model.config, state=model.state)

    def counting_step(ids, rows):
        counted.append(len(rows))
        return step(ids, rows)

    sizes = {"batch_size": len(src), "max_new_tokens": model.config.max_seq_len}
    found = (greedy(counting_step, **sizes) if beam_size == 1 else
             beam_search(counting_step, beam_size=beam_size, length_penalty=length_penalty,
                         **sizes))
    ids = [row if len(row) == model.config.max_seq_len else [*row, END] for row in found]
    targets = [[*translator.target.encode(target), END] for _, target in pairs]
    found_log_probs, target_log_probs = (log_probs_of(model, src, rows) for rows in (ids, targets))
    right = np.array([mine == target for mine, target in zip(ids, targets)])         # (B,)
    missed = ~right & (target_log_probs > found_log_probs)                           # (B,)
    return Found(ids, found_log_probs, right, missed, sum(counted), len(counted))


def log_probs_of(model, src, targets):
    """The log-probability of each target, ids with END, after its source: src (B, S) -> (B,).

    All places in one forward, as in training. As in decoding, PAD and START cannot come.
    """
    tgt = pad_rows([[START, *row[:-1]] for row in targets])                          # (B, T)
    targets = pad_rows(targets)                                                      # (B, T)
    logits = model.forward(src, tgt)[0].astype(np.float64)                           # (B, T, V)
    logits[..., [PAD, START]] = -np.inf
    log_probs, _ = log_softmax_forward(logits)                                       # (B, T, V)
    chosen = np.take_along_axis(log_probs, targets[..., None], axis=-1)[..., 0]      # (B, T)
    return np.sum(np.where(targets != PAD, chosen, 0.0), axis=-1)                    # (B,)


def one_run(pairs, *, seed, steps, searches=SEARCHES):
    """Train one small translator; a dict of counts for each search."""
    translator = small_translator(pairs, seed=seed)
    small_trainer(translator, pairs, seed=seed, steps=steps).train(steps)
    rows = []
    for beam_size, length_penalty in searches:
        found = search(translator, pairs.validation, beam_size=beam_size,
                       length_penalty=length_penalty)
        rows.append({"beam": beam_size, "penalty": length_penalty,
                     "right": int(found.right.sum()), "missed": int(found.missed.sum()),
                     "rows": found.rows, "steps": found.steps})
    return {"seed": seed, "steps": steps, "numbers": len(pairs.validation), "searches": rows}


def measure(seeds=SEEDS, steps=STEPS, path=RESULTS, pairs=None, **run):
    """Make all runs, and write the file after each of them."""
    pairs = number_word_pairs() if pairs is None else pairs
    runs = []
    for count in steps:
        for seed in seeds:
            runs.append(one_run(pairs, seed=seed, steps=count, **run))
            print(runs[-1], flush=True)
            content = {"command": "python -m minitransformer.teaching.beam_runs",
                       "versions": {"python": platform.python_version(), "numpy": np.__version__},
                       "runs": runs}
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(content).replace('{"seed"', '\n{"seed"') + "\n",
                            encoding="utf-8", newline="\n")


def read_beam_runs(path=RESULTS):
    """What the file holds. Raises FileNotFoundError with the command that makes it."""
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: make it with "
                                "python -m minitransformer.teaching.beam_runs")
    return json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    run_command(__doc__, measure)

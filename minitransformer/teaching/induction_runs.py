"""Induction heads grown on texts that repeat, with five seeds, for lesson 20.

    python -m minitransformer.teaching.induction_runs   about 10 minutes of processor time

Small language models with one block and with two learn texts of random tokens that begin again
after 8 to 24 of them. Every few steps the loss of a text's two halves and what each head looks at
are written down; at the end each head is taken away, alone and together, and one text's vectors
are put into another's. Nothing was tuned on the texts that are measured: they are drawn apart.
The results stand in lessons/results/induction.json, which is written after every seed.
"""

import json
import platform
import time

import numpy as np

from minitransformer.data.batching import Batch
from minitransformer.interpretability.ablation import (
    ablate_each, ablate_heads, ablate_in_order, head_means)
from minitransformer.interpretability.induction import (
    induction_scores, losses_by_half, previous_token_scores, repeated_tokens)
from minitransformer.interpretability.patching import (
    decoder_chain, logit_difference, patching_map)
from minitransformer.models import DecoderOnly, DecoderOnlyConfig
from minitransformer.teaching.ladder import LADDER
from minitransformer.teaching.run_command import run_command
from minitransformer.training import AdamW, Trainer

INDUCTION_FILE = LADDER.with_name("induction.json")
SEEDS = (0, 1, 2, 3, 4)
TOKENS = range(3, 40)        # 37 of them; 0, 1 and 2 are padding, start and end
PERIODS, HALF = (8, 24), 24  # a measured text is two halves of 24 tokens
SIZES = {"vocab_size": 40, "d_model": 64, "n_heads": 2, "d_ff": 128, "max_seq_len": 2 * HALF,
         "dropout": 0.0, "positions": "rotary"}
STEPS, BATCH_SIZE, PEAK, WARMUP = 1_000, 32, 2e-3, 50
WATCHED = (*range(0, 600, 20), *range(600, STEPS + 1, 50))


class RepeatedTexts:
    """The training batches: texts that begin again after 8 to 24 tokens, each after its own."""

    def __init__(self, seed):
        self.seed = seed

    def batch(self, i):
        """The i-th batch: tgt (B, T) and targets (B, T), the same one token later."""
        ids = repeated_tokens(np.random.default_rng([self.seed, i]), n_texts=BATCH_SIZE,
                              period=PERIODS, length=2 * HALF + 1, vocab=TOKENS)
        return Batch(None, ids[:, :-1], ids[:, 1:])


def measured_texts(n_texts=64, seed=2_020):
    """Texts to measure by, (n_texts, 48): 24 random tokens, and the same again."""
    return repeated_tokens(np.random.default_rng(seed), n_texts=n_texts, period=HALF,
                           length=2 * HALF, vocab=TOKENS)


def induction_trainer(n_layers, *, seed=0, n_heads=2):
    """(model, Trainer) of a language model with so many blocks, on texts that repeat."""
    model = DecoderOnly(DecoderOnlyConfig(**SIZES | {"n_heads": n_heads}, n_layers=n_layers),
                        seed=seed)
    trainer = Trainer(model, AdamW(model.params, weight_decay=0.0), RepeatedTexts(seed), seed=seed,
                      clip_norm=1.0, print_every=0,
                      schedule=lambda step: PEAK * min(1.0, step / WARMUP))
    return model, trainer


def look(model, ids):
    """{"first", "second": the losses of the halves; "previous", "induction": (L, H) scores}."""
    _, cache = model.forward(ids)
    weights = [block.attention.attention.weights for block in cache.blocks]  # (B, H, T, T) each
    first, second = losses_by_half(model, ids)
    return {"first": first, "second": second,
            "previous": np.array([previous_token_scores(w) for w in weights]),
            "induction": np.array([induction_scores(w, HALF) for w in weights])}


def train_and_look(n_layers, *, seed=0, watched=WATCHED, ids=None, n_heads=2):
    """(model, [look at each watched step]), each with its "step"."""
    ids = measured_texts() if ids is None else ids
    model, trainer = induction_trainer(n_layers, seed=seed, n_heads=n_heads)
    rows = []
    for step in watched:
        trainer.train(step)
        rows.append({"step": step, **look(model, ids)})
    return model, rows


def first_step(rows, reached):
    """The first watched step whose row is as asked, or None: reached is a function of a row."""
    return next((row["step"] for row in rows if reached(row)), None)


def changed_texts(n_texts=64, seed=2_021):
    """(clean, corrupted, answer, other): texts to patch, 24 different tokens and 12 of them again.

    clean (N, 36) ends with the token of place 11, so answer (N,) is the token of place 12. In
    corrupted another token stands at place 11, one that is nowhere else. other (N,): the token of
    place 5, which is no answer to either.
    """
    rng = np.random.default_rng(seed)
    shuffled = rng.permuted(np.tile(np.asarray(TOKENS), (n_texts, 1)), axis=1)  # (N, 37)
    clean = np.concatenate([shuffled[:, :HALF], shuffled[:, :12]], axis=1)      # (N, 36)
    corrupted = clean.copy()
    corrupted[:, 11] = shuffled[:, HALF]                                         # (N,)
    return clean, corrupted, clean[:, 12], clean[:, 5]


def induction_patching(model, n_texts=64):
    """The patching map of changed_texts: (L + 1, 36)."""
    clean, corrupted, answer, other = changed_texts(n_texts)
    return patching_map(decoder_chain(model, clean), decoder_chain(model, corrupted),
                        lambda logits: logit_difference(logits, at=-1, answer=answer, other=other))


def take_away(model, ids):
    """What becomes of the second half's loss and of the patterns without each head."""
    means = head_means(model.forward(ids)[1], n_heads=model.config.n_heads)

    def second(model):
        return losses_by_half(model, ids)[1]

    alone = [{"head": head, **look(ablate_heads(model, [head]), ids)}
             for head in np.ndindex(means.shape[:2])]
    order = [row["head"] for row in sorted(alone, key=lambda row: row["second"])]
    return {"alone": alone, "alone_by_mean": ablate_each(model, second, means=means),
            "order": order, "in_order": ablate_in_order(model, order, second)}


def in_text_loss(ids):
    """The loss in the second half of who knows how often each token stood in the first, only."""
    half = ids.shape[1] // 2
    first, second = ids[:, :half], ids[:, half + 1:]                         # (B, half), (B, ...)
    times = np.sum(second[:, :, None] == first[:, None, :], axis=-1)         # (B, half - 1)
    return float(np.mean(-np.log(times / half)))


def one_seed(seed, *, watched=WATCHED):
    """All of one seed, as a dict for the file."""
    start, ids = time.process_time(), measured_texts()
    model, two = train_and_look(2, seed=seed, watched=watched)
    _, one = train_and_look(1, seed=seed, watched=sorted({*watched[::5], watched[-1]}))
    _, wide = train_and_look(1, seed=seed, watched=watched[-1:], n_heads=4)
    return {"seed": seed, "two_blocks": two, "one_block": one, "one_block_four_heads": wide,
            "take_away": take_away(model, ids), "patching": induction_patching(model),
            "cpu_minutes": (time.process_time() - start) / 60}


def measure(seeds=SEEDS, path=INDUCTION_FILE, **run):
    """Measure seed after seed, and write the file after each."""
    runs = []
    for seed in seeds:
        runs.append(one_seed(seed, **run))
        print(f"seed {seed}: {runs[-1]['two_blocks'][-1]}", flush=True)
        content = {"command": "python -m minitransformer.teaching.induction_runs",
                   "versions": {"python": platform.python_version(), "numpy": np.__version__},
                   "steps": STEPS, "seeds": [run["seed"] for run in runs],
                   "in_text_loss": in_text_loss(measured_texts()), "runs": runs}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(short(content)).replace('{"step"', '\n{"step"') + "\n",
                        encoding="utf-8", newline="\n")


def short(content):
    """The same for JSON: arrays as lists, numbers with four digits behind the point."""
    if isinstance(content, dict):
        return {key: short(value) for key, value in content.items()}
    if isinstance(content, np.ndarray):
        return short(content.tolist())
    if isinstance(content, (list, tuple)):
        return [short(value) for value in content]
    return round(content, 4) if isinstance(content, float) else content


def read_induction(path=INDUCTION_FILE):
    """What the file holds. Raises FileNotFoundError with the command that makes it."""
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: make it with "
                                "python -m minitransformer.teaching.induction_runs")
    return json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    run_command(__doc__, measure)

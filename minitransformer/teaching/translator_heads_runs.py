"""Which heads of the translator carry German's units before the tens, with three seeds.

    python -m minitransformer.teaching.translator_heads_runs              15 minutes of CPU time
    python -m minitransformer.teaching.translator_heads_runs --models F   keeps them in folder F

The translator of lesson 10 learns for 300 steps. On test numbers that end in tens and units (forty-
seven, siebenundvierzig) is measured what the cross-attention's heads look at while the units' and
the tens' letters are written; what is lost without each head; and which of the encoder's vectors
have to be exchanged so that another unit is written. For lesson 20. The results stand in
lessons/results/translator_heads.json, which is written after every seed.
"""

import json
import platform
import time
from collections import Counter

import numpy as np

from minitransformer.data.batching import make_batch
from minitransformer.data.number_words import number_pairs
from minitransformer.functional import log_softmax_forward
from minitransformer.interpretability.ablation import PLACES, ablate_heads, head_means
from minitransformer.interpretability.patching import (
    encoder_chain, head_patching, logit_difference, patching_map, two_sources_forward)
from minitransformer.malloc import keep_freed_memory
from minitransformer.teaching.induction_runs import short
from minitransformer.teaching.ladder import LADDER
from minitransformer.teaching.number_endings import ending, mistake, with_endings
from minitransformer.teaching.price_runs import trained
from minitransformer.teaching.run_command import run_command
from minitransformer.translator import number_word_pairs

HEADS_FILE = LADDER.with_name("translator_heads.json")
SEEDS, STEPS, WIDTH = (0, 1, 2), 300, 128


def looks(translator, pairs, endings):
    """{"units", "tens", "tens at units": (L, H)}: the mean weight of each cross-attention head.

    units: on the units' word while the units' letters are written; tens: likewise; tens at units:
    on the tens' word while the units' letters are written.
    """
    batch = make_batch(translator.encode(pairs))
    _, cache = translator.model.forward(batch.src, batch.tgt)
    weights = np.stack([block.cross_attention.attention.weights
                        for block in cache.decoder.blocks])              # (L, B, H, T, S)

    def mean(letters, word):
        return np.mean([weights[:, b, :, getattr(places, letters), getattr(places, word)].mean(-1)
                        for b, places in enumerate(endings)], axis=0)    # (L, H)

    return {"units": mean("units", "units_word"), "tens": mean("tens", "tens_word"),
            "tens at units": mean("units", "tens_word")}


def letter_losses(model, batch, endings):
    """{"units", "tens", "others"}: the mean loss of these letters, under teacher forcing."""
    logits, _ = model.forward(batch.src, batch.tgt)                      # (B, T, V)
    logs, _ = log_softmax_forward(logits)                                # (B, T, V)
    nats = -np.take_along_axis(logs, batch.targets[..., None], -1)[..., 0]  # (B, T)
    part = np.where(batch.targets == model.config.pad_id, -1, 0)         # (B, T)
    for row, places in zip(part, endings, strict=True):
        row[places.units], row[places.tens] = 1, 2
    return {name: float(nats[part == n].mean())
            for n, name in enumerate(("others", "units", "tens"))}


def without_each(translator, pairs, endings):
    """A row for every head of the model: the letters' losses without it."""
    batch = make_batch(translator.encode(pairs))
    model, rows = translator.model, []
    for where in ("encoder", "decoder", "cross"):
        for head in np.ndindex(model.config.n_layers, model.config.n_heads):
            rows.append({"where": where, "head": head, **letter_losses(
                ablate_heads(model, [head], where=where), batch, endings)})
    return rows


def mistakes(translator, pairs, model):
    """{what is wrong: how many} of the translations that this model makes, and three examples."""
    texts = translator._replace(model=model).translate([source for source, _ in pairs])
    kinds = [mistake(text, target) for text, (_, target) in zip(texts, pairs, strict=True)]
    wrong = [[source, text] for kind, text, (source, _) in zip(kinds, texts, pairs)
             if kind not in ("", "elsewhere")]
    return {"right": kinds.count(""), **{kind: n for kind, n in Counter(kinds).items() if kind},
            "examples": wrong[:3]}


def units_pairs(translator, *, n_texts=64, seed=2_022, change="units"):
    """(clean, corrupted, answer, other, at): numbers that differ in one word, to be patched.

    clean and corrupted: lists of pairs of texts of the same 14 English words; the number's last
    digit is another one, or with change="tens" the last but one. at (N,): the place of the first
    German letter that differs; answer and other (N,): the ids that belong there.
    """
    rng, step = np.random.default_rng(seed), {"units": 1, "tens": 10}[change]
    found = []
    while len(found) < n_texts:
        digits = rng.integers([1, 2, 1, 1, 2, 1], 10)                    # (6,) as in 2 64, 5 58
        number = int("".join(map(str, digits)))
        digit = number // step % 10
        new = int(rng.integers(step // 10 + 1, 10))
        pairs = number_pairs([number, number + (new - digit) * step])
        places = [getattr(ending(translator.source.split(a), b), change) for a, b in pairs]
        at = places[0].start
        if pairs[0][1][at] != pairs[1][1][at]:                           # sechs and sieben both: s
            found.append((*pairs, at))
    clean, corrupted, at = map(list, zip(*found))
    answer, other = ([translator.target.encode(text[t])[0] for (_, text), t in zip(pairs, at)]
                     for pairs in (clean, corrupted))
    return clean, corrupted, np.array(answer), np.array(other), np.array(at)


def patching(translator, change, *, n_texts=64):
    """What has to read the clean number so that its letter is written, all as shares.

    {"places": (L + 1, 14) for one vector of the encoder's; "heads": (L, H) for one head of the
    cross-attention; "blocks": (L,) for all heads of a decoder block}.
    """
    clean, corrupted, answer, other, at = units_pairs(translator, n_texts=n_texts, change=change)
    good, bad = (make_batch(translator.encode(pairs)) for pairs in (clean, corrupted))
    tgt = good.tgt[:, :at.max() + 1]                                     # (N, T): no more is asked
    model = translator.model

    def measure(logits):
        return logit_difference(logits, at=at, answer=answer, other=other)

    def score(blocks):
        heads = [(i, h) for i in blocks for h in range(model.config.n_heads)]
        return measure(two_sources_forward(model, good.src, bad.src, tgt=tgt, heads=heads))

    layers = range(model.config.n_layers)
    low, high = score([]), score(layers)
    return {"places": patching_map(*(encoder_chain(model, batch.src, tgt) for batch in (good, bad)),
                                   measure),
            "heads": head_patching(model, good.src, bad.src, tgt=tgt, measure=measure),
            "blocks": [(score([i]) - low) / (high - low) for i in layers]}


def together(translator, pairs, endings, means, order):
    """Rows for the heads of each decoder block, and for 1, 2, ... of order, gone by their means."""
    batch, (L, H) = make_batch(translator.encode(pairs)), means.shape[:2]
    groups = {**{f"block {i}": [(i, h) for h in range(H)] for i in range(L)},
              **{str(n): order[:n] for n in range(1, L * H)}}
    rows = []
    for name, heads in groups.items():
        model = ablate_heads(translator.model, heads, where="cross", means=means)
        rows.append({"gone": name, "heads": heads, **letter_losses(model, batch, endings)})
        if name.startswith("block"):
            rows[-1] |= {"mistakes": mistakes(translator, pairs, model)}
    return rows


def one_seed(seed, pairs, *, steps=STEPS, width=WIDTH, folder=None):
    """All of one seed, as a dict for the file."""
    start = time.process_time()
    translator = trained(pairs, width=width, seed=seed, steps=steps, folder=folder)
    model = translator.model
    asked, endings = with_endings(translator, pairs.test)
    batch = make_batch(translator.encode(asked))
    means = head_means(model.forward(batch.src, batch.tgt)[1], n_heads=model.config.n_heads,
                       where="cross", real=batch.tgt != model.config.pad_id)
    seen = looks(translator, asked, endings)
    order = sorted(np.ndindex(means.shape[:2]), key=lambda head: -seen["units"][head])
    cross = [{"head": head,
              "zero": mistakes(translator, asked, ablate_heads(model, [head], where="cross")),
              "mean": mistakes(translator, asked,
                               ablate_heads(model, [head], where="cross", means=means))}
             for head in np.ndindex(means.shape[:2])]
    return {"seed": seed, "numbers": len(asked), "whole": mistakes(translator, asked, model),
            "losses": letter_losses(model, batch, endings),
            "looks": seen,
            "without": without_each(translator, asked, endings), "cross": cross,
            "together": together(translator, asked, endings, means, order),
            "patching": {change: patching(translator, change) for change in ("units", "tens")},
            "cpu_minutes": (time.process_time() - start) / 60}


def measure(seeds=SEEDS, path=HEADS_FILE, pairs=None, **run):
    """Measure seed after seed, and write the file after each."""
    pairs, runs = number_word_pairs() if pairs is None else pairs, []
    for seed in seeds:
        runs.append(one_seed(seed, pairs, **run))
        print(f"seed {seed}: {runs[-1]['whole']}", flush=True)
        content = {"command": "python -m minitransformer.teaching.translator_heads_runs",
                   "versions": {"python": platform.python_version(), "numpy": np.__version__},
                   "steps": run.get("steps", STEPS), "seeds": [run["seed"] for run in runs],
                   "places": list(PLACES)[1:], "runs": runs}
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(short(content), ensure_ascii=False).replace('{"seed"', '\n{"seed"')
        path.write_text(text.replace('{"head"', '\n{"head"') + "\n", encoding="utf-8",
                        newline="\n")


def read_translator_heads(path=HEADS_FILE):
    """What the file holds. Raises FileNotFoundError with the command that makes it."""
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: make it with "
                                "python -m minitransformer.teaching.translator_heads_runs")
    return json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    keep_freed_memory()
    run_command(__doc__, measure, {"--models": {
        "dest": "folder", "metavar": "F", "help": "keep the trained translators in folder F"}})

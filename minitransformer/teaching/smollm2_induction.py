"""Induction heads in a language model that others trained: SmolLM2, 30 blocks of 9 heads.

    python run.py pretrained smollm2                      installs it
    python -m minitransformer.teaching.smollm2_induction  5 minutes of processor time

The model reads 8 texts of 25 tokens drawn at random from its 49,152, each twice. Every head's
scores are measured; then the heads with the highest induction scores are taken away, more and more
of them, as many others instead, and the heads with the highest previous-token scores, by what they
say on average. For lesson 20. The results stand in lessons/results/smollm2_induction.json.
"""

import json
import platform

import numpy as np

from minitransformer.interpretability.ablation import ablate_heads, head_means
from minitransformer.interpretability.induction import (
    induction_scores, losses_by_half, previous_token_scores, repeated_tokens)
from minitransformer.teaching.induction_runs import short
from minitransformer.teaching.ladder import LADDER
from minitransformer.teaching.run_command import run_command

SMOLLM2_FILE = LADDER.with_name("smollm2_induction.json")
TEXTS, PERIOD, TAKEN = 8, 25, (4, 8, 16, 32)
DRAWS = 3  # sets of other heads
PREVIOUS_TAKEN = (1, 2, 4)


def induction_in(model, vocab, *, n_texts=TEXTS, period=PERIOD, taken=TAKEN, draws=DRAWS):
    """The scores (L, H), the losses of both halves, and without the heads of the highest scores.

    model: a DecoderOnly; vocab: the ids to draw texts from.
    """
    ids = repeated_tokens(np.random.default_rng(0), n_texts=n_texts, period=period,
                          length=2 * period, vocab=vocab)
    _, cache = model.forward(ids)
    weights = [block.attention.attention.weights for block in cache.blocks]  # (B, H, T, T) each
    induction = np.array([induction_scores(w, period) for w in weights])     # (L, H)
    previous = np.array([previous_token_scores(w) for w in weights])         # (L, H)
    means = head_means(cache, n_heads=model.config.n_heads)                  # (L, H, K)
    del cache, weights
    earlier = sorted(np.ndindex(previous.shape), key=lambda head: -previous[head])
    ranked = sorted(np.ndindex(induction.shape), key=lambda head: -induction[head])
    rng, rows = np.random.default_rng(1), []
    for n in taken:
        others = ranked[max(taken):]
        sets = [("induction", ranked[:n]),
                *(("others", [others[i] for i in rng.choice(len(others), n, replace=False)])
                  for _ in range(draws))]
        for kind, heads in sets:
            first, second = losses_by_half(ablate_heads(model, heads, means=means), ids)
            rows.append({"kind": kind, "heads": n, "first": first, "second": second})
            print(rows[-1], flush=True)
    for n in PREVIOUS_TAKEN:
        silent = ablate_heads(model, earlier[:n], means=means)
        first, second = losses_by_half(silent, ids)
        left = [induction_scores(block.attention.attention.weights, period)
                for block in silent.forward(ids)[1].blocks]              # L of (H,)
        rows.append({"kind": "previous", "heads": n, "first": first, "second": second,
                     "induction": [float(left[i][h]) for i, h in ranked[:4]]})
        print(rows[-1], flush=True)
    return {"induction": induction, "previous": previous, "whole": losses_by_half(model, ids),
            "order": ranked[:max(taken)], "previous_order": earlier[:8], "rows": rows}


def measure(path=SMOLLM2_FILE):
    """Measure SmolLM2 and write the file. Raises ModuleNotFoundError where it is not installed."""
    from minitransformer.pretrained import load_pretrained

    model = load_pretrained("smollm2").model
    content = {"command": "python -m minitransformer.teaching.smollm2_induction",
               "versions": {"python": platform.python_version(), "numpy": np.__version__},
               "texts": TEXTS, "period": PERIOD,
               **induction_in(model, range(100, model.config.vocab_size))}
    path.write_text(json.dumps(short(content)).replace('{"kind"', '\n{"kind"') + "\n",
                    encoding="utf-8", newline="\n")


def read_smollm2_induction(path=SMOLLM2_FILE):
    """What the file holds. Raises FileNotFoundError with the command that makes it."""
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: make it with "
                                "python -m minitransformer.teaching.smollm2_induction")
    return json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    run_command(__doc__, measure)

"""Texts longer than any in training, with five kinds of positions: lesson 14's experiment.

    python -m minitransformer.teaching.extrapolation   measure, and write the file (12 minutes)

The same small language model is trained on pieces of T characters with each kind of positions, and
then reads pieces of 4 T characters of the manual's validation text. The bits per character, by the
place in the piece, stand in lessons/results/positions.json.
"""

import functools
import json
import math
import platform

import numpy as np

from minitransformer.data.manual import python_manual
from minitransformer.data.tokenizers import END
from minitransformer.functional import log_softmax_forward
from minitransformer.models.decoder_only import (
    DecoderOnlyConfig, decoder_only_backward, decoder_only_forward, decoder_only_init)
from minitransformer.teaching.ladder import LADDER
from minitransformer.teaching.one_head import train_one_head
from minitransformer.teaching.run_command import run_command

POSITIONS_FILE = LADDER.with_name("positions.json")
KINDS = ("none", "sinusoidal", "learned", "rotary", "alibi")
SEEDS = (0, 1, 2)
CONFIG = {"d_model": 64, "n_heads": 4, "n_layers": 2, "d_ff": 256, "length": 64, "batch": 16,
          "steps": 1500, "lr": 0.004}
LONGER = 4  # texts are read that are so many times as long as those in training
BIN = 16    # the file keeps the mean of so many places


def train_with_positions(split, positions, *, seed, d_model, n_heads, n_layers, d_ff, length,
                         batch, steps, lr):
    """Train on pieces of `length` characters: (params, ids as a TextSplit, the model's config).

    The model could read LONGER times as much: learned positions have a row for each of those
    places, and rows that training never reaches.
    """
    config = DecoderOnlyConfig(
        vocab_size=END + 1 + len(set("".join(split))), d_model=d_model, n_heads=n_heads,
        n_layers=n_layers, d_ff=d_ff, max_seq_len=LONGER * length, dropout=0.0,
        activation="relu", positions=positions)

    def init(rng, *, vocab_size, d_model):
        return decoder_only_init(rng, config=config)

    params, ids, _ = train_one_head(
        split, seed=seed, d_model=d_model, block=length, batch=batch, steps=steps, lr=lr,
        init=init, forward=functools.partial(decoder_only_forward, config=config),
        backward=decoder_only_backward)
    return params, ids, config


def bits_by_place(params, ids, *, config, length):
    """The mean bits of the character after place 0, 1, ...: (max_seq_len,).

    Pieces of max_seq_len begin at every multiple of length in ids, so that each stretch of
    `length` places is measured on nearly the same characters as the next.
    """
    starts = np.arange(0, len(ids) - config.max_seq_len, length)[:, None]     # (N, 1)
    pieces = ids[starts + np.arange(config.max_seq_len + 1)]                  # (N, T + 1)
    total = np.zeros(config.max_seq_len)                                      # (T,)
    for some in np.array_split(pieces, math.ceil(len(pieces) / 32)):
        logits, _ = decoder_only_forward(params, ids=some[:, :-1], config=config)   # (B, T, V)
        log_probs, _ = log_softmax_forward(logits)                            # (B, T, V)
        total -= np.take_along_axis(log_probs, some[:, 1:, None], axis=-1)[..., 0].sum(axis=0)
    return total / len(pieces) / math.log(2)                                  # (T,)


def read_positions(path=POSITIONS_FILE):
    """{"config", "seeds", "bin", "bits", ...}; bits[kind] has a row of bins for each seed.

    Raises FileNotFoundError with the command that makes the file.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: make it with "
                                "python -m minitransformer.teaching.extrapolation")
    return json.loads(path.read_text(encoding="utf-8"))


def measure_positions(split, *, kinds=KINDS, seeds=SEEDS, config=CONFIG, bin=BIN,
                      path=POSITIONS_FILE):
    """Train with every kind of positions and every seed on split.train, and write the file."""
    bits = {kind: [] for kind in kinds}
    for seed in seeds:
        for kind in kinds:
            params, ids, model = train_with_positions(split, kind, seed=seed, **config)
            places = bits_by_place(params, ids.validation, config=model, length=config["length"])
            bits[kind].append([round(float(b), 4) for b in places.reshape(-1, bin).mean(axis=1)])
            stretches = places.reshape(LONGER, -1).mean(axis=1)
            print(f"{kind:<12} seed {seed}: bits per character in stretches of {config['length']} "
                  + ", ".join(f"{b:.3f}" for b in stretches), flush=True)
    content = {"command": "python -m minitransformer.teaching.extrapolation",
               "versions": {"python": platform.python_version(), "numpy": np.__version__},
               "config": config, "seeds": list(seeds), "bin": bin, "bits": bits}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    run_command(__doc__, lambda: measure_positions(python_manual()))

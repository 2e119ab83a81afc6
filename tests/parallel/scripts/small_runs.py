"""Small models in float64 and streams of batches with uneven counts of targets, for each model."""

import numpy as np

from minitransformer.data.batching import Batch, BatchStream
from minitransformer.data.labelled import LabelledBatch
from minitransformer.models import (
    DecoderOnly, DecoderOnlyConfig, EncoderDecoder, EncoderDecoderConfig, EncoderOnly,
    EncoderOnlyConfig)
from minitransformer.training import AdamW

SIZES = {"d_model": 8, "n_heads": 2, "n_layers": 2, "d_ff": 12, "max_seq_len": 12, "dropout": 0.2}


class Uneven:
    """Batches of another size and another padding each; a function of the number alone."""

    def __init__(self, make):
        self.make = make

    def batch(self, i):
        rng = np.random.default_rng([7, i])
        B, T = 1 + i % 3, 9
        lengths = rng.integers(1, T + 1, B)
        ids = np.where(np.arange(T) < lengths[:, None], rng.integers(3, 11, (B, T)), 0)
        return self.make(ids, rng)


def written(ids, rng):
    return Batch(None, ids, np.where(ids > 0, np.roll(ids, -1, axis=1), 0))


def classified(ids, rng):
    targets = rng.integers(0, 5, len(ids))
    targets[1:][rng.random(len(ids) - 1) < 0.3] = -1
    return LabelledBatch(features=None, ids=ids, mask=ids > 0, targets=targets)


def pairs():
    rng = np.random.default_rng(5)
    return [(rng.integers(3, 11, rng.integers(1, 9)).tolist(),
             rng.integers(3, 10, rng.integers(1, 9)).tolist()) for _ in range(30)]


def make(kind, seed=0, **changes):
    """(model, optimizer, batches) of a kind of model."""
    sizes = {**SIZES, **changes}
    if kind == "encoder_decoder":
        model = EncoderDecoder(EncoderDecoderConfig(11, 10, **sizes), seed=seed, dtype=np.float64)
        batches = BatchStream(pairs(), batch_size=4, seed=2, by_length=False)
    elif kind == "decoder_only":
        model = DecoderOnly(DecoderOnlyConfig(11, **sizes), seed=seed, dtype=np.float64)
        batches = Uneven(written)
    else:
        config = EncoderOnlyConfig(vocab_size=11, n_classes=5, **sizes)
        model, batches = EncoderOnly(config, seed=seed, dtype=np.float64), Uneven(classified)
    return model, AdamW(model.params, lr=1e-2, weight_decay=0.1), batches

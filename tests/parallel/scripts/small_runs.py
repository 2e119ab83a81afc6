"""Small models in float64 and streams of batches with uneven counts of targets, for each model."""

import numpy as np

from minitransformer.data.batching import Batch, BatchStream
from minitransformer.data.labelled import LabelledBatch
from minitransformer.models import (
    DecoderOnly, DecoderOnlyConfig, EncoderDecoder, EncoderDecoderConfig, EncoderOnly,
    EncoderOnlyConfig)
from minitransformer.training import AdamW

SIZES = {"d_model": 8, "n_heads": 4, "n_layers": 2, "d_ff": 12, "max_seq_len": 12, "dropout": 0.2}


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


def measured(ids, rng):
    features = np.where(ids[..., None] > 0, rng.normal(size=(*ids.shape, 3)), 0)
    return classified(ids, rng)._replace(features=features, ids=None)


def masked_words(ids, rng):
    hidden = (ids > 0) & (rng.random(ids.shape) < 0.6)
    hidden[0, 0] = True
    return LabelledBatch(features=None, ids=np.where(hidden, 2, ids), mask=ids > 0,
                         targets=np.where(hidden, ids, -1))


def pairs():
    rng = np.random.default_rng(5)
    return [(rng.integers(3, 11, rng.integers(1, 9)).tolist(),
             rng.integers(3, 10, rng.integers(1, 9)).tolist()) for _ in range(30)]


def make(kind, seed=0, **changes):
    """(model, optimizer, batches) of a kind of model."""
    sizes = {**SIZES, **changes}
    if kind == "encoder_decoder":
        config = EncoderDecoderConfig(11, **{"tgt_vocab_size": 10, **sizes})
        model = EncoderDecoder(config, seed=seed, dtype=np.float64)
        batches = BatchStream(pairs(), batch_size=4, seed=2, by_length=False)
    elif kind == "decoder_only":
        model = DecoderOnly(DecoderOnlyConfig(11, **sizes), seed=seed, dtype=np.float64)
        batches = Uneven(written)
    else:
        own, form = {"encoder_only": ({"vocab_size": 11, "n_classes": 5}, classified),
                     "features": ({"n_features": 3, "n_classes": 5}, measured),
                     "masked words": ({"vocab_size": 11, "pooling": "none"}, masked_words)}[kind]
        model = EncoderOnly(EncoderOnlyConfig(**own, **sizes), seed=seed, dtype=np.float64)
        batches = Uneven(form)
    return model, AdamW(model.params, lr=1e-2, weight_decay=0.1), batches

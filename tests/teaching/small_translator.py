"""A small encoder-decoder that is trained a few steps, to compare the package with a reader's."""

import functools

import numpy as np

from minitransformer.data.batching import BatchStream
from minitransformer.models import EncoderDecoder, EncoderDecoderConfig
from minitransformer.teaching.mine import halves_of, lessons_half
from minitransformer.training.optimizer import AdamW
from minitransformer.training.trainer import Trainer

STEPS = 12


@functools.cache
def package_losses():
    return trained_losses(np.float64)


def trained_losses(dtype, placement="pre"):
    """The losses of a small encoder-decoder with dropout, padding, smoothing and clipping."""
    rng = np.random.default_rng(0)
    pairs = [(list(rng.integers(3, 11, n)), list(rng.integers(3, 13, m)))
             for n, m in rng.integers(2, 9, size=(64, 2))]
    config = EncoderDecoderConfig(11, 13, d_model=16, n_heads=4, n_layers=2, d_ff=24,
                                  max_seq_len=12, dropout=0.2, norm_placement=placement)
    model = EncoderDecoder(config, seed=1, dtype=dtype)
    trainer = Trainer(model, AdamW(model.params, lr=3e-3), BatchStream(pairs, batch_size=8, seed=2),
                      clip_norm=1.0, label_smoothing=0.1, print_every=0)
    losses = [row.loss for row in trainer.train(STEPS)]
    assert all(array.dtype == dtype for array in model.params["encoder"]["norm"].values())
    return np.array(losses)


def apart(a, b):
    return np.max(np.abs(a - b) / np.abs(b))


def solutions(name):
    return [lessons_half(half).function for half in halves_of(name)]

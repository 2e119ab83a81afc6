"""Makers of small models and trainers."""

import pytest
from small_run import SIZES, make_pairs

from minitransformer.data.batching import BatchStream
from minitransformer.models import EncoderDecoder, EncoderDecoderConfig
from minitransformer.training import AdamW, Trainer


@pytest.fixture
def make_model():
    def make(dtype="float32", seed=0, **changes):
        return EncoderDecoder(EncoderDecoderConfig(12, 12, **{**SIZES, **changes}), seed=seed,
                              dtype=dtype)
    return make


@pytest.fixture
def make_trainer(make_model):
    """Trainer(...) of a fresh model, silent, with its own stream; keywords go to Trainer."""
    def make(model=None, optimizer=None, batches=None, **options):
        model = make_model() if model is None else model
        optimizer = AdamW(model.params, lr=1e-2) if optimizer is None else optimizer
        batches = BatchStream(make_pairs(), batch_size=8, seed=1) if batches is None else batches
        return Trainer(model, optimizer, batches, print_every=0, **options)
    return make

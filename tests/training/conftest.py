"""Makers of small models and trainers."""

from functools import partial

import pytest
from small_run import SIZES, make_pairs

from minitransformer.data.batching import BatchStream, make_batch
from minitransformer.models import EncoderDecoder, EncoderDecoderConfig
from minitransformer.training import AdamW, Trainer, inverse_square_root


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


@pytest.fixture
def start(make_model, make_trainer):
    """start(run_dir): a trainer with everything on that could differ after resuming."""
    def make(run_dir, *, model=None, make_optimizer=None, **options):
        model = make_model() if model is None else model
        make_optimizer = make_optimizer or partial(AdamW, weight_decay=0.01)
        settings = {"schedule": partial(inverse_square_root, peak=1e-2, warmup=5),
                    "clip_norm": 1.0, "label_smoothing": 0.1, "accumulate": 2, "seed": 7,
                    "validation": [make_batch(make_pairs(6))], "evaluate_every": 3,
                    "checkpoint_every": 4}
        return make_trainer(model, make_optimizer(model.params, lr=1e-2), run_dir=run_dir,
                            **{**settings, **options})
    return make

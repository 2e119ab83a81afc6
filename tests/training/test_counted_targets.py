"""Which targets count: what the model ignores, and no other. Class 0 is a class."""

import numpy as np
import pytest
from small_run import Batches

from minitransformer.data.labelled import LabelledBatch, LabelledStream
from minitransformer.models import EncoderOnly, EncoderOnlyConfig
from minitransformer.training import AdamW, Trainer
from minitransformer.tree import tree_items

SIZES = {"n_features": 3, "d_model": 8, "n_heads": 2, "n_layers": 1, "d_ff": 9, "dropout": 0.2}


def make(**changes):
    return EncoderOnly(EncoderOnlyConfig(**{**SIZES, "n_classes": 4, **changes}), dtype=np.float64)


def make_batch(targets, seed=0):
    targets = np.array(targets)
    features = np.random.default_rng(seed).normal(size=(len(targets), 5, 3))
    return LabelledBatch(features, None, np.ones((len(targets), 5), bool), targets)


def test_every_class_counts_and_the_ignored_does_not():
    model = make()
    trainer = Trainer(model, AdamW(model.params), Batches(make_batch([0, 3, -1, 0])),
                      print_every=0, validation=[make_batch([0]), make_batch([1, -1, 2, 0], 1)])
    assert trainer.train(1)[0].tokens == 3
    losses = [model.loss(batch) for batch in trainer.validation]
    assert trainer.evaluate() == pytest.approx((losses[0] + 3 * losses[1]) / 4, rel=1e-14)


def test_parts_of_uneven_count_add_up_to_the_mean_over_all():
    parts = [make_batch([0, -1, -1]), make_batch([2, 0, 1], 1)]

    def one_step(batches, accumulate):
        model = make(dropout=0.0)
        optimizer = AdamW(model.params)
        row = Trainer(model, optimizer, batches, accumulate=accumulate,
                      print_every=0).train(1)[0]
        return row, model

    row, model = one_step(Batches(*parts), 2)
    whole = LabelledBatch(*(None if a is None else np.concatenate([a, b])
                            for a, b in zip(*parts)))
    expected, twin = one_step(Batches(whole), 1)
    assert (row.tokens, row.loss) == (4, pytest.approx(expected.loss, rel=1e-12))
    for (name, x), (_, y) in zip(tree_items(model.params), tree_items(twin.params)):
        if not name.endswith("k.b"):  # its gradient is rounding, which Adam makes a step of
            np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-12, err_msg=name)


def test_the_trainer_leaves_the_running_statistics_of_the_last_step(tmp_path):
    examples = [(np.random.default_rng(i).normal(i % 2, 1, (3 + i % 4, 3)), i % 2)
                for i in range(12)]

    def run(steps, resume=False):
        model = make(norm="batch", n_classes=2)
        trainer = Trainer(model, AdamW(model.params, lr=1e-2), seed=3, print_every=0,
                          batches=LabelledStream(examples, batch_size=5, seed=1),
                          run_dir=tmp_path / "run", resume=resume)
        trainer.train(steps)
        return model

    run(4)
    resumed = run(8, resume=True)
    whole = make(norm="batch", n_classes=2)
    Trainer(whole, AdamW(whole.params, lr=1e-2), seed=3, print_every=0,
            batches=LabelledStream(examples, batch_size=5, seed=1)).train(8)
    for part in ("params", "state"):
        for (name, x), (_, y) in zip(tree_items(getattr(resumed, part)),
                                     tree_items(getattr(whole, part)), strict=True):
            assert np.array_equal(x, y), name

"""The trainer: what a step computes, and what a run leaves behind."""

import os
import sys
from functools import partial

import numpy as np
import pytest
from small_run import Batches, assert_same_tree, make_pairs

from minitransformer.data.batching import BatchStream, make_batch
from minitransformer.models import EncoderDecoder
from minitransformer.training import (
    SGD,
    AdamW,
    Trainer,
    inverse_square_root,
    read_log,
)
from minitransformer.tree import tree_items, tree_map


def difference(a, b):
    """The greatest distance of two trees' entries, relative to the greatest entry of the array.

    A key's bias has no gradient but rounding: it is measured by the whole tree's greatest entry.
    """
    greatest = max(np.max(np.abs(y)) for _, y in tree_items(b))
    return max(np.max(np.abs(x - y)) / (greatest if name.endswith("k.b") else np.max(np.abs(y)))
               for (name, x), (_, y) in zip(tree_items(a), tree_items(b)))


def test_five_lines_train(capsys, make_model):
    model = make_model()
    optimizer = AdamW(model.params, lr=1e-2)
    trainer = Trainer(model, optimizer, BatchStream(make_pairs(), batch_size=8, seed=0))
    rows = trainer.train(100)
    assert [row.step for row in rows] == list(range(1, 101))
    assert rows[-1].loss < rows[0].loss / 2
    assert capsys.readouterr().out.startswith("step  50/100  loss ")


def test_one_batch_is_learned_by_heart(make_model, make_trainer):
    model = make_model(dropout=0.0, d_model=32, n_heads=4, d_ff=64)
    batch = make_batch(make_pairs(8))
    trainer = make_trainer(model, AdamW(model.params, lr=1e-2), Batches(batch), clip_norm=1.0,
                           schedule=partial(inverse_square_root, peak=1e-2, warmup=20))
    trainer.train(150)
    assert model.loss(batch) < 1e-3


def test_a_step_is_the_gradients_clipped_and_the_schedules_rate(make_model, make_trainer):
    model, twin = make_model(), make_model()
    batch = make_batch(make_pairs(5))
    trainer = make_trainer(model, SGD(model.params, lr=99.0), Batches(batch), clip_norm=0.5,
                           label_smoothing=0.1, schedule=lambda step: 0.25 * step, seed=4)
    row = trainer.train(1)[0]
    loss, grads = twin.loss_and_grads(batch, label_smoothing=0.1, dropout_seed=(4, 0))
    norm = np.sqrt(sum(np.sum(g.astype(float) ** 2) for _, g in tree_items(grads)))
    assert norm > 0.5
    assert (row.step, row.val_loss, row.lr) == (1, None, 0.25)
    assert row.tokens == np.sum(batch.targets != 0)
    assert (row.loss, row.grad_norm) == pytest.approx((loss, norm), rel=1e-6)
    expected = tree_map(lambda w, g: w - 0.25 * (0.5 / norm) * g, twin.params, grads)
    for (_, x), (_, y) in zip(tree_items(model.params), tree_items(expected)):
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-7)


def uneven_parts():
    """Three batches with 2, 21 and 10 target tokens, and the large batch that they make up."""
    parts = [[([3, 4, 5, 6, 7], [8])],
             [([3 + i], [4 + i] * 6) for i in range(3)],
             [([5] * 8, [3, 4, 5, 6]), ([6, 7], [9] * 4)]]
    return [make_batch(part) for part in parts], make_batch(sum(parts, []))


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_accumulation_equals_the_large_batch(make_model, make_trainer, label_smoothing):
    parts, large = uneven_parts()
    assert [int(np.sum(part.targets != 0)) for part in parts] == [2, 21, 10]
    results = []
    for batches, accumulate in ((parts, 3), ([large], 1)):
        model = make_model(dtype="float64", dropout=0.0)
        trainer = make_trainer(model, SGD(model.params, lr=0.5), Batches(*batches),
                               accumulate=accumulate, label_smoothing=label_smoothing)
        results.append((trainer.train(3), model.params))
    (rows, params), (large_rows, large_params) = results
    assert [row.tokens for row in rows] == [33, 33, 33]
    for row, large_row in zip(rows, large_rows):
        assert row[1] == pytest.approx(large_row[1], rel=1e-12)
        assert row[4] == pytest.approx(large_row[4], rel=1e-12)
    assert difference(params, large_params) < 1e-12


def test_each_micro_batch_has_its_own_batch_and_dropout(make_model, make_trainer):
    seen = []

    class Spy(EncoderDecoder):
        def loss_and_grads(self, batch, **options):
            seen.append((int(batch.src[0, 0]), options["dropout_seed"]))
            return super().loss_and_grads(batch, **options)

    model = Spy(make_model().config)
    batches = Batches(*[make_batch([([3 + i], [4])]) for i in range(9)])
    make_trainer(model, batches=batches, accumulate=2, seed=5).train(3)
    assert seen == [(3 + i, (5, i)) for i in range(6)]


def test_the_validation_loss_is_the_mean_over_tokens_before_the_update(make_model, make_trainer):
    parts, large = uneven_parts()
    model = make_model(dtype="float64")
    trainer = make_trainer(model, validation=parts, evaluate_every=2)
    trainer.train(1)
    expected = model.loss(large)
    rows = trainer.train(3)
    assert [row.val_loss is not None for row in rows] == [False, True, False]
    assert rows[1].val_loss == pytest.approx(expected, rel=1e-12)
    assert trainer.evaluate() == pytest.approx(model.loss(large), rel=1e-12)


def test_a_run_leaves_checkpoint_log_and_plot(tmp_path, make_model, make_trainer):
    pytest.importorskip("matplotlib")
    model = make_model()
    rows = make_trainer(model, run_dir=tmp_path / "run").train(3)
    assert sorted(os.listdir(tmp_path / "run")) == ["checkpoint.npz", "log.csv", "loss.png"]
    assert read_log(tmp_path / "run" / "log.csv") == rows
    loaded = EncoderDecoder.load(tmp_path / "run" / "checkpoint.npz")
    assert loaded.config == model.config
    assert_same_tree(loaded.params, model.params)


def test_without_matplotlib_a_run_ends_well(tmp_path, make_model, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    model = make_model()
    Trainer(model, AdamW(model.params), BatchStream(make_pairs(), batch_size=8, seed=0),
            run_dir=tmp_path).train(2)
    assert capsys.readouterr().out.splitlines()[-1] == (
        "No loss plot: matplotlib is missing (pip install matplotlib)")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_model_is_saved_and_loaded_exactly(tmp_path, make_model, dtype):
    model = make_model(dtype=dtype, tied_embeddings="all", norm_placement="post")
    model.save(tmp_path / "model.npz")
    loaded = EncoderDecoder.load(tmp_path / "model.npz")
    assert loaded.config == model.config
    assert_same_tree(loaded.params, model.params)

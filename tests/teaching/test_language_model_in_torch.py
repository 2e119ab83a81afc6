"""PyTorch's language model has the logits, loss and gradients of ours, and trains the same way."""

import functools

import numpy as np
import pytest

from minitransformer.data.batching import Batch
from minitransformer.data.text import WindowStream, windows
from minitransformer.models import DecoderOnly, DecoderOnlyConfig
from minitransformer.training import AdamW, Trainer, linear_decay
from minitransformer.tree import tree_items

torch = pytest.importorskip("torch")

from minitransformer.teaching.language_model_in_torch import (  # noqa: E402
    torch_logits, torch_loss, torch_params, train_in_torch)

CONFIG = DecoderOnlyConfig(11, d_model=12, n_heads=3, n_layers=2, d_ff=20, max_seq_len=8,
                           dropout=0.0)
IDS = np.random.default_rng(0).integers(3, 11, size=200)


def random_model(dtype):
    model, rng = DecoderOnly(CONFIG, seed=1, dtype=dtype), np.random.default_rng(2)
    for _, array in tree_items(model.params):
        array[:] = rng.normal(size=array.shape)
    return model


def test_logits_loss_and_every_gradient_agree():
    model = random_model(np.float64)
    batch = Batch(None, *windows(IDS, 8))
    params = torch_params(model.params)
    logits, _ = model.forward(batch.tgt)
    np.testing.assert_allclose(
        torch_logits(params, torch.tensor(batch.tgt), config=CONFIG).detach(), logits, rtol=1e-9,
        atol=1e-9)
    loss = torch_loss(params, batch, config=CONFIG)
    loss.backward()
    ours, grads = model.loss_and_grads(batch)
    assert loss.item() == pytest.approx(ours, rel=1e-12)
    for (name, gradient), (_, tensor) in zip(tree_items(grads), tree_items(params)):
        np.testing.assert_allclose(tensor.grad, gradient, rtol=1e-8, atol=1e-11, err_msg=name)


def test_without_dropout_training_gives_the_same_losses():
    def trainer():
        model = DecoderOnly(CONFIG, seed=1, dtype=np.float64)
        return Trainer(
            model, AdamW(model.params, betas=(0.9, 0.98), weight_decay=0.1),
            WindowStream(IDS, batch_size=4, length=8, seed=3), clip_norm=0.5, print_every=0,
            validation=[Batch(None, *windows(IDS[:80], 8))],
            schedule=functools.partial(linear_decay, peak=0.01, warmup=5, steps=30))

    ours = trainer()
    before = ours.evaluate()
    params, losses, watched = train_in_torch(ours, steps=30, evaluate_at=(0, 10))
    assert watched[0] == pytest.approx(before, rel=1e-12) == pytest.approx(ours.evaluate())
    rows = ours.train(30)
    # Not closer: PyTorch adds 1e-6 to the norm that it clips by.
    np.testing.assert_allclose(losses, [row.loss for row in rows], rtol=1e-6)
    assert watched[30] == pytest.approx(ours.evaluate(), rel=1e-6) and watched[30] < before
    for (name, array), (_, theirs) in zip(tree_items(ours.model.params), tree_items(params)):
        np.testing.assert_allclose(theirs, array, rtol=1e-4, atol=1e-6, err_msg=name)

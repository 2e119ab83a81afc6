"""The package's language model as one would write it in PyTorch, by autograd, to compare with.

PyTorch is needed: pip install torch
"""

import math

import numpy as np

from minitransformer.data.tokenizers import PAD
from minitransformer.functional import sinusoidal_positions
from minitransformer.tree import tree_map


def import_torch():
    """The module torch. Raises ModuleNotFoundError with the command that installs it."""
    try:
        import torch
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "this comparison needs PyTorch: pip install torch") from None
    return torch


def torch_params(params):
    """A parameter tree as a tree of tensors that want gradients; weights stay (inputs, outputs)."""
    torch = import_torch()
    return tree_map(lambda w: torch.tensor(w).requires_grad_(), params)


def torch_logits(params, ids, *, config, training=False):
    """As decoder_only_forward, for pre-norm, layer norm, sinusoids, GELU and a tied output.

    ids (B, T) tensor -> logits (B, T, V). training: with dropout, of PyTorch's own random numbers.
    """
    torch = import_torch()
    F, D = torch.nn.functional, config.d_model

    def dropped(x):
        return F.dropout(x, config.dropout, training)

    def norm(layer, x):
        return F.layer_norm(x, (D,), layer["gain"], layer["bias"])

    def linear(layer, x):
        return x @ layer["w"] + layer["b"]

    table = params["embedding"]["table"]                                      # (V, D)
    positions = torch.tensor(sinusoidal_positions(ids.shape[1], D)).to(table.dtype)
    x = dropped(F.embedding(ids, table) * math.sqrt(D) + positions)           # (B, T, D)
    for block in params["blocks"]:
        inside, sites = norm(block["before_attention"], x), block["attention"]
        q, k, v = (linear(sites[name], inside).unflatten(-1, (config.n_heads, -1)).transpose(1, 2)
                   for name in "qkv")                                         # (B, H, T, K)
        heads = F.scaled_dot_product_attention(q, k, v, is_causal=True)       # (B, H, T, K)
        x = x + dropped(linear(sites["out"], heads.transpose(1, 2).flatten(2)))
        inside, layer = norm(block["before_feed_forward"], x), block["feed_forward"]
        x = x + dropped(linear(layer["down"], F.gelu(linear(layer["up"], inside))))
    return norm(params["norm"], x) @ table.T                                  # (B, T, V)


def torch_loss(params, batch, *, config, training=False):
    """The mean cross-entropy of a Batch, a tensor without axes."""
    torch = import_torch()
    logits = torch_logits(params, torch.tensor(batch.tgt), config=config, training=training)
    return torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), torch.tensor(batch.targets).flatten(), ignore_index=PAD)


def train_in_torch(trainer, *, steps, evaluate_at=(), threads=1):
    """Do in PyTorch what the trainer of a fresh language model would do in `steps` steps.

    The same weights to begin with, the same batches, learning rates, AdamW and clipping; its own
    dropout. The trainer and its model stay as they are. Returns (params as NumPy arrays, training
    losses, {step: validation loss}).
    """
    torch = import_torch()
    torch.set_num_threads(threads)
    torch.manual_seed(trainer.seed)
    config, recipe = trainer.model.config, trainer.optimizer
    params = torch_params(trainer.model.params)
    leaves = []
    tree_map(leaves.append, params)
    optimizer = torch.optim.AdamW(
        [{"params": [w for w in leaves if w.ndim >= 2], "weight_decay": recipe.weight_decay},
         {"params": [w for w in leaves if w.ndim < 2], "weight_decay": 0.0}],
        betas=recipe.betas, eps=recipe.eps)
    losses, watched = [], {}
    for step in range(1, steps + 1):
        if step - 1 in evaluate_at:
            watched[step - 1] = _validation_loss(params, trainer)
        loss = torch_loss(params, trainer.batches.batch(step - 1), config=config, training=True)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(leaves, trainer.clip_norm)
        for group in optimizer.param_groups:
            group["lr"] = trainer.schedule(step)
        optimizer.step()
        losses.append(loss.item())
    watched[steps] = _validation_loss(params, trainer)
    return tree_map(lambda w: w.detach().numpy().copy(), params), losses, watched


def _validation_loss(params, trainer):
    torch = import_torch()
    with torch.inference_mode():
        losses = [torch_loss(params, batch, config=trainer.model.config).item()
                  for batch in trainer.validation]
    counts = [np.count_nonzero(batch.targets != PAD) for batch in trainer.validation]
    return float(np.average(losses, weights=counts))

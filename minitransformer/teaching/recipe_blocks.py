"""Lesson 07's causal blocks, the same sizes, trained with lesson 10's recipe.

Warm-up and linear decay, clipping, weight decay, dropout, and more steps: the model is the same, so
that the ladder's bar says what training well buys.
"""

import functools
import math

import numpy as np

from minitransformer.data.tokenizers import CharacterTokenizer
from minitransformer.functional import (
    causal_mask,
    cross_entropy_backward,
    cross_entropy_forward,
    embedding_forward,
    linear_forward,
    sinusoidal_positions,
)
from minitransformer.layers import encoder_block_forward
from minitransformer.layers.options import norms_around
from minitransformer.teaching.causal_blocks import (
    BlockConfig,
    CausalBlocksCache,
    causal_blocks_backward,
    causal_blocks_forward,
    causal_blocks_init,
)
from minitransformer.training.optimizer import AdamW, clip_by_global_norm
from minitransformer.training.schedule import linear_decay


def dropped_blocks_forward(params, *, ids, config, dropout_seed):
    """causal_blocks_forward with dropout in the blocks; its backward is causal_blocks_backward.

    params as from causal_blocks_init, ids (B, T) int, dropout_seed (seed, step) -> logits
    (B, T, V), cache. Layer n of the stack draws its masks from (seed, step, n).
    """
    from_bigram, bigram = embedding_forward(params["bigram"], ids=ids)     # (B, T, V)
    x, table = embedding_forward(params["table"], ids=ids)                 # (B, T, D)
    T, D = x.shape[1:]
    x = x + sinusoidal_positions(T, D).astype(x.real.dtype)                # (B, T, D)
    blocks = []
    for layer, block in enumerate(params["blocks"]):
        x, cache = encoder_block_forward(block, x, config=config, mask=causal_mask(T, T),
                                         dropout_key=(*dropout_seed, layer))
        blocks.append(cache)                                               # x stays (B, T, D)
    before, _ = norms_around(config)
    x, norm = before.forward(params["norm"], x)                            # (B, T, D)
    from_blocks, out = linear_forward(x, params["out"])                    # (B, T, V)
    logits = from_bigram + from_blocks                                     # (B, T, V)
    return logits, CausalBlocksCache(bigram, table, blocks, before, norm, out)


def train_blocks(split, *, seed, n_layers, n_heads, d_model, d_ff, block, batch, steps, peak,
                 warmup, weight_decay, dropout, clip_norm):
    """Train on split.train: params, the ids of every part, and the forward for evaluation.

    A step takes `batch` random pieces of `block` characters, as in train_one_head.
    """
    tokenizer = CharacterTokenizer.from_texts(split)
    ids = split._replace(**{part: np.array(tokenizer.encode(text))
                            for part, text in split._asdict().items()})
    config = BlockConfig(d_model, n_heads, d_ff, dropout=dropout)
    rng = np.random.default_rng(seed)
    params = causal_blocks_init(rng, vocab_size=tokenizer.vocab_size, n_layers=n_layers,
                                config=config)
    optimizer = AdamW(params, weight_decay=weight_decay)
    for step in range(1, steps + 1):
        starts = rng.integers(len(ids.train) - block, size=(batch, 1))     # (B, 1)
        pieces = ids.train[starts + np.arange(block + 1)]                  # (B, T + 1)
        logits, cache = dropped_blocks_forward(params, ids=pieces[:, :-1], config=config,
                                               dropout_seed=(seed, step))  # (B, T, V)
        _, loss_cache = cross_entropy_forward(logits, targets=pieces[:, 1:])
        dlogits = cross_entropy_backward(1.0, loss_cache)                  # (B, T, V)
        grads, norm = clip_by_global_norm(causal_blocks_backward(dlogits, cache), clip_norm)
        if not math.isfinite(norm):
            raise ValueError(f"step {step}: the gradient is not finite")
        optimizer.step(grads, lr=linear_decay(step, peak=peak, warmup=warmup, steps=steps))
    return params, ids, functools.partial(causal_blocks_forward, config=config)

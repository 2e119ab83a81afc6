"""Activation patching: put what a model thought of one text into its thinking about another.

A forward is a chain: an embedding makes the first stream of vectors, each block changes it, a head
reads the last. So it can be stopped between two blocks, and go on with another array. What then
happens to the answer was caused by that array, and by nothing else. Lesson 20.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from minitransformer.functional import padding_mask
from minitransformer.layers import (
    decoder_block_forward, encoder_block_forward, projection_forward, tied_embeddings_forward,
    token_embedding_forward)
from minitransformer.layers.options import norms_around
from minitransformer.models.blocks import blocks_forward
from minitransformer.models.encoder_decoder import decoder_forward, encoder_forward
from minitransformer.models.head import head_forward
from minitransformer.models.norm_state import with_state


class Chain(NamedTuple):
    """A forward on one batch in pieces. Block i reads level i, and finish reads level L."""

    start: np.ndarray  # (B, T, D): level 0
    blocks: list       # L functions, (B, T, D) -> (B, T, D)
    finish: Callable   # (B, T, D) -> logits


def decoder_chain(model, ids):
    """The Chain of a DecoderOnly model on ids (B, T); it ends in logits (B, T, V)."""
    params, config = model.params, model.config
    mask, (norm, _) = padding_mask(ids, config.pad_id), norms_around(config)  # (B, 1, 1, T)
    table = params["embedding"]["table"] if config.tied_embeddings == "output" else None
    start, _ = token_embedding_forward(params["embedding"], ids=ids, config=config)  # (B, T, D)

    def step(block):
        return lambda x: blocks_forward([block], x, config=config, mask=mask, causal=True)[0]

    return Chain(start, [step(block) for block in params["blocks"]],
                 lambda x: head_forward(params, x, table, norm=norm)[0])


def encoder_chain(model, src, tgt):
    """The Chain of an EncoderDecoder's encoder on src (B, S).

    finish runs the decoder on tgt (B, T), the target so far, and gives logits (B, T, V). Level L is
    the memory, but for the final norm.
    """
    config = model.config
    params, _ = tied_embeddings_forward(model.params, tied_embeddings=config.tied_embeddings)
    mask = padding_mask(src, config.pad_id)                                   # (B, 1, 1, S)
    norm, _ = norms_around(config, mask=mask)
    encoder = with_state(params["encoder"], model.state)
    start, _ = token_embedding_forward(encoder["embedding"], ids=src, config=config)  # (B, S, D)

    def step(block):
        return lambda x: encoder_block_forward(block, x, config=config, mask=mask)[0]

    def finish(x):
        memory, _ = norm.forward(encoder["norm"], x)                          # (B, S, D)
        return decoder_forward(params["decoder"], memory, tgt=tgt, src=src, config=config)[0]

    return Chain(start, [step(block) for block in encoder["blocks"]], finish)


def streams(chain):
    """[level 0, ..., level L]: the array between each two pieces of a chain, (B, T, D) each."""
    levels = [chain.start]
    for block in chain.blocks:
        levels.append(block(levels[-1]))                                      # (B, T, D)
    return levels


def run_from(chain, level, x):
    """The logits of a chain that goes on from x (B, T, D) at this level: block `level` reads x."""
    for block in chain.blocks[level:]:
        x = block(x)                                                          # (B, T, D)
    return chain.finish(x)


def with_positions(x, other, positions):
    """A copy of x (B, T, D) with other's vectors at these positions."""
    patched = x.copy()
    patched[:, positions] = other[:, positions]                               # (B, n, D)
    return patched


def logit_difference(logits, *, at, answer, other):
    """The mean over the batch of logits[b, at, answer_b] - logits[b, at, other_b]: a float.

    at: one position for all, or (B,) of them; answer and other (B,): ids.
    """
    rows = np.arange(len(logits))
    return float(np.mean(logits[rows, at, answer] - logits[rows, at, other]))


def patching_map(clean, corrupted, measure):
    """(L + 1, T): how much of the clean answer comes back when one vector is the clean run's.

    share = (measure(patched) - measure(corrupted)) / (measure(clean) - measure(corrupted)),
    [patching.share] for each level and each position alone: 0 is nothing, 1 is all of it; less and
    more happen. clean, corrupted: Chains of two texts of the same shape. measure: a function of
    logits that gives a number, such as logit_difference.
    Raises ValueError for texts of different shapes, or that the measure does not tell apart.
    Source: Vig et al. 2020; Meng et al. 2022.
    """
    good, bad = streams(clean), streams(corrupted)
    if good[0].shape != bad[0].shape:
        raise ValueError(f"the clean text gives vectors of shape {good[0].shape}, the corrupted "
                         f"one {bad[0].shape}: position by position, they must fit")
    high, low = measure(clean.finish(good[-1])), measure(corrupted.finish(bad[-1]))
    _expect_difference(high, low)
    positions = range(good[0].shape[1])
    found = [[measure(run_from(corrupted, level, with_positions(bad[level], good[level], [t])))
              for t in positions] for level in range(len(good))]              # (L + 1, T)
    return (np.array(found) - low) / (high - low)


def two_sources_forward(model, clean_src, corrupted_src, *, tgt, heads):
    """Logits (B, T, V) of an EncoderDecoder whose cross-attention reads two sources.

    These heads, (block, head) pairs, read clean_src (B, S), all others corrupted_src (B, S); both
    memories stand side by side, and a mask for each head shows it one of them. tgt (B, T): ids.
    """
    config, S = model.config, clean_src.shape[1]
    params, _ = tied_embeddings_forward(model.params, tied_embeddings=config.tied_embeddings)
    decoder, (norm, _) = params["decoder"], norms_around(config, causal=True)
    sources = (clean_src, corrupted_src)
    memory = np.concatenate([encoder_forward(params["encoder"], src=src, config=config,
                                             state=model.state)[0] for src in sources],
                            axis=1)                                           # (B, 2 S, D)
    real = np.concatenate([padding_mask(src, config.pad_id) for src in sources],
                          axis=-1)                                            # (B, 1, 1, 2 S)
    mask = padding_mask(tgt, config.pad_id)                                   # (B, 1, 1, T)
    x, _ = token_embedding_forward(decoder["embedding"], ids=tgt, config=config)  # (B, T, D)
    for i, block in enumerate(decoder["blocks"]):
        reads_clean = np.zeros((config.n_heads, 1, 1), bool)                  # (H, 1, 1)
        reads_clean[[head for at, head in heads if at == i]] = True
        shown = real & (reads_clean == (np.arange(2 * S) < S))                # (B, H, 1, 2 S)
        x, _ = decoder_block_forward(block, x, memory, config=config, mask=mask,
                                     memory_mask=shown)                       # (B, T, D)
    x, _ = norm.forward(decoder["norm"], x)                                   # (B, T, D)
    return projection_forward(decoder["output"], x)[0]                        # (B, T, V)


def head_patching(model, clean_src, corrupted_src, *, tgt, measure):
    """(L, H): the share, as in patching_map, with one cross-attention head reading clean_src.

    measure: a function of logits. Raises ValueError for sources that the measure does not tell
    apart.
    """
    def score(heads):
        return measure(two_sources_forward(model, clean_src, corrupted_src, tgt=tgt, heads=heads))

    shape = model.config.n_layers, model.config.n_heads
    low, high = score([]), score(list(np.ndindex(shape)))
    _expect_difference(high, low)
    return np.reshape([score([head]) - low for head in np.ndindex(shape)], shape) / (high - low)


def _expect_difference(high, low):
    """Raise ValueError where both runs give the same measure, but for rounding."""
    if math.isclose(high, low, rel_tol=1e-6):
        raise ValueError(f"the measure is {high:.6g} for both texts: there is nothing to restore")

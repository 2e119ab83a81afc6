"""Activation patching: put what a model thought of one text into its thinking about another.

A forward is a chain: an embedding makes the first stream of vectors, each block changes it, a head
reads the last. So it can be stopped between two blocks, and go on with another array. What then
happens to the answer was caused by that array, and by nothing else. Lesson 20.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from minitransformer.functional import padding_mask
from minitransformer.layers import (
    encoder_block_forward, tied_embeddings_forward, token_embedding_forward)
from minitransformer.layers.options import norms_around
from minitransformer.models.blocks import blocks_forward
from minitransformer.models.encoder_decoder import decoder_forward
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
    for each level and each position alone: 0 is nothing, 1 is all of it; less and more happen.
    clean, corrupted: Chains of two texts of the same shape. measure: a function of logits that
    gives a number, such as logit_difference.
    Raises ValueError for texts of different shapes, or that the measure does not tell apart.
    Source: Vig et al. 2020; Meng et al. 2022.
    """
    good, bad = streams(clean), streams(corrupted)
    if good[0].shape != bad[0].shape:
        raise ValueError(f"the clean text gives vectors of shape {good[0].shape}, the corrupted "
                         f"one {bad[0].shape}: position by position, they must fit")
    high, low = measure(clean.finish(good[-1])), measure(corrupted.finish(bad[-1]))
    if high == low:
        raise ValueError(f"the measure is {high:.6g} for both texts: there is nothing to restore")
    positions = range(good[0].shape[1])
    found = [[measure(run_from(corrupted, level, with_positions(bad[level], good[level], [t])))
              for t in positions] for level in range(len(good))]              # (L + 1, T)
    return (np.array(found) - low) / (high - low)

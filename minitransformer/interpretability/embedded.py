"""A model from its embedded tokens on: the function that attributions differentiate.

Ids cannot be moved a little, the vectors that they are looked up as can. So the input that a score
is attributed to is x, the embedding's output, positions included, and what follows is a pair:
forward(x) -> logits, backward(dlogits) -> dx, made of the model's own pairs.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from minitransformer.functional import padding_mask
from minitransformer.layers import tied_embeddings_forward, token_embedding_forward
from minitransformer.layers.options import norms_around
from minitransformer.models.blocks import blocks_backward, blocks_forward
from minitransformer.models.encoder_decoder import decoder_backward, decoder_forward
from minitransformer.models.encoder_only import encoder_embedding_forward
from minitransformer.models.head import head_backward, head_forward
from minitransformer.models.norm_state import with_state
from minitransformer.shapes import expect_ids, expect_shape
from minitransformer.tree import freeze


class Embedded(NamedTuple):
    """One sequence in a model. A batch of B others of its length may go through forward."""

    x: np.ndarray        # (1, T, D): its embedded tokens
    average: np.ndarray  # (1, T, D): the average token of the vocabulary, in each of its places
    forward: Callable    # x (B, T, D) -> logits (B, n), cache
    backward: Callable   # dlogits (B, n), cache -> dx (B, T, D)


def embedded(model, sequence, *, tgt=None, place=-1):
    """The Embedded of one sequence: ids (T,), or features (T, C) where the model reads these.

    logits are those of a DecoderOnly for the token after sequence[place]; of an EncoderOnly for the
    sequence's class, or with pooling "none" for the token at place; of an EncoderDecoder for the
    token after tgt[place], tgt (T,) being the ids of the target so far, START first, which stay as
    they are: x is the source. The average of features is the vector of zeros.
    Raises ValueError for a place that is not there, and as the model does.
    """
    sequence = np.asarray(sequence)[None]                                     # (1, T) or (1, T, C)
    if (tgt is None) == (model.kind == "encoder_decoder"):
        raise ValueError("tgt, the target so far, is for an EncoderDecoder, which cannot do "
                         f"without: the model is of the kind {model.kind!r}, and tgt is {tgt}")
    read = sequence if tgt is None else np.asarray(tgt)[None]                 # (1, T)
    if not -read.shape[1] <= place < read.shape[1]:
        raise ValueError(f"place is {place}, but there are {read.shape[1]} tokens")
    if tgt is not None:
        return _in_encoder_decoder(model, sequence, read, place % read.shape[1])
    return _in_one_stack(model, sequence, place % read.shape[1])


def _in_one_stack(model, sequence, place):
    """The Embedded of ids or features in a DecoderOnly or an EncoderOnly."""
    config, causal = model.config, model.kind == "decoder_only"
    params = freeze(model.params)  # only x asks for a gradient: no work for the others
    params = params if causal else with_state(params, model.state)
    from_ids = causal or config.vocab_size is not None
    expect_shape("ids" if from_ids else "features", sequence, "B T" if from_ids else "B T C")
    if from_ids:
        expect_ids("ids", sequence, config.vocab_size)
    mask = padding_mask(sequence, config.pad_id) if from_ids else None        # (1, 1, 1, T)
    norm, _ = norms_around(config, mask=mask)
    table = params["embedding"]["table"] if config.tied_embeddings == "output" else None
    pooling = "none" if causal else config.pooling

    def embed(params, sequence):
        if causal:
            return token_embedding_forward(params["embedding"], ids=sequence, config=config)[0]
        given = {"ids": sequence} if from_ids else {"features": sequence}
        return encoder_embedding_forward(params, **given, mask=mask, config=config)[0]

    def forward(x):
        """x (B, T, D) -> logits (B, n), cache."""
        x, blocks_cache = blocks_forward(params["blocks"], x, config=config, mask=mask,
                                         causal=causal)                       # (B, T, D)
        shape = x.shape
        if pooling == "none":
            x = x[:, place:place + 1]                                         # (B, 1, D)
        logits, head_cache = head_forward(
            params, x, table, norm=norm, pooling=pooling,
            mask=None if mask is None or pooling == "none"
            else np.broadcast_to(mask[:, 0, 0], shape[:2]))                   # (B, n) or (B, 1, n)
        return logits.reshape(len(x), -1), (blocks_cache, head_cache, shape)

    # A chain. Without pooling the head read one token: the others get nothing from it.
    def backward(dlogits, cache):
        """dlogits (B, n) -> dx (B, T, D)."""
        blocks_cache, head_cache, shape = cache
        dlogits = dlogits[:, None] if pooling == "none" else dlogits          # (B, 1, n) or (B, n)
        _, dx, _ = head_backward(dlogits, head_cache)                         # (B, 1 or T, D)
        if pooling == "none":
            dhead, dx = dx, np.zeros(shape, dx.dtype)                         # (B, T, D)
            dx[:, place:place + 1] = dhead                                    # (B, 1, D)
        return blocks_backward(dx, blocks_cache)[1]                           # (B, T, D)

    if from_ids:
        average = embed(_with_average_rows(params), sequence)                 # (1, T, D)
    else:
        sequence = sequence.astype(model.dtype)                               # (1, T, C)
        average = embed(params, np.zeros_like(sequence))                      # (1, T, D)
    return Embedded(embed(params, sequence), average, forward, backward)


def _in_encoder_decoder(model, src, tgt, place):
    """The Embedded of a source: its tokens move, the target so far stays as it is."""
    config = model.config
    expect_ids("src", src, config.src_vocab_size)
    full, _ = tied_embeddings_forward(freeze(model.params),
                                      tied_embeddings=config.tied_embeddings)
    encoder = with_state(full["encoder"], model.state or None)
    mask = padding_mask(src, config.pad_id)                                   # (1, 1, 1, S)
    norm, _ = norms_around(config, mask=mask)

    def embed(params):
        return token_embedding_forward(params["embedding"], ids=src, config=config)[0]

    def forward(x):
        """x (B, S, D) -> logits (B, V), cache."""
        B = len(x)
        x, blocks_cache = blocks_forward(encoder["blocks"], x, config=config, mask=mask)
        memory, norm_cache = norm.forward(encoder["norm"], x)                 # (B, S, D)
        logits, decoder_cache = decoder_forward(
            full["decoder"], memory, tgt=np.repeat(tgt, B, axis=0), src=np.repeat(src, B, axis=0),
            config=config)                                                    # (B, T, V)
        return logits[:, place], (blocks_cache, norm_cache, decoder_cache, logits.shape)

    # The memory is the only way from the source's tokens to the logits.
    def backward(dlogits, cache):
        """dlogits (B, V) -> dx (B, S, D)."""
        blocks_cache, norm_cache, decoder_cache, shape = cache
        dall = np.zeros(shape, dlogits.dtype)                                 # (B, T, V)
        dall[:, place] = dlogits                                              # (B, V)
        _, dmemory = decoder_backward(dall, decoder_cache)                    # (B, S, D)
        _, dx = norm.backward(dmemory, norm_cache)                            # (B, S, D)
        return blocks_backward(dx, blocks_cache)[1]                           # (B, S, D)

    return Embedded(embed(encoder), embed(_with_average_rows(encoder)), forward, backward)


def _with_average_rows(params):
    """params, with every row of the embedding's table replaced by the mean of all rows."""
    table = params["embedding"]["table"]                                      # (V, D)
    rows = np.broadcast_to(np.mean(table, axis=0), table.shape)               # (V, D)
    return {**params, "embedding": {**params["embedding"], "table": rows}}

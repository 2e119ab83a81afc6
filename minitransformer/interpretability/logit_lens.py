"""The logit lens: what the head would say if the model ended behind an earlier block."""

from typing import NamedTuple

import numpy as np

from minitransformer.functional import padding_mask, softmax_forward
from minitransformer.layers import token_embedding_forward
from minitransformer.layers.options import norms_around
from minitransformer.models.blocks import blocks_forward
from minitransformer.models.encoder_only import encoder_embedding_forward
from minitransformer.models.head import head_forward
from minitransformer.models.norm_state import with_state


class Likeliest(NamedTuple):
    """The k likeliest ids, the likeliest first, and their probabilities."""

    ids: np.ndarray            # (..., k) int
    probabilities: np.ndarray  # (..., k)


def streams(model, ids):
    """The stream of a DecoderOnly, or an EncoderOnly that reads ids: (L + 1, T, D).

    ids (T,). The first is the embedding's output, then what stands behind each block.
    """
    config, params, ids = model.config, model.params, np.asarray(ids)[None]   # (1, T)
    mask = padding_mask(ids, config.pad_id)                                   # (1, 1, 1, T)
    causal = model.kind == "decoder_only"
    if causal:
        x, _ = token_embedding_forward(params["embedding"], ids=ids, config=config)  # (1, T, D)
    else:
        params = with_state(params, model.state)
        x, _ = encoder_embedding_forward(params, ids=ids, mask=mask, config=config)  # (1, T, D)
    found = [x]
    for block in params["blocks"]:
        x, _ = blocks_forward([block], x, config=config, mask=mask, causal=causal)   # (1, T, D)
        found.append(x)
    return np.concatenate(found)                                              # (L + 1, T, D)


def logit_lens(model, ids):
    """logits_l = head(stream behind block l), for l = 0 (the embedding) to L: (L + 1, T, V).

    model: a DecoderOnly, or an EncoderOnly that reads ids and names each token. ids (T,). The head
    is the model's own, final norm included, so the last row is the model's output. An earlier row
    is no output of anything: the head was trained to read the last stream alone, and says
    something of an earlier one as far as the blocks between keep to the same directions.
    Raises ValueError for another model, and as the model does.
    Source: nostalgebraist 2020, "interpreting GPT: the logit lens".
    """
    if model.kind == "encoder_decoder" or getattr(model.config, "pooling", "none") != "none" \
            or model.config.vocab_size is None:
        raise ValueError("the logit lens needs a model that names a token in each place: a "
                         'DecoderOnly, or an EncoderOnly with a vocabulary and pooling "none"')
    config, params = model.config, model.params
    norm, _ = norms_around(config)
    if model.kind == "encoder_only":
        params = with_state(params, model.state)
    table = params["embedding"]["table"] if config.tied_embeddings == "output" else None
    logits, _ = head_forward(params, streams(model, ids), table, norm=norm)   # (L + 1, T, V)
    return logits


def likeliest(logits, k=5):
    """The Likeliest k of logits (..., V), after a softmax."""
    probabilities, _ = softmax_forward(logits)                                # (..., V)
    ids = np.argsort(-probabilities, axis=-1, kind="stable")[..., :k]         # (..., k)
    return Likeliest(ids, np.take_along_axis(probabilities, ids, axis=-1))

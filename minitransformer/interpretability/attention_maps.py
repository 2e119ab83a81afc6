"""Attention maps: who looks at whom, read from the caches; and rollout, their product."""

import copy
import dataclasses

import numpy as np

from minitransformer.shapes import expect_shape


def attention_maps(model, *sequences):
    """The attention weights of one sequence: {name: (L, H, T, S)}, rows of probabilities.

    A DecoderOnly or an EncoderOnly takes ids (T,), an EncoderOnly of features (T, C), and gives
    {"self"}; an EncoderDecoder takes src and tgt, START first, and gives {"encoder", "decoder",
    "cross"}. A row of zeros may attend to nothing. Attention by tiles keeps no weights, so the
    model runs with attention "plain" here. Raises ValueError for a wrong number of sequences, and
    as the model does.
    """
    expected = 2 if model.kind == "encoder_decoder" else 1
    if len(sequences) != expected:
        raise ValueError(f"got {len(sequences)} sequences, expected {expected}: "
                         f"{'src and tgt' if expected == 2 else 'ids or features'}")
    given = [np.asarray(sequence)[None] for sequence in sequences]
    model = with_plain_attention(model)
    if model.kind == "encoder_decoder":
        _, cache = model.forward(*given)
        return {"encoder": _stacked(block.attention for block in cache.encoder.blocks),
                "decoder": _stacked(block.self_attention for block in cache.decoder.blocks),
                "cross": _stacked(block.cross_attention for block in cache.decoder.blocks)}
    by_name = model.kind == "encoder_only" and model.config.vocab_size is not None
    _, cache = model.forward(ids=given[0]) if by_name else model.forward(*given)
    return {"self": _stacked(block.attention for block in cache.blocks)}


def with_plain_attention(model):
    """The same model, sharing its parameters, with caches that hold every block's weights."""
    plain = copy.copy(model)
    plain.config = dataclasses.replace(model.config, attention="plain", recompute=False)
    return plain


# A block hands on x + attention(x): half of what leaves it, at a guess, is what came in, and half
# is the mean over what was attended to. So one block mixes its inputs by M = I / 2 + A / 2, and two
# blocks mix by M_2 M_1: an output is a mixture of mixtures. Rows of A and of I sum to one, so those
# of M do, and those of a product: sum_j sum_k M_ik M_kj = sum_k M_ik = 1.
def rollout(weights):
    """R_l = (I / 2 + mean over heads of A_l / 2) R_(l-1), R_0 = I, for each layer l.

    weights (L, H, T, T) -> (L, T, T): [l, i, j] is the share of input token j in token i behind
    block l; rows sum to one [rollout.rows]. What it leaves out: the values, the output projections,
    the norms and the feed-forward networks; and that heads, averaged here, do different things.
    Raises ValueError for another shape. Source: Abnar and Zuidema 2020, eq. 1.
    """
    expect_shape("weights", weights, "L H T T", T=np.shape(weights)[-1])
    mean = np.mean(weights, axis=1)                                           # (L, T, T)
    shares, found = np.eye(mean.shape[-1], dtype=mean.dtype), []
    for layer in mean:
        shares = (shares + layer @ shares) / 2                                # (T, T) [rollout.out]
        found.append(shares)
    return np.array(found)                                                    # (L, T, T)


# A decoder's stream is mixed from two inputs, the target's tokens and the source's. The same rule,
# applied to each sublayer: P holds the shares of the target's tokens, Q those of the source's.
def cross_rollout(maps):
    """(shares of the target's tokens (L, T, T), shares of the source's (L, T, S)).

    maps: as attention_maps gives them for an EncoderDecoder. In each block first the
    self-attention, P = (P + A P) / 2 and Q likewise, then the cross-attention to a memory whose
    shares are the encoder's rollout R: P = P / 2, Q = (Q + C R) / 2. Rows of both together sum to
    one. Limits as in rollout; the extension is ours.
    """
    memory = rollout(maps["encoder"])[-1]                                     # (S, S)
    own, cross = np.mean(maps["decoder"], axis=1), np.mean(maps["cross"], axis=1)
    T, S = cross.shape[1:]
    of_target, of_source = np.eye(T, dtype=own.dtype), np.zeros((T, S), own.dtype)
    found = []
    for looking_back, looking_over in zip(own, cross):                        # (T, T), (T, S)
        of_target = (of_target + looking_back @ of_target) / 2                # (T, T)
        of_source = (of_source + looking_back @ of_source) / 2                # (T, S)
        of_target, of_source = of_target / 2, (of_source + looking_over @ memory) / 2
        found.append((of_target, of_source))
    return tuple(np.array(part) for part in zip(*found))                      # (L, T, T), (L, T, S)


def _stacked(caches):
    """(L, H, T, S) of the attention caches of L blocks that read one sequence."""
    return np.array([cache.attention.weights[0] for cache in caches])

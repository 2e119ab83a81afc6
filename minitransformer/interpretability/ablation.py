"""Ablation: take heads away from a trained model, and see what it can no longer do.

out = sum over heads of head_h wo_h + bo, where wo_h are K rows of the output projection: so a head
is taken away by editing a copy of the parameters, and the model runs as it always did. Lesson 20.
"""

import copy

import numpy as np

from minitransformer.compress import silence_heads
from minitransformer.models.recompute import whole
from minitransformer.shapes import expect_shape

# where: (which stack of the model, "" where there is one; which attention of its blocks)
PLACES = {
    "self": ("", "attention"),                   # decoder-only and encoder-only models
    "encoder": ("encoder", "attention"),
    "decoder": ("decoder", "self_attention"),
    "cross": ("decoder", "cross_attention"),
}


def ablate_heads(model, heads, *, where="self", means=None):
    """A copy of the model in which these heads say nothing: their rows of wo are zero.

    heads: (block, head) pairs. where: "self" in a model of one stack; "encoder", "decoder" (its
    self-attention) or "cross" in an encoder-decoder. means (L, H, K): what each head says instead,
    everywhere the same [ablation.mean]; None: zeros. The copy shares all other
    parameters with the model, which stays as it was.
    Raises ValueError for a block, head or place that is not there, and means of another shape.
    """
    stack, name = _place(model, where)
    blocks, H, D = _blocks(model.params, stack), model.config.n_heads, model.config.d_model
    if means is not None:
        expect_shape("means", means, "L H K", L=len(blocks), H=H, K=D // H)
    if outside := [i for i, _ in heads if not 0 <= i < len(blocks)]:
        raise ValueError(f"there is no block {outside[0]} among {len(blocks)}")
    edited = list(blocks)
    for i in {i for i, _ in heads}:
        gone = sorted({head for block, head in heads if block == i})
        layer = silence_heads(blocks[i][name], gone, n_heads=H)
        if means is not None:
            rows = blocks[i][name]["out"]["w"].reshape(H, D // H, D)     # (H, K, D)
            said = np.sum(means[i, gone, None] @ rows[gone], axis=(0, 1))  # (D,)
            layer["out"]["b"] = layer["out"].get("b", 0) + said.astype(rows.dtype)  # (D,)
        edited[i] = {**blocks[i], name: layer}
    ablated = copy.copy(model)
    ablated.params = _with_blocks(model.params, stack, edited)
    return ablated


def head_means(cache, *, n_heads, where="self", real=None):
    """(L, H, K): what each head says on average over the queries of one forward, real (B, T) only.

    A head says sum_s weights_ts v_s, before the output projection. cache: a model's; real: which
    tokens count, None for all. Raises ValueError for a mask of another shape.
    """
    stack, name = PLACES[where]
    said = [getattr(whole(block), name).out.x for block in _stack_of(cache, stack).blocks]
    real = np.ones(said[0].shape[:2], bool) if real is None else np.asarray(real)
    expect_shape("real", real, "B T", B=said[0].shape[0], T=said[0].shape[1])
    means = np.stack([x[real].mean(axis=0) for x in said])               # (L, D)
    return means.reshape(len(said), n_heads, -1)                         # (L, H, K)


def ablate_each(model, measure, *, where="self", means=None):
    """(L, H): measure(model without that head), for each head alone.

    measure: a function of a model that returns a number, such as lambda m: m.loss(batch).
    """
    stack, _ = _place(model, where)
    shape = len(_blocks(model.params, stack)), model.config.n_heads
    return np.reshape([measure(ablate_heads(model, [index], where=where, means=means))
                       for index in np.ndindex(shape)], shape)           # (L, H)


def ablate_in_order(model, heads, measure, *, where="self", means=None):
    """[measure(model), without the first head, without the first two, ...]: len(heads) + 1."""
    return [measure(ablate_heads(model, heads[:n], where=where, means=means))
            for n in range(len(heads) + 1)]


def _place(model, where):
    """The stack and the attention's name. Raises ValueError when this model has no such place."""
    two_stacks = "decoder" in model.params
    known = [name for name, (stack, _) in PLACES.items() if bool(stack) == two_stacks]
    if where not in known:
        raise ValueError(f"where is {where!r}, expected one of {', '.join(known)} in this model")
    return PLACES[where]


def _blocks(params, stack):
    """The blocks of a stack: a list of trees."""
    return (params[stack] if stack else params)["blocks"]


def _stack_of(cache, stack):
    """The cache of a stack."""
    return getattr(cache, stack) if stack else cache


def _with_blocks(params, stack, blocks):
    """The tree with other blocks in a stack."""
    if not stack:
        return {**params, "blocks": blocks}
    return {**params, stack: {**params[stack], "blocks": blocks}}

"""Exercises 9.4 and 9.5: from a report back to the faulty line."""

import re

import numpy as np

from minitransformer.checks.case import randomize
from minitransformer.checks.layers import KEY_BIAS
from minitransformer.gradient_check import check_gradients
from minitransformer.layers import encoder_block_backward, token_embedding_backward
from minitransformer.models import (
    EncoderDecoderConfig, encoder_decoder_init, encoder_forward)
from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, call
from minitransformer.teaching.planted_faults import fault
from minitransformer.teaching.planted_faults.checks import array_errors, measurement

SUSPECTS = ("memory_once", "mean_bias", "no_skip", "softmax_over_batch")
PARTS = [("feed_forward", "feed_forward"), ("attention.out, v", r"attention\.(out|v)"),
         ("attention.q, k", r"attention\.(q|k)")]


def suspects_report():
    """{part of the model: one verdict a suspect}, the parts in the order of the backward.

    "right", "WRONG", or "b WRONG" when w is right; a key's bias, zero in theory, is left out.
    """
    params, gradient, measured = measurement("complex")
    wrong = [{name for name, error in array_errors(gradient(params, fault(suspect)),
                                                   measured).items() if error > 1e-11}
             for suspect in SUSPECTS]
    names = [name for name in array_errors(measured, measured)
             if not any(name.endswith(ending) for ending in KEY_BIAS)]
    return {part: [_verdict([n for n in names if re.fullmatch(pattern, n)], arrays)
                   for arrays in wrong] for part, pattern in _parts()}


def _parts():
    found = []
    for side, attentions in (("decoder", ("cross_", "self_")), ("encoder", ("",))):
        found.append((f"{side}.norm", rf"{side}\.norm\..*"))
        for block in (1, 0):
            prefix = f"{side}.blocks.{block}"
            found.append((f"{prefix}.feed_forward", rf"{prefix}\.feed_forward\..*"))
            found += [(f"{prefix}.{kind}{part}", rf"{prefix}\.{kind}{pattern}\..*")
                      for kind in attentions for part, pattern in PARTS[1:]]
        found.append((f"{side}.embedding", rf"{side}\.embedding\..*"))
    return found


def _verdict(names, wrong):
    weights = [n in wrong for n in names if not n.endswith(".b")]
    if any(weights):
        return "WRONG"
    return "b WRONG" if any(n in wrong for n in names) else "right"


def my_suspects():
    """Suspect 1: only the encoder is wrong, and it hears the decoder through the memory alone: B.

    Suspect 2: every linear layer's b is wrong and every w right: E.
    Suspects 3 and 4 are right at the top and wrong from some line downwards. In the uppermost
    attention, suspect 4 has q and k wrong already: its softmax, A. Suspect 3 has all of that
    attention right and everything below it wrong: the sum at its input, F.
    """
    return "BEFA"


def my_mended_encoder_backward(dmemory, cache):
    """dmemory (B, S, D) -> dparams: the last block comes first, so each goes in front."""
    dnorm, dx = cache.norm.backward(dmemory, cache.final_norm)
    dblocks = []
    for block_cache in reversed(cache.blocks):
        dblock, dx = encoder_block_backward(dx, block_cache)
        dblocks.insert(0, dblock)
    dembedding = token_embedding_backward(dx, cache.embedding)
    return {"embedding": dembedding, "blocks": dblocks, "norm": dnorm}


def broken_encoder_backward(dmemory, cache):
    """The function that 9.5 asks to mend."""
    dnorm, dx = cache.norm.backward(dmemory, cache.final_norm)
    dblocks = []
    for block_cache in reversed(cache.blocks):
        dblock, dx = encoder_block_backward(dx, block_cache)
        dblocks.append(dblock)
    dembedding = token_embedding_backward(dx, cache.embedding)
    return {"embedding": dembedding, "blocks": dblocks, "norm": dnorm}


def encoder_inputs(rng):
    """An encoder of three blocks, with random gains and biases: call(params, src=..., ...)."""
    config = EncoderDecoderConfig(9, 9, d_model=4, n_heads=2, n_layers=3, d_ff=5, max_seq_len=6,
                                  dropout=0.2)
    init = encoder_decoder_init(rng, config=config, dtype=np.float64)
    return call(randomize(rng, init["encoder"]), src=np.array([[3, 5, 4, 8, 6], [7, 3, 7, 0, 0]]),
                config=config, dropout_seed=(0, 1))


def encoder_cases(rng):
    (params,), options = encoder_inputs(rng)
    memory, cache = encoder_forward(params, **options)
    yield call(rng.normal(size=memory.shape), cache)


def encoder_proof(answer):
    (params,), options = encoder_inputs(np.random.default_rng(1))
    report = check_gradients(encoder_forward, answer, params, options=options, zero=KEY_BIAS)
    return f"It agrees with the complex step to {report.worst.error:.0e}."


def encoder_mistake(order=reversed, *, norm=True, chain=True):
    """my_mended_encoder_backward with the blocks in another order, or a step left out."""
    def backward(dmemory, cache):
        dnorm, dx = cache.norm.backward(dmemory, cache.final_norm)
        dx, top, dblocks = dx if norm else dmemory, dx, []
        for block_cache in order(cache.blocks):
            dblock, below = encoder_block_backward(dx if chain else top, block_cache)
            dx = below
            dblocks.insert(0 if order is reversed else len(dblocks), dblock)
        return {"embedding": token_embedding_backward(dx, cache.embedding), "blocks": dblocks,
                "norm": dnorm}
    return backward


ITEMS = (
    Prediction(
        "9.3", "Twenty wrong gradients. With how many of them does the model still learn a small "
        "batch by heart, so that the loss falls to a tenth and less?",
        answer=17,
        because="The optimizer refuses one for its shape, and two do not get there. The other 17 "
                "do.",
    ),
    Exercise(
        "9.4", "four suspects", 10,
        solution=my_suspects,
        mistakes=(
            Mistake(lambda: "BEAF", "Suspects 3 and 4 are exchanged. Look at q and k of the "
                                    "uppermost attention: does the gradient come to them before "
                                    "or after the faulty line?"),
            Mistake(lambda: "FEBA", "Suspects 1 and 3 are exchanged. In suspect 1 all of the "
                                    "decoder is right."),
            Mistake(lambda: "AEFB", "Suspects 1 and 4 are exchanged. A softmax also stands in the "
                                    "decoder, where suspect 1 is right."),
            Mistake(lambda: "BEFC", "Suspect 4 is right in the uppermost feed-forward. A wrong "
                                    "factor in the loss comes before everything."),
            Mistake(lambda: "DEFA", "A table that hears one use too few has a wrong gradient "
                                    "itself, but hands nothing on: what else would be wrong?"),
            Mistake(lambda: "BECA", "Suspect 3 is right in decoder.norm. A wrong factor in the "
                                    "loss comes before everything."),
            *(Mistake(lambda form=form: form, "The letters are right: write them as one string of "
                                              "four capitals, nothing between them.")
              for form in ("befa", "B, E, F, A", "B E F A", "B,E,F,A")),
            Mistake(lambda: "BCFA", "Suspect 2 is right in every w. A wrong factor in the loss "
                                    "would be in all of them."),
        ),
        hints=("The rows stand in the order in which the backward computes them. Look for the "
               "first that is wrong: the fault is just before it.",
               "Suspect 2 is wrong everywhere, but only in b. Suspect 1 is wrong only in the "
               "encoder: through which array does the encoder hear of the loss?",
               "Suspects 3 and 4 differ in one row, that of q and k in the uppermost attention."),
    ),
    Exercise(
        "9.5", "mend a backward from its report", 8,
        solution=my_mended_encoder_backward,
        results=("dparams",),
        cases=encoder_cases,
        proof=encoder_proof,
        mistakes=(
            Mistake(broken_encoder_backward,
                    "Blocks 0 and 2 still have each other's gradients: the last block is computed "
                    "first, and is filed first."),
            Mistake(encoder_mistake(order=lambda blocks: blocks),
                    "The gradient has to pass the last block first: the order of the loop was "
                    "right."),
            Mistake(encoder_mistake(norm=False), "The final norm is to be passed: take the dx "
                                                 "that cache.norm.backward returns."),
            Mistake(encoder_mistake(chain=False), "Each block hands its dx to the one below."),
        ),
        hints=("The embedding is computed last, from what has come through all blocks, and it is "
               "right. So is everything that the loop computes.",
               "Block 1 is right, and blocks 0 and 2 are wrong. What happens to a list of three "
               "when it is turned round?",
               "dblocks.insert(0, dblock) puts a block in front of those that are there already."),
    ),
    Prediction(
        "9.6", "Nineteen wrong gradients, trained five times each, beside the right one. How many "
        "of them end where runs with the right gradient end?",
        answer=9,
        because="Two of the public project's three are among them, and a gradient that is wrong by "
                "a sixth.",
    ),
)

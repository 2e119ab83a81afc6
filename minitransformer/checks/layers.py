"""Cases for the layers."""

from types import SimpleNamespace

import numpy as np

from minitransformer import layers as l
from minitransformer.checks.case import Case, randomize
from minitransformer.layers.options import (
    ACTIVATIONS, NORMS, POSITIONS, TIED_EMBEDDINGS)

B, T, S, H, D, F, V = 2, 5, 7, 3, 12, 9, 11
KEY_BIAS = ("attention.k.b", "params.k.b")  # adds the same to all scores of a row: softmax drops it


def block_config(**changes):
    """What the blocks read of a model's configuration."""
    base = {"d_model": D, "n_heads": H, "d_ff": F, "max_seq_len": 20, "dropout": 0.3,
            "norm": "layer", "norm_placement": "pre", "activation": "relu",
            "positions": "sinusoidal", "n_kv_heads": None, "attention": "plain", "norm_eps": 1e-5,
            "rope_base": 10_000.0, "rope_interleaved": True, "bias": True,
            "scale_embeddings": True}
    return SimpleNamespace(**{**base, **changes})


def cases(seed=0):
    """All cases of the package, their inputs drawn from seed."""
    rng = np.random.default_rng([seed, 2])

    def normal(*shape):
        return rng.normal(size=shape)

    mask = np.array([[True] * T, [True, True, False, True, False]])[:, None, None, :]
    memory_mask = np.array([[True] * S, [True, False] * 3 + [False]])[:, None, None, :]
    projection = l.projection_forward, l.projection_backward
    token = l.token_embedding_forward, l.token_embedding_backward
    heads = l.multi_head_attention_forward, l.multi_head_attention_backward
    forward = l.feed_forward_forward, l.feed_forward_backward
    join = l.add_and_norm_forward, l.add_and_norm_backward
    tied = l.tied_embeddings_forward, l.tied_embeddings_backward
    config = block_config()

    def project(**sizes):
        return randomize(rng, l.projection_init(rng, dtype=np.float64, **sizes))

    def table():
        return l.token_embedding_init(rng, vocab_size=V, d_model=D, dtype=np.float64)

    def attend(**sizes):
        return randomize(rng, l.multi_head_attention_init(rng, d_model=D, **sizes,
                                                          dtype=np.float64))

    def positioned(name):
        tree = {**table(), **POSITIONS[name].init(rng, config, np.float64)}
        return Case("token_embedding", f"{name} positions", *token, (tree,), {
            "ids": ids, "config": block_config(positions=name), "start": 3,
            "dropout_key": (1, 2, 3)})

    ids = rng.integers(V, size=(B, T))
    found = [
        Case("projection", "with bias", *projection, (project(d_in=D, d_out=F), normal(B, T, D))),
        Case("projection", "no bias", *projection,
             (project(d_in=D, d_out=F, bias=False), normal(B, T, D))),
        Case("projection", "adapters of rank 4", *projection, (
            {**project(d_in=D, d_out=F), "down": normal(D, 4), "up": normal(4, F),
             "scale": np.array(normal())}, normal(B, T, D)), frozen=("scale",)),
        Case("token_embedding", "evaluation", *token, (table(),), {"ids": ids, "config": config}),
        Case("token_embedding", "training, later start", *token, (table(),),
             {"ids": ids, "config": config, "start": 3, "dropout_key": (1, 2, 3)}),
        Case("multi_head_attention", "self, masked", *heads, (attend(), normal(B, T, D), None),
             {"n_heads": H, "mask": mask}, KEY_BIAS),
        Case("multi_head_attention", "self, causal", *heads, (attend(), normal(B, T, D), None),
             {"n_heads": H, "causal": True}, KEY_BIAS),
        Case("multi_head_attention", "cross", *heads,
             (attend(), normal(B, T, D), normal(B, S, D)),
             {"n_heads": H, "mask": memory_mask}, KEY_BIAS),
        Case("multi_head_attention", "one key/value head, rotary", *heads,
             (attend(d_kv=D // H), normal(B, T, D), None),
             {"n_heads": H, "causal": True, "positions": POSITIONS["rotary"]}),
        Case("multi_head_attention", "alibi", *heads, (attend(), normal(B, T, D), None),
             {"n_heads": H, "causal": True, "positions": POSITIONS["alibi"]}, KEY_BIAS),
        Case("multi_head_attention", "cross, blockwise, alibi", *heads,
             (attend(), normal(B, T, D), normal(B, S, D)),
             {"n_heads": H, "mask": memory_mask, "positions": POSITIONS["alibi"],
              "attention": "blockwise"},
             KEY_BIAS),
        Case("token_embedding", "unscaled", *token, (table(),),
             {"ids": ids, "config": block_config(scale_embeddings=False)}),
        *map(positioned, POSITIONS),
    ]
    for activation in ACTIVATIONS:
        params = randomize(rng, l.feed_forward_init(rng, d_model=D, d_ff=F, activation=activation,
                                                    dtype=np.float64))
        found.append(Case("feed_forward", activation, *forward, (params, normal(B, T, D)),
                          {"activation": activation}))
    for norm in NORMS:
        params = randomize(rng, NORMS[norm].init(D, np.float64))
        inputs = params, normal(B, T, D), normal(B, T, D)
        found.append(Case("add_and_norm", norm, *join, inputs, {"after": NORMS[norm], "rate": 0.3}))
        found.append(Case("add_and_norm", f"{norm}, training", *join, inputs,
                          {"after": NORMS[norm], "rate": 0.3, "dropout_key": (1, 2, 3), "site": 1}))
    variants = [(f"{norm} norm, {placement}", {"norm": norm, "norm_placement": placement})
                for norm, placement in (("layer", "pre"), ("layer", "post"), ("rms", "pre"),
                                        ("batch", "pre"), ("batch", "post"), ("none", "pre"))]
    variants += [("swiglu, alibi, one key/value head", {
        "activation": "swiglu", "positions": "alibi", "n_kv_heads": 1}),
        ("rms norm, eps 0.1, rotary halves, base 100, no bias", {
            "norm": "rms", "norm_eps": 0.1, "positions": "rotary", "rope_base": 100.0,
            "rope_interleaved": False, "bias": False})]
    for what, changes in variants:
        config = block_config(**changes)
        params = randomize(rng, l.encoder_block_init(rng, config=config, dtype=np.float64))
        found.append(Case("encoder_block", what, l.encoder_block_forward, l.encoder_block_backward,
                          (params, normal(B, T, D)),
                          {"config": config, "mask": mask, "dropout_key": (1, 2, 3)}, KEY_BIAS))
        if config.norm == "batch":
            continue  # a decoder block takes layer norm in its place
        params = randomize(rng, l.decoder_block_init(rng, config=config, dtype=np.float64))
        found.append(Case("decoder_block", what, l.decoder_block_forward, l.decoder_block_backward,
                          (params, normal(B, T, D), normal(B, S, D)),
                          {"config": config, "mask": mask, "memory_mask": memory_mask,
                           "dropout_key": (1, 2, 3)}, KEY_BIAS))
    params = randomize(rng, l.encoder_block_init(rng, config=block_config(), dtype=np.float64))
    found.append(Case("encoder_block", "causal, evaluation", l.encoder_block_forward,
                      l.encoder_block_backward, (params, normal(B, T, D)),
                      {"config": block_config(), "causal": True}, KEY_BIAS))
    for name in TIED_EMBEDDINGS:
        params = {"encoder": {"embedding": table(), "norm": {"gain": normal(D)}},
                  "decoder": {"embedding": table(), "output": project(d_in=D, d_out=V)}}
        if name != "none":
            del params["decoder"]["output"]
        if name == "all":
            del params["encoder"]["embedding"]
        found.append(Case("tied_embeddings", name, *tied, (params,), {"tied_embeddings": name}))
    return found

"""Cases for the models: every parameter array of a small model, with dropout and padding."""

import numpy as np

from minitransformer import models
from minitransformer.checks.case import Case, randomize
from minitransformer.checks.layers import KEY_BIAS
from minitransformer.layers.options import norms_around

SRC = np.array([[3, 5, 4, 6, 3, 8, 9], [7, 3, 9, 0, 0, 0, 0]])      # (B, S), one row padded
TGT = np.array([[1, 4, 3, 9, 10], [1, 8, 0, 0, 0]])                 # (B, T)
TURNED_KEY_BIAS = ("cross_attention.k.b",)  # rotary positions turn self-attention's keys
CONFIGS = {
    "pre-norm": {},
    "post-norm, tied output": {"norm_placement": "post", "tied_embeddings": "output",
                               "n_layers": 1},
    "all tied, learned positions, batch norm": {
        "tied_embeddings": "all", "tgt_vocab_size": 10, "positions": "learned", "norm": "batch",
        "n_layers": 1},
    "rms norm, rotary, one key/value head, swiglu": {
        "norm": "rms", "n_heads": 3, "n_kv_heads": 1, "positions": "rotary",
        "activation": "swiglu", "n_layers": 1},
}
LANGUAGE_MODELS = {
    "gpt": {"activation": "gelu_tanh", "positions": "learned", "n_layers": 2},
    "llama": {"norm": "rms", "activation": "swiglu", "positions": "rotary", "n_kv_heads": 1,
              "tied_embeddings": "none"},
    "post-norm, alibi": {"norm_placement": "post", "positions": "alibi", "activation": "silu"},
    "unscaled, no id is padding": {"scale_embeddings": False, "pad_id": -1, "bias": False,
                                   "positions": "rotary", "rope_interleaved": False},
}
CLASSIFIERS = {  # an encoder alone; those with vocab_size read SRC, the others features
    "features, pooled": {"n_features": 4, "n_classes": 5, "n_layers": 2},
    "features, each token, post-norm, learned positions": {
        "n_features": 4, "n_classes": 5, "pooling": "none", "norm_placement": "post",
        "positions": "learned", "activation": "relu"},
    "features, batch norm, alibi": {"n_features": 4, "n_classes": 5, "norm": "batch",
                                    "positions": "alibi"},
    "ids, pooled, rms norm, rotary, one key/value head, swiglu": {
        "vocab_size": 10, "n_classes": 5, "norm": "rms", "positions": "rotary", "n_kv_heads": 1,
        "activation": "swiglu"},
    "ids, each token, tied output": {"vocab_size": 10, "pooling": "none", "n_layers": 2,
                                     "tied_embeddings": "output"},
    "bert": {"vocab_size": 10, "n_classes": 5, "norm_placement": "post", "positions": "learned",
             "scale_embeddings": False, "embedding_norm": True, "norm_eps": 1e-12},
    "ids, each token, own output, no norm": {"vocab_size": 10, "pooling": "none", "norm": "none"},
}
REAL = np.array([[True] * 7, [True, False, True, True, False, False, True]])     # (B, T)


def cases(seed=0):
    """All cases of the package, their inputs drawn from seed."""
    rng = np.random.default_rng([seed, 3])
    found = []
    for what, changes in CONFIGS.items():
        sizes = {"src_vocab_size": 10, "tgt_vocab_size": 11, "d_model": 6, "n_heads": 3,
                 "n_layers": 2, "d_ff": 8, "max_seq_len": 12, "dropout": 0.2, **changes}
        config = models.EncoderDecoderConfig(**sizes)
        params = randomize(rng, models.encoder_decoder_init(rng, config=config, dtype=np.float64))
        tgt = np.minimum(TGT, config.tgt_vocab_size - 1)
        ids = {"src": SRC, "config": config, "dropout_seed": (1, 2)}
        if config.norm == "batch":
            ids["state"] = models.state_init(config=config, dtype=np.float64)
        found.append(Case("encoder_decoder", what, models.encoder_decoder_forward,
                          models.encoder_decoder_backward, (params,), {**ids, "tgt": tgt},
                          TURNED_KEY_BIAS if config.positions == "rotary" else KEY_BIAS))
    config = models.EncoderDecoderConfig(10, 11, d_model=6, n_heads=3, n_layers=1, d_ff=8,
                                         max_seq_len=12, dropout=0.2, norm="batch")
    state = models.state_init(config=config, dtype=np.float64)
    params = randomize(rng, models.encoder_decoder_init(rng, config=config, dtype=np.float64))
    memory = rng.normal(size=(*SRC.shape, config.d_model))
    ids = {"src": SRC, "config": config, "dropout_seed": (1, 2)}
    found.append(Case("encoder", "alone", models.encoder_forward, models.encoder_backward,
                      (params["encoder"],), {**ids, "state": state}, KEY_BIAS))
    found.append(Case("decoder", "alone", models.decoder_forward, models.decoder_backward,
                      (params["decoder"], memory), {**ids, "tgt": TGT}, KEY_BIAS))
    for what, changes in LANGUAGE_MODELS.items():
        config = models.DecoderOnlyConfig(10, d_model=6, n_heads=3, d_ff=8, max_seq_len=12,
                                          dropout=0.2, **{"n_layers": 1, **changes})
        params = randomize(rng, models.decoder_only_init(rng, config=config, dtype=np.float64))
        found.append(Case("decoder_only", what, models.decoder_only_forward,
                          models.decoder_only_backward, (params,),
                          {"ids": SRC, "config": config, "dropout_seed": (1, 2)},
                          () if config.positions == "rotary" else KEY_BIAS))
    for what, changes in CLASSIFIERS.items():
        config = models.EncoderOnlyConfig(d_model=6, n_heads=3, d_ff=8, max_seq_len=12, dropout=0.2,
                                          **{"n_layers": 1, **changes})
        params = randomize(rng, models.encoder_only_init(rng, config=config, dtype=np.float64))
        options = {"config": config, "dropout_seed": (1, 2)}
        if config.norm == "batch":
            options["state"] = models.state_init(config=config, dtype=np.float64)
        features = None if config.n_features is None else rng.normal(size=(2, 7, 4))
        options.update({"ids": SRC} if features is None else {"mask": REAL})
        found.append(Case("encoder_only", what, models.encoder_only_forward,
                          models.encoder_only_backward, (params, features), options,
                          () if config.positions == "rotary" else KEY_BIAS))
    config = models.EncoderOnlyConfig(n_features=4, n_classes=5, d_model=6, n_heads=3,
                                      max_seq_len=12, dropout=0.2)
    params = randomize(rng, models.feature_embedding_init(rng, n_features=4, d_model=6,
                                                          dtype=np.float64))
    found.append(Case("feature_embedding", "training", models.feature_embedding_forward,
                      models.feature_embedding_backward, (params, rng.normal(size=(2, 7, 4))),
                      {"config": config, "dropout_key": (1, 2, 3)}))
    return found + parts(rng)


def parts(rng):
    """The cases of what the models are made of: embedding, blocks, head."""
    sizes = {"d_model": 6, "n_heads": 3, "d_ff": 8, "n_layers": 2, "max_seq_len": 12,
             "dropout": 0.2, "norm_eps": 0.1}
    read = models.encoder_embedding_forward, models.encoder_embedding_backward
    score = models.head_forward, models.head_backward
    x, mask = rng.normal(size=(2, 7, 6)), REAL[:, None, None, :]
    found = []
    for what, front in (("ids, normed", {"vocab_size": 10, "embedding_norm": True}),
                        ("features", {"n_features": 4})):
        config = models.EncoderOnlyConfig(n_classes=5, **front, **sizes)
        params = randomize(rng, models.encoder_only_init(rng, config=config, dtype=np.float64))
        inputs = {name: params[name] for name in ("embedding", "embedding_norm") if name in params}
        options = {"mask": mask, "config": config, "dropout_seed": (1, 2)}
        features = rng.normal(size=(2, 7, 4)) if "n_features" in front else None
        options.update({"ids": SRC} if features is None else {})
        found.append(Case("encoder_embedding", what, *read, (inputs, features), options))
    found.append(Case("blocks", "two, causal", models.blocks_forward, models.blocks_backward,
                      (params["blocks"], x), {"config": config, "mask": mask, "causal": True,
                                              "dropout_seed": (1, 2)}, KEY_BIAS))
    found.append(Case("blocks", "nothing frozen", models.blocks_forward, models.blocks_backward,
                      (params["blocks"], x), {"config": config, "dx_needed": False}, KEY_BIAS))
    for what, pooling, tied in (("of the sequence", "mean", "none"),
                                ("of each token, tied", "none", "output")):
        config = models.EncoderOnlyConfig(vocab_size=10, tied_embeddings=tied, **sizes)
        params = randomize(rng, models.head_init(rng, config=config, n_out=10, dtype=np.float64))
        table = rng.normal(size=(10, 6)) if tied == "output" else None
        found.append(Case("head", what, *score, (params, x, table), {
            "norm": norms_around(config)[0], "pooling": pooling, "mask": REAL}))
    return found

"""The ladder's bars, from the bottom up: each a model of the next character, one idea better."""

import functools
import math

import numpy as np

from minitransformer.data.tokenizers import END
from minitransformer.functional import (
    cross_entropy_backward,
    cross_entropy_forward,
    linear_backward,
    linear_forward,
    log_softmax_forward,
)
from minitransformer.language_model import LanguageModel, make_tokenizer, make_trainer
from minitransformer.teaching.causal_blocks import (
    BlockConfig,
    causal_blocks_backward,
    causal_blocks_forward,
    causal_blocks_init,
)
from minitransformer.teaching.ladder import Rung
from minitransformer.teaching.many_heads import many_heads_backward, many_heads_forward
from minitransformer.teaching.memory_blocks import (
    memory_bits_per_character,
    memory_blocks_backward,
    memory_blocks_forward,
    memory_blocks_init,
    memory_config,
)
from minitransformer.teaching.normed_head import NORMED_HEAD, normed_head_forward
from minitransformer.teaching.one_head import bits_per_character, train_one_head
from minitransformer.teaching.recipe_blocks import train_blocks
from minitransformer.teaching.rotary_blocks import rotary_blocks_forward
from minitransformer.teaching.window import train_window, window_bits_per_character


def unigram(split, *, seed):
    """Every character by its frequency alone, one added to every count; nothing is drawn."""
    vocabulary = sorted(set("".join(split)))
    counts = np.array([split.train.count(c) + 1 for c in vocabulary])   # (V,)
    bits = -np.log2(counts / counts.sum())                              # (V,)
    tested = np.array([split.test.count(c) for c in vocabulary])        # (V,)
    return np.sum(tested * bits) / tested.sum()


def bigram(split, *, seed, lr, steps, batch_size, runs):
    """A row of scores for each character before, trained by SGD as in lesson 02: a mean of runs.

    The text's first character has none before it, and is not predicted.
    """
    vocabulary = sorted(set("".join(split)))
    ids = {c: i for i, c in enumerate(vocabulary)}
    train, test = (np.array([ids[c] for c in text]) for text in (split.train, split.test))
    one_hot = np.eye(len(vocabulary))                                   # (V, V)

    def one_run(seed):
        rng = np.random.default_rng(seed)
        w = np.zeros((len(vocabulary), len(vocabulary)))                # (V, V)
        for _ in range(steps):
            at = rng.integers(len(train) - 1, size=batch_size)          # (N,)
            logits, linear_cache = linear_forward(one_hot[train[at]], w, None)
            _, loss_cache = cross_entropy_forward(logits, targets=train[at + 1])
            dlogits = cross_entropy_backward(1.0, loss_cache)           # (N, V)
            _, dw, _ = linear_backward(dlogits, linear_cache)           # (V, V)
            w = w - lr * dw
        log_probs, _ = log_softmax_forward(w)                           # (V, V)
        return -np.mean(log_probs[test[:-1], test[1:]]) / math.log(2)

    return np.mean([one_run(seed + run) for run in range(runs)])


def window(split, *, seed, runs, **config):
    """A small network that sees the last few characters, trained by SGD: a mean of runs."""
    bits = []
    for run in range(runs):
        params, ids, _ = train_window(split, seed=seed + run, **config)
        bits.append(window_bits_per_character(params, ids.test, window=config["window"]))
    return np.mean(bits)


def one_head(split, *, seed, runs, **config):
    """The bigram table and one causal attention head, trained together: a mean of runs."""
    bits = []
    for run in range(runs):
        params, ids, _ = train_one_head(split, seed=seed + run, **config)
        bits.append(bits_per_character(params, ids.test, block=config["block"]))
    return np.mean(bits)


def heads(split, *, seed, runs, n_heads, **config):
    """one_head with as many parameters, its columns shared out to several heads: a mean of runs."""
    forward = functools.partial(many_heads_forward, n_heads=n_heads)
    bits = []
    for run in range(runs):
        params, ids, _ = train_one_head(split, seed=seed + run, **config, forward=forward,
                                        backward=many_heads_backward)
        bits.append(bits_per_character(params, ids.test, block=config["block"], forward=forward))
    return np.mean(bits)


def norm(split, *, seed, runs, **config):
    """one_head with its rows normalized before the head reads them: a mean of runs."""
    bits = []
    for run in range(runs):
        params, ids, _ = train_one_head(split, seed=seed + run, **config, **NORMED_HEAD)
        bits.append(bits_per_character(params, ids.test, block=config["block"],
                                       forward=normed_head_forward))
    return np.mean(bits)


def blocks(split, *, seed, runs, n_layers, n_heads, d_ff, change=None, **config):
    """The bigram table and a stack of causal blocks, trained together: a mean of runs.

    change: {field: value} of BlockConfig; with other positions, no sinusoids are added.
    """
    block_config = BlockConfig(config["d_model"], n_heads, d_ff, **(change or {}))
    sinusoids = block_config.positions == "none"
    forward = functools.partial(causal_blocks_forward if sinusoids else rotary_blocks_forward,
                                config=block_config)

    def init(rng, *, vocab_size, d_model):
        return causal_blocks_init(rng, vocab_size=vocab_size, n_layers=n_layers,
                                  config=block_config)

    bits = []
    for run in range(runs):
        params, ids, _ = train_one_head(split, seed=seed + run, **config, init=init,
                                        forward=forward, backward=causal_blocks_backward)
        bits.append(bits_per_character(params, ids.test, block=config["block"], forward=forward))
    return np.mean(bits)


def memory(split, *, seed, runs, n_layers, n_heads, d_ff, block, **config):
    """blocks with an encoder beside them that has read the block of text before: a mean of runs."""
    sizes = {"d_model": config["d_model"], "n_heads": n_heads, "n_layers": n_layers, "d_ff": d_ff,
             "max_seq_len": block}
    vocab_size = END + 1 + len(set("".join(split)))                     # as CharacterTokenizer's
    model_config = memory_config(vocab_size, **sizes)
    forward = functools.partial(memory_blocks_forward, config=model_config)

    def init(rng, *, vocab_size, d_model):
        return memory_blocks_init(rng, config=model_config)

    bits = []
    for run in range(runs):
        params, ids, _ = train_one_head(split, seed=seed + run, **config, block=2 * block,
                                        init=init, forward=forward,
                                        backward=memory_blocks_backward)
        bits.append(memory_bits_per_character(params, ids.test, block=block, forward=forward))
    return np.mean(bits)


def recipe(split, *, seed, runs, **config):
    """The model of blocks, trained with lesson 10's recipe: a mean of runs."""
    bits = []
    for run in range(runs):
        params, ids, forward = train_blocks(split, seed=seed + run, **config)
        bits.append(bits_per_character(params, ids.test, block=config["block"], forward=forward))
    return np.mean(bits)


def language_model(split, *, seed, runs, vocab_size, model, training):
    """The model of `train language-model`, on tokens of byte pairs: a mean of runs."""
    bits = []
    for run in range(runs):
        tokenizer = make_tokenizer(split, kind="byte pairs", vocab_size=vocab_size)
        writer = LanguageModel.untrained(tokenizer, seed=seed + run, **model)
        trainer = make_trainer(writer, split, **training, seed=seed + run, print_every=0)
        trainer.train(training["steps"])
        bits.append(writer.bits_per_character(split.test))
    return np.mean(bits)


RUNGS = [
    Rung("unigram", "02", unigram, {}),
    Rung("bigram", "02", bigram, {"lr": 30.0, "steps": 3000, "batch_size": 1000, "runs": 5}),
    Rung("window", "03", window, {"window": 4, "d_model": 16, "d_ff": 256, "batch": 256,
                                  "steps": 8000, "lr": 1.0, "runs": 5}),
    Rung("one head", "04", one_head, {"d_model": 64, "block": 64, "batch": 32, "steps": 4000,
                                      "lr": 0.005, "runs": 5}),
    Rung("heads", "05", heads, {"n_heads": 4, "d_model": 64, "block": 64, "batch": 32,
                                "steps": 4000, "lr": 0.005, "runs": 5}),
    Rung("norm", "06", norm, {"d_model": 64, "block": 64, "batch": 32, "steps": 4000,
                              "lr": 0.01, "runs": 5}),
    Rung("blocks", "07", blocks, {"n_layers": 2, "n_heads": 4, "d_ff": 256, "d_model": 64,
                                  "block": 64, "batch": 32, "steps": 2000, "lr": 0.006,
                                  "runs": 3}),
    Rung("memory", "08", memory, {"n_layers": 2, "n_heads": 4, "d_ff": 256, "d_model": 64,
                                  "block": 64, "batch": 32, "steps": 2000, "lr": 0.006,
                                  "runs": 3}),
    Rung("recipe", "10", recipe, {"n_layers": 2, "n_heads": 4, "d_ff": 256, "d_model": 64,
                                  "block": 64, "batch": 32, "steps": 5000, "peak": 0.01,
                                  "warmup": 250, "weight_decay": 0.1, "dropout": 0.05,
                                  "clip_norm": 1.0, "runs": 3}),
    Rung("language model", "12", language_model, {
        "vocab_size": 1024,
        "model": {"d_model": 128, "n_heads": 4, "n_layers": 4, "d_ff": 512, "max_seq_len": 128,
                  "dropout": 0.1},
        "training": {"steps": 1000, "batch_size": 8, "peak": 0.003, "warmup": 50,
                     "weight_decay": 0.1, "clip_norm": 1.0},
        "runs": 1}),
    Rung("rms norm", "13", blocks, {"n_layers": 2, "n_heads": 4, "d_ff": 256, "d_model": 64,
                                    "block": 64, "batch": 32, "steps": 2000, "lr": 0.006,
                                    "runs": 3, "change": {"norm": "rms"}}),
    Rung("rotary", "14", blocks, {"n_layers": 2, "n_heads": 4, "d_ff": 256, "d_model": 64,
                                  "block": 64, "batch": 32, "steps": 2000, "lr": 0.006,
                                  "runs": 3, "change": {"positions": "rotary"}}),
    Rung("grouped heads", "14", blocks, {"n_layers": 2, "n_heads": 4, "d_ff": 256, "d_model": 64,
                                         "block": 64, "batch": 32, "steps": 2000, "lr": 0.006,
                                         "runs": 3, "change": {"n_kv_heads": 2}}),
    Rung("swiglu", "14", blocks, {"n_layers": 2, "n_heads": 4, "d_ff": 170, "d_model": 64,
                                  "block": 64, "batch": 32, "steps": 2000, "lr": 0.006,
                                  "runs": 3, "change": {"activation": "swiglu"}}),
]

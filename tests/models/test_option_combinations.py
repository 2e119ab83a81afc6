"""Options together: every two choices meet in some model, whose gradient is proved whole.

All combinations would be thousands of models. Two options that disturb each other do so in any
model that has both, so it is enough that every pair of choices occurs somewhere.
"""

import functools
import itertools

import numpy as np
import pytest
from contract import check_direction

from minitransformer import models
from minitransformer.checks.case import Case, randomize
from minitransformer.layers.options import (
    ACTIVATIONS, ATTENTIONS, NORM_PLACEMENTS, NORMS, POOLINGS, POSITIONS)
from minitransformer.tree import tree_map

SRC = np.array([[3, 5, 4, 6, 3, 8, 9], [7, 3, 9, 0, 0, 0, 0]])      # (B, S), one row padded
TGT = np.array([[1, 4, 3, 9, 8], [1, 8, 0, 0, 0]])                  # (B, T)
SIZES = {"d_model": 12, "n_heads": 6, "n_layers": 2, "d_ff": 5, "max_seq_len": 9, "dropout": 0.2}
CHOICES = {
    "norm": tuple(NORMS), "norm_placement": NORM_PLACEMENTS, "activation": tuple(ACTIVATIONS),
    "positions": tuple(POSITIONS), "n_kv_heads": (None, 3, 1),
    "attention": tuple(ATTENTIONS), "recompute": (False, True),
}


def encoder_decoder(**options):
    """(config, what is read besides params, keywords) of an encoder-decoder with these options."""
    config = models.EncoderDecoderConfig(10, 10, **SIZES, **options)
    return config, (), {"src": SRC, "tgt": TGT,
                        "state": models.state_init(config=config, dtype=np.float64)}


def decoder_only(**options):
    """The same of a language model."""
    return models.DecoderOnlyConfig(10, **SIZES, **options), (), {"ids": SRC}


def encoder_only(reads, **options):
    """The same of an encoder; a tied output scores the vocabulary, so it has no classes."""
    front = {"vocab_size": 10} if reads == "ids" else {"n_features": 4}
    classes = None if options["tied_embeddings"] == "output" else 3
    config = models.EncoderOnlyConfig(**front, n_classes=classes, **SIZES, **options)
    state = models.state_init(config=config, dtype=np.float64)
    if reads == "ids":
        return config, (None,), {"ids": SRC, "state": state}
    features = np.random.default_rng(2).normal(size=(*SRC.shape, 4))
    return config, (features,), {"mask": SRC != 0, "state": state}


MODELS = {encoder_decoder: {**CHOICES, "tied_embeddings": ("none", "output", "all")},
          decoder_only: {**CHOICES, "tied_embeddings": ("none", "output")},
          encoder_only: {**CHOICES, "tied_embeddings": ("none", "output"),
                         "reads": ("ids", "features"), "pooling": tuple(POOLINGS)}}
NOT_ALLOWED = {
    decoder_only: [{"norm": "batch"}],  # its means would show the future
    encoder_only: [{"tied_embeddings": "output", "reads": "features"}],  # there is no vocabulary
}


def pairs_in(options):
    """Every two choices of a set of options, as a set."""
    return set(itertools.combinations(sorted(options.items(), key=str), 2))


def is_allowed(model, options):
    return not any(refused.items() <= options.items() for refused in NOT_ALLOWED.get(model, []))


@functools.cache
def covering(model):
    """Few sets of options in which every two choices that are allowed occur together.

    Greedy: of 60 candidates, each a pair that is still missing filled up at random, the one that
    brings the most missing pairs.
    """
    choices, rng = MODELS[model], np.random.default_rng(0)
    pairs = set().union(*(pairs_in({a: x, b: y}) for a, b in itertools.combinations(choices, 2)
                          for x in choices[a] for y in choices[b]))
    missing = {pair for pair in pairs if is_allowed(model, dict(pair))}
    found = []
    while missing:
        candidates, in_order = [], sorted(missing, key=str)
        for _ in range(60):
            wanted = in_order[rng.integers(len(missing))]
            options = {name: values[rng.integers(len(values))] for name, values in choices.items()}
            options = {**options, **dict(wanted)}
            if is_allowed(model, options):
                candidates.append(options)
        best = max(candidates, key=lambda options: len(pairs_in(options) & missing))
        missing -= pairs_in(best)
        found.append(best)
    return found


def every_allowed(model):
    """All sets of options that are allowed, one by one."""
    for values in itertools.product(*MODELS[model].values()):
        options = dict(zip(MODELS[model], values))
        if is_allowed(model, options):
            yield options


def in_short(options):
    return " ".join(map(str, options.values()))


@pytest.mark.parametrize(("model", "options"), [
    pytest.param(model, options, id=f"{model.__name__}: {in_short(options)}")
    for model in MODELS for options in covering(model)])
def test_the_whole_gradient_with_these_options(model, options):
    config, read, keywords = model(**options)
    init, forward, backward = (getattr(models, f"{model.__name__}_{part}")
                               for part in ("init", "forward", "backward"))
    params = randomize(np.random.default_rng(1), init(np.random.default_rng(0), config=config,
                                                      dtype=np.float64))
    params = tree_map(lambda x: 0.5 * x, params)  # without norms, six sublayers would reach 1e14
    case = Case(model.__name__, in_short(options), forward, backward, (params, *read),
                {**keywords, "config": config, "dropout_seed": (1, 2)})
    report = check_direction(case)
    assert report.passed(1e-11), report


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_two_choices_meet(model):
    met = set().union(*map(pairs_in, covering(model)))
    assert met == set().union(*map(pairs_in, every_allowed(model)))
    assert len(covering(model)) < 0.1 * len(list(every_allowed(model)))


@pytest.mark.parametrize(("model", "options"), [
    (model, options) for model, refusals in NOT_ALLOWED.items() for options in refusals])
def test_what_is_left_out_is_refused(model, options):
    others = {name: values[0] for name, values in MODELS[model].items()}
    with pytest.raises(ValueError, match="choose|without a vocabulary"):
        model(**{**others, **options})

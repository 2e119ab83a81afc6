import numpy as np
import pytest

from minitransformer.checks.layers import block_config
from minitransformer.functional import sinusoidal_positions
from minitransformer.layers.options import (
    ACTIVATIONS,
    IDENTITY,
    NORM_PLACEMENTS,
    NORMS,
    POSITIONS,
    TIED_EMBEDDINGS,
    expect_config,
    norms_around,
)
from minitransformer.models import EncoderDecoderConfig

SIZES = {"src_vocab_size": 10, "tgt_vocab_size": 11}
CHOICES = {"norm": NORMS, "norm_placement": NORM_PLACEMENTS, "activation": ACTIVATIONS,
           "positions": POSITIONS, "tied_embeddings": TIED_EMBEDDINGS}


def test_placement_puts_the_norm_before_or_after():
    norm = NORMS["layer"]
    assert norms_around(block_config(norm_placement="pre")) == (norm, IDENTITY)
    assert norms_around(block_config(norm_placement="post")) == (IDENTITY, norm)
    assert norms_around(block_config(norm="none")) == (IDENTITY, IDENTITY)


def test_a_layer_norm_starts_as_the_plain_one():
    params = NORMS["layer"].init(5, np.float32)
    assert {name: (x.dtype.name, x.tolist()) for name, x in params.items()} == {
        "gain": ("float32", [1.0] * 5), "bias": ("float32", [0.0] * 5)}


def test_layer_norm_sorts_its_gradients():
    rng = np.random.default_rng(0)
    params = {"gain": rng.normal(size=5), "bias": rng.normal(size=5)}
    out, cache = NORMS["layer"].forward(params, rng.normal(size=(2, 3, 5)))
    dparams, dx = NORMS["layer"].backward(np.ones_like(out), cache)
    assert dparams["bias"].tolist() == [6] * 5
    assert list(dparams) == ["gain", "bias"] and dx.shape == (2, 3, 5)


def test_the_identity_has_no_parameters():
    x = np.ones((2, 3))
    assert IDENTITY.init(3, np.float32) == {}
    out, cache = IDENTITY.forward({}, x)
    assert out is x
    dparams, dx = IDENTITY.backward(x, cache)
    assert dparams == {} and dx is x


def test_positions():
    assert np.array_equal(POSITIONS["sinusoidal"](6, 4), sinusoidal_positions(6, 4))
    assert POSITIONS["none"](6, 4).tolist() == [[0] * 4] * 6


@pytest.mark.parametrize("name", CHOICES)
def test_an_unknown_choice_is_answered_with_the_list(name):
    for value in CHOICES[name]:
        EncoderDecoderConfig(**{**SIZES, "tgt_vocab_size": 10}, **{name: value})
    with pytest.raises(ValueError) as error:
        EncoderDecoderConfig(**SIZES, **{name: "nonsense"})
    assert str(error.value) == (f"{name} is 'nonsense', expected one of: "
                                f"{', '.join(CHOICES[name])}")


@pytest.mark.parametrize("name", ["src_vocab_size", "tgt_vocab_size", "d_model", "n_heads",
                                  "n_layers", "d_ff", "max_seq_len"])
def test_sizes_are_whole_numbers_of_at_least_one(name):
    EncoderDecoderConfig(**{**SIZES, "n_heads": 1, name: 1})
    for value in (0, -3, 2.0, "8", None):
        with pytest.raises(ValueError, match=f"{name} is {value!r}, expected a whole number"):
            EncoderDecoderConfig(**{**SIZES, name: value})


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match="d_model 512 is not divisible by n_heads 7"):
        EncoderDecoderConfig(**SIZES, n_heads=7)


def test_dropout_is_a_rate():
    EncoderDecoderConfig(**SIZES, dropout=0.0)
    for rate in (-0.1, 1.0, float("nan")):
        with pytest.raises(ValueError, match=f"dropout is {rate}, expected 0 <= dropout < 1"):
            EncoderDecoderConfig(**SIZES, dropout=rate)


def test_expect_config_accepts_what_it_should():
    assert expect_config(EncoderDecoderConfig(**SIZES)) is None

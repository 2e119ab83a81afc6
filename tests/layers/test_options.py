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
    attention_sizes,
    embedding_options,
    feed_forward_sizes,
    norms_around,
)
from minitransformer.models import DecoderOnlyConfig, EncoderDecoderConfig
from minitransformer.tree import freeze
from minitransformer.variants import rotary_forward, swiglu_forward

SIZES = {"src_vocab_size": 10, "tgt_vocab_size": 11}
CHOICES = {"norm": NORMS, "norm_placement": NORM_PLACEMENTS, "activation": ACTIVATIONS,
           "positions": POSITIONS, "tied_embeddings": TIED_EMBEDDINGS}


def test_placement_puts_the_norm_before_or_after():
    def inits(**changes):
        return [norm.init for norm in norms_around(block_config(**changes))]

    norm = NORMS["layer"].init
    assert inits(norm_placement="pre") == [norm, IDENTITY.init]
    assert inits(norm_placement="post") == [IDENTITY.init, norm]
    assert inits(norm="none") == [IDENTITY.init, IDENTITY.init]


def test_where_no_token_may_hear_of_later_ones_layer_norm_stands_for_batch_norm():
    before, _ = norms_around(block_config(norm="batch"), causal=True)
    assert before.backward is NORMS["layer"].backward
    before, _ = norms_around(block_config(norm="rms"), causal=True)
    assert before.backward is NORMS["rms"].backward


def test_batch_norm_uses_and_renews_what_stands_beside_its_parameters():
    norm = NORMS["batch"]
    params = {**norm.init(3, np.float32), **norm.state(3, np.float32)}
    assert {name: x.tolist() for name, x in params.items()} == {
        "gain": [1] * 3, "bias": [0] * 3, "mean": [0] * 3, "variance": [1] * 3}
    x = np.random.default_rng(0).normal(2, 3, size=(2, 4, 3)).astype(np.float32)
    before, _ = norms_around(block_config(norm="batch"))
    still, cache = before.forward(params, x)
    np.testing.assert_allclose(still, x, rtol=1e-5)
    assert cache.running[0].tolist() == [0] * 3
    mask = np.array([[True] * 4, [True, False, False, False]])[:, None, None]
    before, _ = norms_around(block_config(norm="batch"), mask=mask, training=True)
    out, cache = before.forward(params, x)
    real = out[mask[:, 0, 0]]
    np.testing.assert_allclose(real.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(real.std(axis=0), 1, rtol=1e-4)
    np.testing.assert_allclose(cache.running[0], 0.1 * x[mask[:, 0, 0]].mean(axis=0), rtol=1e-5)
    dparams, _ = before.backward(out, cache)
    assert list(dparams) == ["gain", "bias"]


def test_batch_norm_refuses_a_mask_that_hides_tokens_from_others():
    before, _ = norms_around(block_config(norm="batch"), mask=np.tri(4, dtype=bool)[None, None])
    with pytest.raises(ValueError, match=r"batch norm takes a padding mask.*got \(1, 1, 4, 4\)"):
        before.forward(NORMS["batch"].init(3, np.float32), np.ones((2, 4, 3)))


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


CONFIG = block_config(d_model=4, max_seq_len=6)
X = np.random.default_rng(0).normal(size=(2, 3, 4))             # (B, T, D)
HEADS = np.random.default_rng(1).normal(size=(2, 5, 3, 4))      # (B, H, T, K)


@pytest.mark.parametrize("name", POSITIONS)
def test_each_scheme_enters_at_one_place(name):
    scheme = POSITIONS[name]
    params = scheme.init(np.random.default_rng(2), CONFIG, np.float64)
    added, _ = scheme.add(params, X, CONFIG, 1)
    turned, _ = scheme.turn(HEADS, 1)
    places = {"sinusoidal": "add", "learned": "add", "rotary": "turn", "alibi": "scores"}
    found = [place for place, changed in (
        ("add", not np.array_equal(added, X)), ("turn", not np.array_equal(turned, HEADS)),
        ("scores", scheme.on_scores(5, 3, 3) != {})) if changed]
    assert found == ([places[name]] if name in places else [])


def test_positions_begin_at_the_start():
    added, _ = POSITIONS["sinusoidal"].add({}, X, CONFIG, 2)
    assert np.array_equal(added, X + sinusoidal_positions(6, 4)[2:5])
    learned = POSITIONS["learned"]
    params = learned.init(np.random.default_rng(2), CONFIG, np.float32)
    assert params["positions"].shape == (6, 4) and params["positions"].dtype == np.float32
    added, cache = learned.add(params, X, CONFIG, 2)
    assert np.array_equal(added, X + params["positions"][2:5])
    dpositions = learned.add_backward(X, cache)["positions"]
    assert np.array_equal(dpositions, np.pad(X[0] + X[1], ((2, 1), (0, 0))))
    turned, _ = POSITIONS["rotary"].turn(HEADS, 2)
    assert np.array_equal(turned, rotary_forward(HEADS, positions=[2, 3, 4])[0])


def test_frozen_positions_leave_the_gradient_as_it_is():
    learned, dout = POSITIONS["learned"], freeze(X)  # read-only: not even the same is written
    params = learned.init(np.random.default_rng(2), CONFIG, np.float64)
    _, cache = learned.add(freeze(params), X, CONFIG, 2)
    assert learned.add_backward(dout, cache) == {"positions": None}


def test_a_row_of_the_table_is_scaled_unless_the_weights_ask_for_none():
    for scaled, scale in ((True, 4.0), (False, 1.0)):
        config = DecoderOnlyConfig(8, d_model=16, scale_embeddings=scaled)
        assert embedding_options(config) == (scale, POSITIONS["sinusoidal"])


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
        with pytest.raises(ValueError, match=f"dropout is {rate}, expected 0 <= it < 1"):
            EncoderDecoderConfig(**SIZES, dropout=rate)


def read_only(x):
    x = x.copy()
    x.setflags(write=False)
    return x


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_does_not_write_to_what_it_is_given(name):
    pair = ACTIVATIONS[name]
    hidden = read_only(np.random.default_rng(0).normal(size=(2, 3, 6)))
    out, cache = pair.forward(hidden)
    dx = pair.backward(read_only(out), cache)
    assert np.array_equal(dx, pair.backward(out.copy(), cache)) and dx.shape == hidden.shape


def test_positions_do_not_write_to_what_they_are_given():
    for scheme in POSITIONS.values():
        params = scheme.init(np.random.default_rng(2), CONFIG, np.float64)
        _, cache = scheme.add(params, read_only(X), CONFIG, 1)
        scheme.add_backward(read_only(X), cache)
        _, cache = scheme.turn(read_only(HEADS), 1)
        scheme.turn_backward(read_only(HEADS), cache)


def test_key_value_heads_serve_whole_groups():
    EncoderDecoderConfig(**SIZES, n_kv_heads=4)
    assert attention_sizes(block_config(n_kv_heads=None)) == {
        "d_model": 12, "d_kv": 12, "bias": True}
    assert attention_sizes(block_config(n_kv_heads=1)) == {
        "d_model": 12, "d_kv": 4, "bias": True}
    with pytest.raises(ValueError, match="n_heads 8 is not divisible by n_kv_heads 3"):
        EncoderDecoderConfig(**SIZES, n_kv_heads=3)
    with pytest.raises(ValueError, match="n_kv_heads is 0, expected a whole number"):
        EncoderDecoderConfig(**SIZES, n_kv_heads=0)


def test_rotary_positions_turn_pairs():
    EncoderDecoderConfig(**SIZES, d_model=9, n_heads=3, positions="sinusoidal")
    with pytest.raises(ValueError, match="a head is 3 wide"):
        EncoderDecoderConfig(**SIZES, d_model=9, n_heads=3, positions="rotary")
    with pytest.raises(ValueError, match="a head is 5 wide"):
        EncoderDecoderConfig(**SIZES, d_model=10, n_heads=2, positions="rotary")


def test_swiglu_takes_the_gate_first():
    hidden = np.random.default_rng(0).normal(size=(2, 6))
    out, cache = ACTIVATIONS["swiglu"].forward(hidden)
    assert np.array_equal(out, swiglu_forward(hidden[:, :3], hidden[:, 3:])[0])
    assert ACTIVATIONS["swiglu"].backward(out, cache).shape == (2, 6)
    assert feed_forward_sizes(block_config(activation="swiglu"))["activation"] == "swiglu"


def test_a_configuration_accepts_what_it_should():
    EncoderDecoderConfig(**SIZES)

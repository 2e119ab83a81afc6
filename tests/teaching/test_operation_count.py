"""Operations: those counted by watching are those of the formula, to the last one."""

import numpy as np
import pytest

from minitransformer.data.batching import Batch
from minitransformer.functional import linear_backward, linear_forward
from minitransformer.models import EncoderDecoder, EncoderDecoderConfig
from minitransformer.teaching.operation_count import (
    attention_share, forward_multiply_adds, operations, step_operations, watch, watch_step)

SIZES = {"d_model": 12, "n_heads": 3, "n_layers": 2, "d_ff": 20, "max_seq_len": 9}
RNG = np.random.default_rng(0)


def a_step(**changes):
    config = EncoderDecoderConfig(7, 11, **{**SIZES, **changes})
    batch = Batch(RNG.integers(3, 7, (4, 6)), *RNG.integers(3, 11, (2, 4, 9)))
    model = EncoderDecoder(config, seed=0)
    return config, model, batch, watch_step(model, batch, dropout_seed=(0, 0))


@pytest.mark.parametrize("changes", [
    {}, {"n_layers": 3, "n_heads": 2}, {"d_model": 8, "n_heads": 1, "d_ff": 5, "dropout": 0.0}])
def test_the_formula_is_the_count(changes):
    config, _, _, seen = a_step(**changes)
    assert operations(seen) == step_operations(config, B=4, S=6, T=9)
    parts = forward_multiply_adds(config, B=4, S=6, T=9)
    attention = parts["encoder attention"] + parts["decoder attention"]
    assert operations(seen, "attention_forward") == 2 * attention
    assert operations(seen, "linear_forward") == 2 * (sum(parts.values()) - attention)
    for name in ("attention", "linear"):
        assert operations(seen, f"{name}_backward") == 2 * operations(seen, f"{name}_forward")


def test_watching_changes_nothing():
    _, model, batch, _ = a_step()
    before = model.loss_and_grads(batch, dropout_seed=(0, 0))
    watch_step(model, batch, dropout_seed=(0, 0))
    after = model.loss_and_grads(batch, dropout_seed=(0, 0))
    assert before[0] == after[0]
    assert type(model.params["decoder"]["output"]["w"]) is np.ndarray


def test_what_is_seen_of_one_linear_layer():
    def run(params):
        out, cache = linear_forward(params["x"], params["w"], params["b"])
        linear_backward(out, cache)

    x, w, b = np.ones((2, 3, 4)), np.ones((4, 5)), np.ones(5)
    seen = watch(run, {"x": x, "w": w, "b": b})
    products = [s for s in seen if s.ufunc == "matmul"]
    assert [(s.function, s.multiply_adds) for s in products] == [
        ("linear_forward", 120), ("linear_backward", 120), ("linear_backward", 120)]
    assert products[0].shapes == ((2, 3, 4), (4, 5))
    assert products[0].nbytes == 8 * (24 + 20 + 30)
    sums = [s for s in seen if s.ufunc == "add.reduce"]
    assert [(s.function, s.multiply_adds) for s in sums] == [("linear_backward", 0)]


def test_a_product_that_would_not_be_seen_is_refused():
    with pytest.raises(TypeError, match="np.einsum multiplies unseen"):
        watch(lambda w: np.einsum("ij,jk->ik", w, w), np.ones((2, 2)))


def test_what_the_formula_does_not_know_is_refused():
    config = EncoderDecoderConfig(7, 11, **SIZES, n_kv_heads=1)
    with pytest.raises(ValueError, match="n_kv_heads"):
        forward_multiply_adds(config, B=1, S=2, T=3)


def test_the_share_of_attention():
    config = EncoderDecoderConfig(7, 11, **SIZES)
    for T in (5, 400):
        parts = forward_multiply_adds(config, B=3, S=T, T=1)
        block = [parts[f"encoder {part}"] for part in ("attention", "projections", "feed-forward")]
        assert attention_share(T, 12, 20) == pytest.approx(block[0] / sum(block), rel=1e-12)
    assert attention_share(2 * 12 + 20, 12, 20) == 0.5

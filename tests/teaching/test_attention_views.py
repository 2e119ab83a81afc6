"""What the explorer shows of a model is the model's own: weights, scores, masks, gradients."""

import math

import numpy as np
import pytest

from minitransformer.data.batching import make_batch
from minitransformer.functional import (
    attention_backward, attention_forward, causal_mask, cross_entropy_forward, softmax_backward,
    softmax_forward)
from minitransformer.functional.softmax import SoftmaxCache
from minitransformer.layers import multi_head_attention_backward, multi_head_attention_forward
from minitransformer.layers.options import ATTENTIONS
from minitransformer.models import EncoderDecoder, EncoderDecoderConfig
from minitransformer.teaching.explorer import explore
from minitransformer.teaching.swap import swapped
from minitransformer.translator import Translator

SRC, TGT = [3, 5, 4, 6], [4, 3, 7]


def small_model(seed=0):
    config = EncoderDecoderConfig(8, 9, d_model=6, n_heads=3, n_layers=2, d_ff=5, max_seq_len=7)
    return EncoderDecoder(config, seed=seed, dtype=np.float64)


def attention_caches(cache):
    """The model's AttentionCaches, in the order in which the forward makes them."""
    decoder = [part.attention for block in cache.decoder.blocks
               for part in (block.self_attention, block.cross_attention)]
    return [block.attention.attention for block in cache.encoder.blocks] + decoder


def by_forward_order(explorer, name):
    """An explorer's arrays (H, T, S) in the order in which the forward computes them."""
    encoder, decoder, cross = (view.arrays[name] for view in explorer.views)
    return [*encoder, *(array for pair in zip(decoder, cross) for array in pair)]


def test_weights_scores_and_masks_are_those_of_the_model():
    model = small_model()
    batch = make_batch([(SRC, TGT)])
    logits, cache = model.forward(batch.src, batch.tgt)
    explorer = explore(model, SRC, target=TGT)
    assert [view.name for view in explorer.views] == ["encoder", "decoder", "cross"]
    caches, masks = attention_caches(cache), []
    for weights, scores, seen in zip(by_forward_order(explorer, "weights"),
                                     by_forward_order(explorer, "scores"), caches, strict=True):
        assert np.array_equal(weights, seen.weights[0])
        raw = seen.q[0] @ seen.k[0].swapaxes(-1, -2) / math.sqrt(2)
        np.testing.assert_allclose(scores, raw, rtol=1e-13)
        masks.append(seen.weights[0] == 0)
    encoder, decoder, cross = explorer.views
    assert not encoder.masked.any() and not cross.masked.any()
    assert np.array_equal(decoder.masked, np.broadcast_to(~causal_mask(4, 4), (2, 3, 4, 4)))
    assert decoder.rows == ["START", "4", "3", "7"] and cross.columns == ["3", "5", "4", "6"]
    loss, _ = cross_entropy_forward(logits, targets=batch.targets)
    assert f"{loss:.4f} nats" in repr(explorer)


@pytest.mark.parametrize("name", ["dweights", "dscores"])
def test_the_gradients_are_those_of_the_models_loss(name):
    """A complex step at the weights, or at the scores, of one attention after the other."""
    model, batch, step = small_model(), make_batch([(SRC, TGT)]), 1e-30
    explorer = explore(model, SRC, target=TGT)
    gradients = by_forward_order(explorer, name)
    rng = np.random.default_rng(1)
    for place, gradient in enumerate(gradients):
        direction, calls = rng.normal(size=gradient.shape), []

        def moved(q, k, v, *, mask=None, causal=False, place=place, direction=direction,
                  calls=calls):
            out, cache = attention_forward(q, k, v, mask=mask, causal=causal)
            if len(calls) == place:
                change = step * 1j * direction
                if name == "dscores":  # move the scores, and let the softmax follow
                    scores = q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1])
                    scores = np.where(cache.weights == 0, -np.inf, scores.real) + change
                    out = softmax_forward(scores)[0] @ v
                else:
                    out = (cache.weights + change) @ v
            calls.append(None)
            return out, cache

        with swapped("attention", forward=moved):
            logits, _ = model.forward(batch.src, batch.tgt)
        loss, _ = cross_entropy_forward(logits, targets=batch.targets)
        measured = loss.imag / step
        expected = np.sum(gradient * direction)
        assert len(calls) == len(gradients) and abs(expected) > 1e-6
        assert abs(measured - expected) < 1e-11 * np.linalg.norm(gradient), (place, name)


def test_masked_scores_have_no_gradient_and_rows_add_up_to_nothing():
    for view in explore(small_model(), SRC, target=TGT).views:
        assert not view.arrays["dscores"][view.masked].any()
        np.testing.assert_allclose(view.arrays["dscores"].sum(axis=-1), 0, atol=1e-16)


def test_a_readers_own_pair_is_watched_as_well():
    calls = []

    def my_forward(*args, **kwargs):
        calls.append("forward")
        return attention_forward(*args, **kwargs)

    def my_backward(dout, cache):
        calls.append("backward")
        return attention_backward(dout, cache)

    with swapped("attention", my_forward, my_backward):
        mine = explore(small_model(), SRC, target=TGT)
    assert calls == ["forward"] * 6 + ["backward"] * 6
    assert mine._repr_html_() == explore(small_model(), SRC, target=TGT)._repr_html_()


def test_a_layer_that_cannot_be_watched_is_said():
    pair = ATTENTIONS["plain"]._replace(forward=attention_forward, backward=attention_backward)
    plain = {"ATTENTIONS": {"auto": pair}}

    def unwatched(function):
        """The same function, with the package's pair in namespaces of its own."""
        return type(function)(function.__code__, {**function.__globals__, **plain},
                              function.__name__, function.__defaults__, function.__closure__)

    forward, backward = map(unwatched, (multi_head_attention_forward,
                                        multi_head_attention_backward))
    forward.__kwdefaults__ = multi_head_attention_forward.__kwdefaults__
    with swapped("multi_head_attention", forward, backward), \
            pytest.raises(ValueError, match="cannot be watched"):
        explore(small_model(), SRC, target=TGT)


def test_the_target_is_by_default_what_the_model_writes():
    model = small_model(seed=3)
    written = model.generate(np.array([SRC]), max_new_tokens=7)[0][:6]
    explorer = explore(model, SRC)
    assert explorer.views[1].rows == ["START", *map(str, written)]


def test_a_translator_shows_words_and_characters():
    pairs = [("one two", "eins"), ("two-one", "zwei ")]
    translator = Translator.untrained(pairs)
    explorer = explore(translator, "two-one", target="zwei ")
    encoder, decoder, cross = explorer.views
    assert encoder.rows == cross.columns == ["two", "-", "one"]
    assert decoder.rows == ["START", "z", "w", "e", "i", " "]
    assert explorer.title == "two-one → zwei "
    own = explore(translator, "one two")
    assert own.title == "one two → " + "".join(own.views[1].rows[1:])
    with pytest.raises(ValueError, match="expected the source as one string"):
        explore(translator, ["one"])
    with pytest.raises(ValueError, match="'three'"):
        explore(translator, "one three")


def test_the_gradients_of_the_scores_follow_from_those_of_the_weights():
    for view in explore(small_model(), SRC, target=TGT).views:
        weights, dweights = view.arrays["weights"], view.arrays["dweights"]
        np.testing.assert_array_equal(
            view.arrays["dscores"], softmax_backward(dweights, SoftmaxCache(weights)))

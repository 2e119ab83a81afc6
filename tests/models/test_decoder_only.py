"""The language model: what it sees, what it refuses, what it writes."""

import numpy as np
import pytest

from minitransformer.data.batching import Batch
from minitransformer.models import DecoderOnly, DecoderOnlyConfig
from minitransformer.sampling import next_token_probs
from minitransformer.tree import tree_items, tree_size

SIZES = {"vocab_size": 11, "d_model": 12, "n_heads": 3, "n_layers": 2, "d_ff": 9, "max_seq_len": 14,
         "dropout": 0.0}
SHAPES = {
    "gpt": {"activation": "gelu_tanh", "positions": "learned"},
    "llama": {"norm": "rms", "activation": "swiglu", "positions": "rotary", "n_kv_heads": 1,
              "tied_embeddings": "none"},
    "alibi": {"positions": "alibi", "norm_placement": "post", "activation": "silu"},
}
IDS = np.array([[3, 5, 4, 6, 3, 8], [7, 3, 9, 10, 4, 4]])
every_shape = pytest.mark.parametrize("shape", SHAPES)


def make(shape, dtype=np.float64, **changes):
    return DecoderOnly(DecoderOnlyConfig(**{**SIZES, **SHAPES[shape], **changes}), dtype=dtype)


@every_shape
def test_no_later_token_changes_an_earlier_logit_to_the_bit(shape):
    model, changed = make(shape), IDS.copy()
    changed[:, 4:] = 1
    before, after = model.forward(IDS)[0], model.forward(changed)[0]
    assert np.array_equal(before[:, :4], after[:, :4])
    assert not np.array_equal(before[:, 4:], after[:, 4:])


@every_shape
def test_padding_behind_a_text_changes_nothing(shape):
    model = make(shape)
    padded = np.pad(IDS, ((0, 0), (0, 3)))
    np.testing.assert_allclose(model.forward(padded)[0][:, :6], model.forward(IDS)[0], rtol=0,
                               atol=1e-12)


@every_shape
@pytest.mark.parametrize("first", [1, 4])
def test_decoding_with_a_cache_equals_the_full_forward(shape, first):
    model = make(shape)
    full, _ = model.forward(IDS)
    step, rows = model.decoding_step(), np.arange(2)
    found = [step(IDS[:, :first], rows)]
    found += [step(IDS[:, t:t + 1], rows) for t in range(first, 6)]
    found = np.stack(found, axis=1)
    assert np.isneginf(found[..., 0]).all()                     # padding is never written
    np.testing.assert_allclose(found[..., 1:], full[:, first - 1:, 1:], rtol=0, atol=1e-12)


def test_the_cache_holds_key_value_heads_only():
    step = make("llama").decoding_step()
    step(IDS, np.arange(2))
    held = dict(zip(step.__code__.co_freevars, step.__closure__))
    kv_cache = held["kv_cache"].cell_contents
    assert kv_cache[0].k.shape == (2, 1, 6, 4)


@every_shape
def test_loss_and_gradients(shape):
    model = make(shape)
    batch = Batch(None, IDS[:, :-1], IDS[:, 1:])
    loss, grads = model.loss_and_grads(batch)
    assert loss == pytest.approx(model.loss(batch), abs=1e-12)
    assert [name for name, _ in tree_items(grads)] == [name for name, _ in tree_items(model.params)]


def test_a_tied_table_is_the_output_too():
    tied, own = make("gpt"), make("gpt", tied_embeddings="none")
    assert tree_size(own.params) - tree_size(tied.params) == 12 * 11 + 11
    x = np.array([[3]])
    tied.params["embedding"]["table"][7] = 0
    assert tied.forward(x)[0][0, 0, 7] == 0


@pytest.mark.parametrize("changes, words", [
    ({"norm": "batch"}, "a language model would be shown what it has to predict"),
    ({"tied_embeddings": "all"}, "there is no encoder"),
    ({"activation": "tanh"}, "expected one of: relu, gelu, gelu_tanh, silu, swiglu"),
    ({"positions": "rotary", "d_model": 9}, "a head is 3 wide"),
    ({"n_kv_heads": 2}, "n_heads 3 is not divisible by n_kv_heads 2"),
])
def test_what_cannot_be_built_is_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        DecoderOnlyConfig(**{**SIZES, **changes})


@pytest.mark.parametrize("ids, words", [
    (np.array([[11]]), "ids holds the id 11, but there are 11 entries"),
    (np.ones((1, 15), int), "the sequence has 15 tokens, but max_seq_len is 14"),
    (np.ones(3, int), r"ids has shape \(3,\)"),
])
def test_wrong_ids_are_named(ids, words):
    with pytest.raises(ValueError, match=words):
        make("gpt").forward(ids)


def test_saved_and_loaded(tmp_path):
    model = make("llama", np.float32)
    model.save(tmp_path / "model.npz")
    again = DecoderOnly.load(tmp_path / "model.npz")
    assert again.config == model.config
    assert np.array_equal(again.forward(IDS)[0], model.forward(IDS)[0])


def test_loaded_where_every_array_is_one_that_would_be_drawn(tmp_path):
    model = make("gpt", norm="none", bias=False, positions="none", activation="relu")
    assert all(x.any() for _, x in tree_items(model.params))  # no gain, no bias
    model.save(tmp_path / "model.npz")
    assert np.array_equal(DecoderOnly.load(tmp_path / "model.npz").forward([[3, 5]])[0],
                          model.forward([[3, 5]])[0])


def draw(model, prompt, count, **choice):
    """What generate should give for one prompt, the whole text computed anew for each token."""
    rng, text = np.random.default_rng([choice.pop("seed", 0), 0]), list(prompt)
    for _ in range(count):
        logits, _ = model.forward(np.array([text]))
        logits[..., 0] = -np.inf                                # padding is never written
        probs = next_token_probs(logits[0, -1], seen=text, **choice)
        text.append(int(rng.choice(len(probs), p=probs)))
    return text[len(prompt):]


@every_shape
@pytest.mark.parametrize("choice", [{}, {"temperature": 0.0}, {
    "temperature": 0.7, "top_k": 5, "top_p": 0.9, "repetition_penalty": 1.3, "seed": 4}])
def test_generated_as_without_a_cache(shape, choice):
    model = make(shape)
    assert model.generate([[3, 5, 4]], max_new_tokens=8, **choice) == [
        draw(model, [3, 5, 4], 8, **choice)]


def test_prompts_of_different_lengths_are_continued_together():
    model = make("llama")
    prompts = [[3, 5, 4, 6, 7], [8], [9, 3, 3]]
    together = model.generate(prompts, max_new_tokens=6, temperature=0.0)
    alone = [model.generate([prompt], max_new_tokens=6, temperature=0.0)[0] for prompt in prompts]
    assert together == alone and [len(new) for new in together] == [6, 6, 6]


def test_streaming_gives_the_same_tokens_one_by_one():
    model = make("gpt")
    prompts = [[3, 5], [8]]
    found = [[], []]
    for new in model.stream(prompts, max_new_tokens=5, seed=2):
        for row, token in new.items():
            found[row].append(token)
    assert found == model.generate(prompts, max_new_tokens=5, seed=2)
    assert found != model.generate(prompts, max_new_tokens=5, seed=3)


def test_too_long_a_text_is_refused_before_it_begins():
    with pytest.raises(ValueError, match="make 15 tokens, but max_seq_len is 14"):
        make("gpt").stream([[3] * 5], max_new_tokens=10)


@pytest.mark.parametrize("prompts, error, words", [
    ([[3], [11]], ValueError, "prompt 1 holds the id 11, but there are 11 entries"),
    ([[3.5], [3]], TypeError, "prompt 0 must be integers"),
    ([[3], []], ValueError, "a prompt is empty"),
])
def test_a_wrong_prompt_is_refused_by_its_number(prompts, error, words):
    with pytest.raises(error, match=words):
        make("gpt").generate(prompts, max_new_tokens=2)

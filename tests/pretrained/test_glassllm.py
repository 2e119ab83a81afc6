"""glassllm: its files by this package's code, number for number and word for word."""

import json

import numpy as np
import pytest

from minitransformer.models import DecoderOnly, DecoderOnlyConfig, decoder_only_init
from minitransformer.pretrained import load_pretrained
from minitransformer.pretrained.glassllm import CharacterPairs, names, read_model
from minitransformer.pretrained.names import params_template
from minitransformer.pretrained.writer import Writer
from minitransformer.tree import tree_items, tree_size

ALPHABET = ["\n", ".", "a", "b", "c", "é", "▁"]
MERGES = [["a", "b"], ["▁", "ab"], ["ab", "ab"]]


@pytest.fixture
def tokenizer():
    return CharacterPairs(ALPHABET, MERGES)


def test_pairs_are_merged_inside_words(tokenizer):
    tokens = [tokenizer.tokens[i] for i in tokenizer.encode("abab ab\n  ab.é")]
    assert tokens == ["abab", "▁ab", "\n", "▁", "▁ab", ".", "é"]
    assert tokenizer.encode("e\u0301") == tokenizer.encode("é")
    assert tokenizer.decode(tokenizer.encode(" ab\nx")) == " ab\n⁇"
    assert tokenizer.decode([0, 2, 3, 4]) == "\n" and tokenizer.vocab_size == 14
    with pytest.raises(ValueError, match="ids holds the id 14"):
        tokenizer.decode([14])


def stored_model(tmp_path, **changes):
    """A file in glassllm's layout, with random numbers, and the configuration in it."""
    settings = {"vocab_size": 14, "d_model": 8, "n_layers": 2, "n_heads": 4, "n_kv_heads": 2,
                "max_len": 6, "rope_base": 100.0, "eps": 1e-6, "init_std": 0.02, **changes}
    rng, D, F = np.random.default_rng(0), 8, 21
    shapes = {"E": (14, D), "norm_f.gamma": (D,)}
    for i in range(2):
        shapes |= {f"blocks.{i}.norm1.gamma": (D,), f"blocks.{i}.norm2.gamma": (D,),
                   f"blocks.{i}.attn.W_Q": (D, D), f"blocks.{i}.attn.W_K": (D, D // 2),
                   f"blocks.{i}.attn.W_V": (D, D // 2), f"blocks.{i}.attn.W_O": (D, D),
                   f"blocks.{i}.ffn.W1": (D, F), f"blocks.{i}.ffn.W3": (D, F),
                   f"blocks.{i}.ffn.W2": (F, D)}
    arrays = {name: rng.normal(0, 1, shape).astype(np.float16) for name, shape in shapes.items()}
    path = tmp_path / "en.npz"
    np.savez(path, __config__=np.array(json.dumps(settings)), **arrays)
    return path, arrays


def test_a_file_becomes_a_model(tmp_path):
    path, arrays = stored_model(tmp_path)
    model = read_model(path)
    assert model.config.rope_base == 100 and model.config.d_ff == 21
    for i, block in enumerate(model.params["blocks"]):
        attention, up = block["attention"], block["feed_forward"]["up"]["w"]
        for found, name in (
                (block["before_attention"]["gain"], "norm1.gamma"),
                (block["before_feed_forward"]["gain"], "norm2.gamma"),
                *((attention[ours]["w"], f"attn.W_{theirs}")
                  for ours, theirs in (("q", "Q"), ("k", "K"), ("v", "V"), ("out", "O"))),
                (up[:, :21], "ffn.W1"), (up[:, 21:], "ffn.W3"),
                (block["feed_forward"]["down"]["w"], "ffn.W2")):
            assert found.dtype == np.float64
            assert np.array_equal(found, arrays[f"blocks.{i}.{name}"]), name
    assert np.array_equal(model.params["embedding"]["table"], arrays["E"])
    assert np.array_equal(model.params["norm"]["gain"], arrays["norm_f.gamma"])
    assert tree_size(model.params) == sum(x.size for x in arrays.values())


def test_another_file_is_refused(tmp_path):
    path, _ = stored_model(tmp_path, d_model=16)
    with pytest.raises(ValueError, match=r"what belongs to 'embedding.table' has shape \(14, 8\)"):
        read_model(path)
    (tmp_path / "bad.npz").write_bytes(b"PK\3\4 no zip")
    np.savez(tmp_path / "other.npz", a=np.ones(3))
    for name in ("bad.npz", "other.npz"):
        with pytest.raises(ValueError, match=f"{name} holds no glassllm model"):
            read_model(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        read_model(tmp_path / "none.npz")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ValueError, match="holds no tokenizer of glassllm's"):
        CharacterPairs.load(tmp_path / "tokenizer.json")


def test_a_template_has_the_shapes_and_a_model_of_it_draws_nothing():
    config = DecoderOnlyConfig(20, d_model=8, n_heads=2, n_layers=3, d_ff=6, dropout=0.0)
    whole = decoder_only_init(np.random.default_rng(1), config=config, dtype=np.float64)
    template = params_template(decoder_only_init, config, np.float64)
    assert [(name, x.shape, x.dtype) for name, x in tree_items(whole)] == [
        (name, x.shape, x.dtype) for name, x in tree_items(template)]
    model = DecoderOnly.of(config, whole)
    assert model.params is whole and model.state == {}
    assert np.array_equal(model.forward(np.array([[1, 2]]))[0],
                          DecoderOnly(config, seed=1, dtype=np.float64).forward(
                              np.array([[1, 2]]))[0])


@pytest.fixture
def writer(tmp_path, tokenizer):
    return Writer(read_model(stored_model(tmp_path)[0]), tokenizer)


def test_a_full_window_slides(writer):
    """Each token is the likeliest after the newest six, read from the start."""
    ids = writer.tokenizer.encode("ab c")
    expected = list(ids)
    for _ in range(12):
        expected.append(int(np.argmax(writer.logits([expected[-6:]])[0, -1])))
    assert list(writer.stream_ids(ids, max_new_tokens=12)) == expected[len(ids):]
    assert writer.generate("ab c", max_new_tokens=12) == writer.tokenizer.decode(
        expected[len(ids):])


def test_the_same_seed_writes_the_same(writer):
    texts = [writer.generate("a", max_new_tokens=20, temperature=1.0, seed=seed)
             for seed in (3, 3, 4)]
    assert texts[0] == texts[1] != texts[2]
    assert "".join(writer.stream("a", max_new_tokens=20, temperature=1.0, seed=3)) == texts[0]


def test_an_end_is_not_written(writer):
    ids = writer.tokenizer.encode("ab c")
    free = list(writer.stream_ids(ids, max_new_tokens=8))
    ended = Writer(writer.model, writer.tokenizer, ends={free[-1]})
    assert list(ended.stream_ids(ids, max_new_tokens=8)) == free[:free.index(free[-1])]


def test_a_writer_refuses_at_the_door(writer):
    for choice, message in (({"max_new_tokens": 0}, "max_new_tokens is 0, expected at least 1"),
                            ({"temperature": -1.0}, "temperature is -1.0"),
                            ({"top_p": 0}, "top_p is 0")):
        with pytest.raises(ValueError, match=message):
            writer.stream("a", **choice)
    with pytest.raises(ValueError, match="the prompt is empty"):
        writer.generate("")


def pretrained(language):
    """(the package's model, its tokenizer, ours); skipped where the package is missing."""
    oracle = pytest.importorskip("glassllm")
    return *oracle.load_pretrained(language), load_pretrained(f"glassllm-{language}")


@pytest.mark.slow
@pytest.mark.parametrize("language, text", [
    ("en", "Alice was beginning to get very tired of sitting by her sister on the bank"),
    ("pt", "Era uma vez uma menina que não gostava de ler, nem  de escrever.\n\nUm dia")])
def test_the_numbers_and_words_are_those_of_the_package(language, text):
    model, tokenizer, ours = pretrained(language)
    ids = tokenizer.encode(text)
    assert ours.tokenizer.encode(text) == ids and ours.tokenizer.decode(ids) == text
    random = np.random.default_rng(0).integers(0, 1024, (3, 128))
    for batch in ([ids], random):
        assert np.abs(ours.logits(batch) - model.forward(batch).data).max() <= 1e-5
    theirs = [step.token for step in model.generate(ids, 150, greedy=True)]
    assert list(ours.stream_ids(ids, max_new_tokens=150)) == theirs  # the window of 128 slides
    assert ours.generate(text, max_new_tokens=150) == tokenizer.decode(theirs)


def test_every_array_of_the_file_has_its_place():
    config = DecoderOnlyConfig(14, d_model=8, n_layers=2, norm="rms", positions="rotary",
                               activation="swiglu", bias=False)
    template = params_template(decoder_only_init, config)
    assert set(names(config)) == {name for name, _ in tree_items(template)}

"""Folders and tokenizers in the layouts of Hugging Face and its kin, damaged, tampered or absurd.

A folder is loaded whole each time, and where it is not refused the model must work. A refusal names
config.json or model.safetensors, for often they only do not fit each other.
"""

import json

import numpy as np
import pytest
from mangle import ABSURD, DEEP, VALUES, fuzz, places, try_reader, with_value

from minitransformer.data.byte_pair import BytePairTokenizer
from minitransformer.language_model.settings import read_settings
from minitransformer.pretrained import minilm
from minitransformer.pretrained.byte_level import ByteLevelTokenizer
from minitransformer.pretrained.glassllm import CharacterPairs
from minitransformer.pretrained.huggingface import Settings, load_huggingface
from minitransformer.pretrained.whisper import _suppressed
from minitransformer.pretrained.wordpiece import WordPiece

COUNTS = pytest.mark.parametrize("seed, count", [
    (0, 14), pytest.param(1, 700, marks=pytest.mark.slow)])
EVERY = pytest.mark.parametrize("every", [29, pytest.param(1, marks=pytest.mark.slow)])
SETTINGS = {
    "bert": {"model_type": "bert", "vocab_size": 13, "hidden_size": 8, "num_hidden_layers": 1,
             "num_attention_heads": 2, "intermediate_size": 12, "max_position_embeddings": 10,
             "hidden_act": "gelu", "layer_norm_eps": 1e-3, "hidden_dropout_prob": 0.2,
             "pad_token_id": 0, "is_decoder": False, "position_embedding_type": "absolute"},
    "gpt2": {"model_type": "gpt2", "vocab_size": 13, "n_embd": 8, "n_layer": 1, "n_head": 2,
             "n_positions": 10, "n_inner": 12, "activation_function": "gelu_new",
             "resid_pdrop": 0.1, "layer_norm_epsilon": 1e-3, "scale_attn_weights": True,
             "tie_word_embeddings": True},
    "llama": {"model_type": "llama", "vocab_size": 13, "hidden_size": 8, "num_hidden_layers": 1,
              "num_attention_heads": 2, "num_key_value_heads": 1, "intermediate_size": 12,
              "max_position_embeddings": 10, "hidden_act": "silu", "rms_norm_eps": 1e-3,
              "head_dim": 4, "tie_word_embeddings": False, "rope_scaling": None,
              "attention_bias": False,
              "rope_parameters": {"rope_type": "default", "rope_theta": 500.0}}}
TABLES = {  # without a bias; the other arrays of BERT and GPT-2 have one
    "bert": {"embeddings.word_embeddings": (13, 8), "embeddings.position_embeddings": (10, 8),
             "embeddings.token_type_embeddings": (2, 8)},
    "gpt2": {"wte": (13, 8), "wpe": (10, 8)},
    "llama": {"embed_tokens": (13, 8), "lm_head": (13, 8)}}
BLOCKS = {
    "bert": {"attention.self.query": (8, 8), "attention.self.key": (8, 8),
             "attention.self.value": (8, 8), "attention.output.dense": (8, 8),
             "attention.output.LayerNorm": (8,), "intermediate.dense": (12, 8),
             "output.dense": (8, 12), "output.LayerNorm": (8,)},
    "gpt2": {"ln_1": (8,), "attn.c_attn": (8, 24), "attn.c_proj": (8, 8), "ln_2": (8,),
             "mlp.c_fc": (8, 12), "mlp.c_proj": (12, 8)},
    "llama": {"input_layernorm": (8,), "self_attn.q_proj": (8, 8), "self_attn.k_proj": (4, 8),
              "self_attn.v_proj": (4, 8), "self_attn.o_proj": (8, 8), "mlp.up_proj": (12, 8),
              "mlp.gate_proj": (12, 8), "mlp.down_proj": (8, 12),
              "post_attention_layernorm": (8,)}}
BEFORE = {"bert": ("embeddings.LayerNorm", "encoder.layer.0"), "gpt2": ("ln_f", "h.0"),
          "llama": ("norm", "layers.0")}  # the norm beside the blocks, and what a block is called
FILES = ("config.json", "model.safetensors")
each_kind = pytest.mark.parametrize("kind", list(SETTINGS))


def arrays_of(kind):
    """The arrays of a model of random numbers, under their names in the file."""
    rng, (norm, block) = np.random.default_rng(3), BEFORE[kind]
    rest = {norm: (8,), **{f"{block}.{name}": shape for name, shape in BLOCKS[kind].items()}}
    shapes = {f"{name}.weight": shape for name, shape in {**TABLES[kind], **rest}.items()}
    if kind != "llama":
        outputs = 0 if kind == "bert" else -1
        shapes |= {f"{name}.bias": (shape[outputs],) for name, shape in rest.items()}
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def write_folder(folder, kind):
    save_file = pytest.importorskip("safetensors.numpy").save_file
    (folder / "config.json").write_text(json.dumps(SETTINGS[kind]), encoding="utf-8")
    save_file(arrays_of(kind), folder / "model.safetensors")
    return save_file


def load_and_use(path):
    model = load_huggingface(path.parent)
    logits, _ = model.forward(ids=[[1, 2]]) if hasattr(model.config, "pooling") else \
        model.forward([[1, 2]])
    assert logits.shape == (1, 2, 13) and np.isfinite(logits).all()


@COUNTS
@each_kind
def test_bytes_of_a_configuration(tmp_path, kind, seed, count):
    write_folder(tmp_path, kind)
    load_and_use(tmp_path / "config.json")
    fuzz(load_and_use, tmp_path / "config.json", seed, count, named=FILES)


@EVERY
@each_kind
def test_any_value_in_any_setting_and_any_setting_missing(tmp_path, kind, every):
    write_folder(tmp_path, kind)
    changed = [(f"{place} = {str(value)[:40]}", with_value(SETTINGS[kind], place, value))
               for place in places(SETTINGS[kind]) for value in [*ABSURD, *VALUES]]
    changed += [(f"no {name}", {key: x for key, x in SETTINGS[kind].items() if key != name})
                for name in SETTINGS[kind]]
    files = [(what, json.dumps(settings).encode()) for what, settings in changed[::every]]
    assert try_reader(load_and_use, tmp_path / "config.json", files, named=FILES) > len(files) / 2


@COUNTS
@each_kind
def test_bytes_of_weights(tmp_path, kind, seed, count):
    write_folder(tmp_path, kind)
    fuzz(lambda path: load_huggingface(path.parent), tmp_path / "model.safetensors", seed, count)


def other_arrays(x):
    """Arrays that cannot stand where x stands."""
    shapes = [(), (0,), (0, 8), (1, *x.shape), (7, 3), (*x.shape[:-1], x.shape[-1] - 1)]
    yield from (np.ones(shape, np.float32) for shape in shapes)
    yield from (np.full_like(x, value) for value in (np.nan, np.inf, -np.inf))
    yield x.astype(np.float64) * 1e300
    yield x.astype(np.complex64)
    if x.ndim == 1:  # in a matrix that is joined with others whole numbers would do no harm
        yield from (x.astype(np.int64), x > 0)


@EVERY
@each_kind
def test_arrays_of_another_shape_or_type(tmp_path, kind, every):
    save_file, arrays = write_folder(tmp_path, kind), arrays_of(kind)
    others = [(name, other) for name, x in arrays.items() for other in other_arrays(x)]
    for name, other in others[::every]:
        save_file({**arrays, name: other}, tmp_path / "model.safetensors")
        with pytest.raises(ValueError, match="model.safetensors"):
            load_huggingface(tmp_path)


@pytest.mark.parametrize("kind, name, shape", [
    ("bert", "embeddings.token_type_embeddings.weight", (0,)), ("gpt2", "h.0.attn.c_attn.bias", ()),
    ("llama", "layers.0.mlp.up_proj.weight", (12,)),
    ("llama", "layers.0.mlp.down_proj.weight", (2, 2))])
def test_arrays_that_cannot_even_be_cut_or_joined(tmp_path, kind, name, shape):
    save_file = write_folder(tmp_path, kind)
    save_file({**arrays_of(kind), name: np.ones(shape, np.float32)}, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="model.safetensors: .*it holds another model"):
        load_huggingface(tmp_path)


def test_layers_that_the_file_has_no_arrays_for_take_no_memory(tmp_path):
    save_file = write_folder(tmp_path, "llama")
    settings = {**SETTINGS["llama"], "num_hidden_layers": 10**5}
    save_file({**arrays_of("llama"), "other": np.zeros(10**5, np.float32)},
              tmp_path / "model.safetensors")
    files = [("100,000 layers", json.dumps(settings).encode())]
    assert try_reader(load_and_use, tmp_path / "config.json", files, named=FILES) == 1


STORED = {"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "Ġ": 3}, "merges": ["a b"]},
          "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Digits"},
                                                                  {"type": "ByteLevel"}]},
          "added_tokens": [{"content": "<|end|>", "id": 4}]}


def read_byte_level(path):
    tokenizer = ByteLevelTokenizer.from_json(path)
    if {"a", "b", "Ġ"} <= json.loads(path.read_text(encoding="utf-8"))["model"]["vocab"].keys():
        assert tokenizer.decode(tokenizer.encode("ab a")).strip() in ("ab a", "aba")
    return tokenizer.decode(tokenizer.special.values())


def read_character_pairs(path):
    tokenizer = CharacterPairs.load(path)
    tokenizer.decode([*range(tokenizer.vocab_size), *tokenizer.encode("ab ab x")])


def read_suppressed(path):
    for ids in _suppressed(path).values():
        np.zeros(60_000)[ids] = 1


READERS = {
    "tokenizer.json": (read_byte_level, STORED),
    "en.tokenizer.json": (read_character_pairs, {"alphabet": ["a", "b", "▁"],
                                                 "merges": [["a", "b"]]}),
    "config.json": (read_suppressed, {"suppress_ids": [1, 2], "suppress_ids_begin": [3]})}
each_reader = pytest.mark.parametrize("name", list(READERS))


@COUNTS
@each_reader
def test_bytes_of_a_tokenizer(tmp_path, name, seed, count):
    read, stored = READERS[name]
    (tmp_path / name).write_text(json.dumps(stored), encoding="utf-8")
    read(tmp_path / name)
    assert fuzz(read, tmp_path / name, seed, count) > count / 2


@EVERY
@each_reader
def test_any_value_in_a_tokenizer(tmp_path, name, every):
    read, stored = READERS[name]
    values = [*ABSURD, *VALUES]
    changed = [with_value(stored, place, value) for place in places(stored) for value in values]
    if name == "tokenizer.json":
        changed += [{**stored, "added_tokens": [{"content": "x", "id": value}]} for value in values]
    files = [(str(value)[:200], json.dumps(value).encode()) for value in [*changed, *values]]
    assert try_reader(read, tmp_path / name, files[::every]) > len(files) / every / 2


@pytest.mark.parametrize("value", [True, -1, 1.5, "0", None, 10**12, float("nan"), [0]], ids=str)
def test_ids_that_are_none(tmp_path, value):
    path = tmp_path / "tokenizer.json"
    for place in (("model", "vocab", "ab"), ("added_tokens",)):
        new = [{"content": "x", "id": value}] if place == ("added_tokens",) else value
        path.write_text(json.dumps(with_value(STORED, place, new)), encoding="utf-8")
        with pytest.raises(ValueError, match="tokenizer.json holds no byte-level tokenizer"):
            read_byte_level(path)


@pytest.mark.parametrize("value", ["absent", *ABSURD[1:]], ids=lambda value: str(value)[:9])
def test_the_length_that_minilm_reads(tmp_path, monkeypatch, value):
    """Its file beside a good BERT: 10**12 is allowed, for no text is that long."""
    write_folder(tmp_path, "bert")
    path = tmp_path / "sentence_bert_config.json"
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n", encoding="utf-8")
    monkeypatch.setattr(minilm, "pretrained_file", lambda name, part: tmp_path)
    path.write_text('{"max_seq_length": 6}', encoding="utf-8")
    assert minilm.load().encode(["a a"]).shape == (1, 8)
    content = {} if value == "absent" else {"max_seq_length": value}
    path.write_text(json.dumps(content), encoding="utf-8")
    if type(value) is int and value > 0:
        minilm.load()
    else:
        with pytest.raises(ValueError, match="sentence_bert_config.json"):
            minilm.load()


@pytest.mark.parametrize("read, name", [
    *((READERS[name][0], name) for name in READERS), (Settings, "config.json"),
    (WordPiece.load, "vocab.txt"), (BytePairTokenizer.load, "tokenizer.json"),
    (lambda path: read_settings(path, {"a": 1}), "config.json")])
def test_files_that_are_empty_or_deep_or_no_text_or_no_files(tmp_path, read, name):
    path = tmp_path / name
    odd = [b"", b"\xff\xfe{}", b"null", b"9" * 5000, *DEEP]
    assert try_reader(read, path, [(str(content[:9]), content) for content in odd]) == len(odd)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=name):
        read(path)
    path.mkdir()
    with pytest.raises(OSError, match=name):
        read(path)

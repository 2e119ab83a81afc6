"""Damaged and hostile files of every format: refused with their name, or read as they were meant.

Formats without a checksum cannot tell a damaged number from another number. There the tests ask
only that reading ends, in little memory, with a refusal that names the file or with a result.
"""

import json
import struct
import wave

import numpy as np
import pytest
from mangle import fuzz, try_reader

from minitransformer.classifier import Classifier
from minitransformer.data.byte_pair import BytePairTokenizer
from minitransformer.data.pairs import read_pairs
from minitransformer.data.tokenizers import CharacterTokenizer, WordTokenizer
from minitransformer.language_model import LanguageModel
from minitransformer.language_model.settings import read_settings
from minitransformer.language_model.training import SETTINGS
from minitransformer.models import EncoderDecoder, EncoderDecoderConfig
from minitransformer.pretrained.ctranslate2_file import read_ctranslate2
from minitransformer.pretrained.glassllm import read_model
from minitransformer.pretrained.wav import read_wav
from minitransformer.pretrained.wordpiece import WordPiece
from minitransformer.training import LogRow, load_arrays, read_log
from minitransformer.training.log import RunLog
from minitransformer.translator import Translator
from minitransformer.tree import tree_items

SIZES = {"d_model": 8, "n_heads": 2, "n_layers": 1, "d_ff": 4, "max_seq_len": 8}
COUNTS = pytest.mark.parametrize("seed, count", [
    (0, 70), pytest.param(1, 700, marks=pytest.mark.slow)])


def same_model(good):
    arrays = dict(tree_items(good.params))

    def same(found):
        return found.config == good.config and all(
            np.array_equal(array, arrays[name]) for name, array in tree_items(found.params))

    return same


@COUNTS
def test_checkpoints(tmp_path, seed, count):
    path = tmp_path / "model.npz"
    model = EncoderDecoder(EncoderDecoderConfig(9, 9, **SIZES))
    model.save(path)
    refused = fuzz(EncoderDecoder.load, path, seed, count, same=same_model(model))
    assert refused > count / 2


@COUNTS
@pytest.mark.parametrize("kind", ["translator", "language model", "byte pairs", "classifier"])
def test_models_with_their_tokenizers(tmp_path, kind, seed, count):
    path = tmp_path / "model.npz"
    if kind == "translator":
        good = Translator(EncoderDecoder(EncoderDecoderConfig(6, 6, **SIZES)),
                          WordTokenizer(["one", "two", "-"]), CharacterTokenizer("abc"))
    elif kind == "classifier":
        good = Classifier.untrained([(np.arange(6.0).reshape(3, 2), 0)], ["a", "b"], **SIZES)
    else:
        tokenizer = CharacterTokenizer("abc") if kind == "language model" else \
            BytePairTokenizer([(b"t", b"h"), (b"th", b"e")])
        good = LanguageModel.untrained(tokenizer, **SIZES)
    good.save(path)
    same = same_model(good.model)
    fuzz(type(good).load, path, seed, count, same=lambda found: same(found.model))


@COUNTS
def test_byte_pairs(tmp_path, seed, count):
    path = tmp_path / "tokenizer.json"
    BytePairTokenizer.train("the cat that sat there, the hat " * 3, 290).save(path)
    fuzz(BytePairTokenizer.load, path, seed, count)


@COUNTS
def test_word_pieces(tmp_path, seed, count):
    path = tmp_path / "vocab.txt"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "ein", "##e", "Ö", "straße", "."]
    path.write_text("".join(f"{word}\n" for word in words), encoding="utf-8", newline="\n")
    fuzz(WordPiece.load, path, seed, count)


@COUNTS
def test_settings(tmp_path, seed, count):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(SETTINGS, indent=1), encoding="utf-8")
    fuzz(lambda path: read_settings(path, SETTINGS), path, seed, count)


@COUNTS
def test_logs(tmp_path, seed, count):
    path = tmp_path / "log.csv"
    log = RunLog(path)
    for step in range(1, 9):
        log.append(LogRow(step, 1.5 / step, 2.5 if step % 4 else None, 1e-3, 0.25, 30))
    assert read_log(path) == log.rows
    assert fuzz(read_log, path, seed, count)


@COUNTS
def test_pairs(tmp_path, seed, count):
    path = tmp_path / "pairs.tsv"
    path.write_text("one\teins\nforty-two\tzweiundvierzig\nfünf\t5\n", encoding="utf-8")
    fuzz(read_pairs, path, seed, count)


@COUNTS
@pytest.mark.parametrize("width, channels", [(1, 1), (2, 2), (3, 1), (4, 3)])
def test_wav(tmp_path, width, channels, seed, count):
    path = tmp_path / "sound.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(16000)
        file.writeframes(np.random.default_rng(3).bytes(width * channels * 30))

    def read(path):
        samples, rate = read_wav(path)
        assert samples.ndim == 2 and np.abs(samples).max() <= 1 and samples.size <= 400
        return samples

    fuzz(read, path, seed, count)


def ctranslate2_bytes():
    def text(word):
        return struct.pack("<H", len(word) + 1) + word.encode() + b"\0"

    w = np.arange(12, dtype="<f4")
    return (struct.pack("<I", 6) + text("WhisperSpec") + struct.pack("<II", 3, 2)
            + text("layer/w") + struct.pack("<BIIBI", 2, 3, 4, 0, w.nbytes) + w.tobytes()
            + text("n") + struct.pack("<BBIB", 0, 1, 1, 7)
            + struct.pack("<I", 1) + text("out/w") + text("layer/w"))


@COUNTS
def test_ctranslate2(tmp_path, seed, count):
    path = tmp_path / "model.bin"
    path.write_bytes(ctranslate2_bytes())
    assert set(read_ctranslate2(path).arrays) == {"layer/w", "n", "out/w"}
    fuzz(read_ctranslate2, path, seed, count)


def write_glassllm(path, **changes):
    rng = np.random.default_rng(3)
    block = {f"attn.W_{x}": (6, 6) for x in "QKVO"} | {
        "norm1.gamma": (6,), "norm2.gamma": (6,), "ffn.W1": (6, 16), "ffn.W3": (6, 16),
        "ffn.W2": (16, 6)}
    shapes = {"E": (7, 6), "norm_f.gamma": (6,), "head.W": (6, 7),
              **{f"blocks.0.{name}": shape for name, shape in block.items()}}
    settings = {"vocab_size": 7, "d_model": 6, "n_heads": 1, "n_kv_heads": 1, "n_layers": 1,
                "max_len": 9, "eps": 1e-5, "rope_base": 10000.0}
    np.savez(path, __config__=json.dumps({**settings, **changes}),
             **{name: rng.normal(size=shape) for name, shape in shapes.items()})


@COUNTS
def test_glassllm(tmp_path, seed, count):
    path = tmp_path / "weights.npz"
    write_glassllm(path)
    fuzz(read_model, path, seed, count, same=same_model(read_model(path)))


@pytest.mark.parametrize("changes", [{"d_model": 2**40}, {"vocab_size": 2**50},
                                     {"n_layers": 10**12}, {"n_layers": 99}])
def test_glassllm_settings_that_ask_for_terabytes(tmp_path, changes):
    path = tmp_path / "weights.npz"
    write_glassllm(path, **changes)
    assert try_reader(read_model, path, [(str(changes), path.read_bytes())]) == 1


@COUNTS
def test_safetensors(tmp_path, seed, count):
    pytest.importorskip("safetensors", reason="needs the package safetensors")
    from safetensors.numpy import save_file

    from minitransformer.pretrained.huggingface import read_safetensors

    path = tmp_path / "model.safetensors"
    save_file({"a.w": np.ones((3, 4), np.float32), "b": np.arange(5, dtype=np.int64)}, path)
    fuzz(read_safetensors, path, seed, count)


@COUNTS
def test_gguf(tmp_path, seed, count):
    gguf = pytest.importorskip("gguf", reason="needs the package gguf")
    from minitransformer.pretrained.gguf_file import GgufFile

    path = tmp_path / "model.gguf"
    kind = gguf.GGMLQuantizationType.Q8_0
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(64)
    writer.add_token_list(["a", "b"])
    rows = np.random.default_rng(3).normal(size=(3, 32)).astype(np.float32)
    writer.add_tensor("a.weight", gguf.quantize(rows, kind), raw_dtype=kind)
    writer.add_tensor("b.weight", np.ones(5, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

    def read(path):
        file = GgufFile(path)
        return [file[name] for name in file.tensors]

    assert len(read(path)) == 2
    fuzz(read, path, seed, count)


@pytest.mark.slow
def test_every_truncation_and_every_flipped_bit_of_a_checkpoint(tmp_path):
    path = tmp_path / "model.npz"
    good = LanguageModel.untrained(CharacterTokenizer("ab"), **{**SIZES, "d_model": 2, "d_ff": 1})
    good.save(path)
    whole = path.read_bytes()
    cut = ((f"cut off at {n}", whole[:n]) for n in range(0, len(whole), 41))
    assert try_reader(load_arrays, path, cut) == len(range(0, len(whole), 41))
    arrays = load_arrays_of(path, whole)

    def same(found):
        return found[1] == arrays[1] and all(
            np.array_equal(array, found[0][name]) for name, array in arrays[0].items())

    flips = (flipped(whole, place, place % 8) for place in range(0, len(whole), 23))
    try_reader(load_arrays, path, flips, same=same)
    place = whole.index(arrays[0]["params.embedding.table"].tobytes())
    inside = [flipped(whole, place + n, bit) for n in range(0, 16, 3) for bit in range(8)]
    assert try_reader(load_arrays, path, inside) == len(inside)  # in an array: always noticed


def load_arrays_of(path, content):
    path.write_bytes(content)
    return load_arrays(path)


def flipped(whole, place, bit):
    out = bytearray(whole)
    out[place] ^= 1 << bit
    return f"bit {bit} of byte {place} flipped", bytes(out)

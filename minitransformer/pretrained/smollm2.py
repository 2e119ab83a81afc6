"""SmolLM2-135M-Instruct: a Llama of 135 million numbers that answers questions.

30 blocks 576 wide, 9 heads on 3 key/value heads, rotary positions with base 100,000, SwiGLU 1536
wide, one table of 49,152 tokens at both ends. Everything comes from one file, its tokenizer too:
98 MB, about five bits a number, which become 0.54 GB in float32.
"""

import sys

import numpy as np

from minitransformer.models import DecoderOnly, DecoderOnlyConfig, decoder_only_init
from minitransformer.pretrained.byte_level import ByteLevelTokenizer
from minitransformer.pretrained.chat import ChatWriter
from minitransformer.pretrained.gguf_file import GgufFile
from minitransformer.pretrained.install import pretrained_file
from minitransformer.pretrained.names import beside, fill_params, params_template, transposed

SPECIAL = 3  # in tokenizer.ggml.token_type: a token that no text makes


def load():
    """The model, a ChatWriter: generate, stream, chat and stream_chat. It takes some seconds.

    Raises ModuleNotFoundError, with the command that installs it, where a package is missing.
    """
    return read_smollm2(pretrained_file("smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"))


def read_smollm2(path):
    """The ChatWriter of a GGUF file of this family. In a terminal a line tells how far it is."""
    with _Telling() as tell:
        tell("reading the file")
        file = GgufFile(path)
        config = read_config(file)
        params = fill_params(params_template(decoder_only_init, config), _Told(file, tell),
                             names(config), source=path)
        return ChatWriter(DecoderOnly.of(config, params), read_tokenizer(file))


def read_config(file):
    """The DecoderOnlyConfig of a GgufFile. Raises ValueError for another architecture."""
    def number(name, kind=int):
        return file.setting(f"llama.{name}", kind)

    if file.settings.get("general.architecture") != "llama":
        raise ValueError(f"{file.path} holds a model of the architecture "
                         f"{file.settings.get('general.architecture')!r}, expected 'llama'")
    V, D, F, L = (number(name) for name in (
        "vocab_size", "embedding_length", "feed_forward_length", "block_count"))
    # Before anything is made of a size that the header says, the arrays must have it.
    if len(file.tensors) != 2 + 9 * L:
        raise ValueError(f"{file.path} holds {len(file.tensors)} arrays, expected {2 + 9 * L} for "
                         f"{L} blocks")
    for name, shape in (("token_embd.weight", [D, V]), ("blk.0.ffn_gate.weight", [D, F])):
        if name not in file.tensors or file.tensors[name].shape.tolist() != shape:
            raise ValueError(f"{file.path} holds no {name} of the shape {shape}")
    return DecoderOnlyConfig(
        V, d_model=D, n_heads=number("attention.head_count"),
        n_kv_heads=number("attention.head_count_kv"), n_layers=L, d_ff=F,
        max_seq_len=number("context_length"), norm="rms", activation="swiglu", positions="rotary",
        norm_eps=number("attention.layer_norm_rms_epsilon", float),
        rope_base=number("rope.freq_base", float), bias=False, scale_embeddings=False, pad_id=-1)


# The rows of q and k come in another order than they were trained in: there a rotary pair is the
# entries i and i + K / 2 of a head, in the file they lie next to each other. A permutation of the
# entries leaves every product q.k what it was [permuted.score]; so the file's rows are taken as
# they are, and the pairs are 2i and 2i + 1 (rope_interleaved, the default).
def names(config):
    """The table of `fill_params`; the file's matrices are (outputs, inputs)."""
    table = {"embedding.table": "token_embd.weight", "norm.gain": "output_norm.weight"}
    for i in range(config.n_layers):
        ours, theirs = f"blocks.{i}", f"blk.{i}"
        table |= {f"{ours}.before_attention.gain": f"{theirs}.attn_norm.weight",
                  f"{ours}.attention.q.w": transposed(f"{theirs}.attn_q.weight"),
                  f"{ours}.attention.k.w": transposed(f"{theirs}.attn_k.weight"),
                  f"{ours}.attention.v.w": transposed(f"{theirs}.attn_v.weight"),
                  f"{ours}.attention.out.w": transposed(f"{theirs}.attn_output.weight"),
                  f"{ours}.before_feed_forward.gain": f"{theirs}.ffn_norm.weight",
                  f"{ours}.feed_forward.up.w": beside(f"{theirs}.ffn_gate.weight",
                                                      f"{theirs}.ffn_up.weight"),
                  f"{ours}.feed_forward.down.w": transposed(f"{theirs}.ffn_down.weight")}
    return table


def read_tokenizer(file):
    """The ByteLevelTokenizer of a GgufFile. Raises ValueError for another kind of vocabulary."""
    if (kind := (file.settings.get("tokenizer.ggml.model"),
                 file.settings.get("tokenizer.ggml.pre"))) != ("gpt2", "smollm"):
        raise ValueError(f"{file.path} has a tokenizer of the kind {kind}, expected "
                         f"('gpt2', 'smollm')")
    tokens, kinds, merges = (file.setting(f"tokenizer.ggml.{name}", list)
                             for name in ("tokens", "token_type", "merges"))
    special = {token: i for i, token in enumerate(tokens) if kinds[i] == SPECIAL}
    return ByteLevelTokenizer(
        {token: i for i, token in enumerate(tokens) if token not in special},
        [tuple(merge.split(" ")) for merge in merges], special=special, split_digits=True)


class _Telling:
    """Rewrites one line of the terminal's error stream; elsewhere it is silent."""

    def __enter__(self):
        self.live = sys.stderr.isatty()
        return self

    def __call__(self, what):
        if self.live:
            print(f"\r\033[Kloading SmolLM2: {what}", end="", file=sys.stderr, flush=True)

    def __exit__(self, *error):
        if self.live:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


class _Told:
    """The arrays of a file, with a word about each that is taken out."""

    def __init__(self, file, tell):
        self.file, self.tell = file, tell

    def __getitem__(self, name):
        self.tell(name)
        return np.asarray(self.file[name])

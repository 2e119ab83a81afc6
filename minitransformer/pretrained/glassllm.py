"""glassllm: a Llama small enough to read whole, 853 thousand numbers, for English or Portuguese.

Four blocks 128 wide, four heads on two key/value heads, a vocabulary of 1024. It writes what looks
like its language and means little: it was trained on a few books. Its own package computes in
float64, because a norm there lifts all that follows; so does this, and the numbers are the same.
"""

import json
import re
import unicodedata

import numpy as np

from minitransformer.data.byte_pair import apply_merges
from minitransformer.models import DecoderOnly, DecoderOnlyConfig, decoder_only_init
from minitransformer.pretrained.install import pretrained_file
from minitransformer.pretrained.names import expect_room, fill_params, params_template
from minitransformer.pretrained.writer import Writer
from minitransformer.shapes import expect_ids

SPACE = "▁"  # a space, in a token
SPECIAL = ("<pad>", "<unk>", "<bos>", "<eos>")  # the first ids
UNKNOWN = "⁇"  # what the token of every unknown character is written as
PIECE = re.compile(f"\n|{SPACE}*[^{SPACE}\n]+|{SPACE}+")


def load(language):
    """The model of a language, "en" or "pt": a Writer.

    Raises ModuleNotFoundError, with the command that installs it, where the package is missing.
    """
    name = f"glassllm-{language}"
    tokenizer = CharacterPairs.load(pretrained_file(name, f"weights/{language}.tokenizer.json"))
    return Writer(read_model(pretrained_file(name, f"weights/{language}.npz")), tokenizer)


def read_model(path):
    """The DecoderOnly of a .npz in glassllm's layout. Raises ValueError for other content."""
    try:
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files}
        settings = json.loads(str(arrays["__config__"]))
        D = settings["d_model"]
        config = DecoderOnlyConfig(
            settings["vocab_size"], d_model=D, n_heads=settings["n_heads"],
            n_kv_heads=settings["n_kv_heads"], n_layers=settings["n_layers"], d_ff=int(8 * D / 3),
            max_seq_len=settings["max_len"], norm="rms", norm_eps=settings["eps"],
            activation="swiglu", positions="rotary", rope_base=settings["rope_base"],
            bias=False, scale_embeddings=False, pad_id=-1)
        expect_room(config, arrays, "the file")
    except FileNotFoundError:
        raise
    except Exception as error:  # whatever zip, npy and JSON object to
        raise ValueError(f"{path} holds no glassllm model: {error}") from error
    template = params_template(decoder_only_init, config, np.float64)
    return DecoderOnly.of(config, fill_params(template, arrays, names(config), source=path))


def names(config):
    """The table of `fill_params`; matrices are (inputs, outputs) in the file too."""
    def gate_and_up(theirs):
        return lambda arrays: np.concatenate([arrays[f"{theirs}.W1"], arrays[f"{theirs}.W3"]],
                                             axis=1)                             # (D, 2 F)

    table = {"embedding.table": "E", "norm.gain": "norm_f.gamma"}
    for i in range(config.n_layers):
        block = f"blocks.{i}"  # in both
        table |= {f"{block}.before_attention.gain": f"{block}.norm1.gamma",
                  f"{block}.attention.q.w": f"{block}.attn.W_Q",
                  f"{block}.attention.k.w": f"{block}.attn.W_K",
                  f"{block}.attention.v.w": f"{block}.attn.W_V",
                  f"{block}.attention.out.w": f"{block}.attn.W_O",
                  f"{block}.before_feed_forward.gain": f"{block}.norm2.gamma",
                  f"{block}.feed_forward.up.w": gate_and_up(f"{block}.ffn"),
                  f"{block}.feed_forward.down.w": f"{block}.ffn.W2"}
    return table


class CharacterPairs:
    """glassllm's tokenizer: pairs are merged from characters, in words with the spaces before them.

    alphabet: the characters, in the order of their ids after SPECIAL; merges: pairs of tokens, the
    ids of whose joins follow. A character outside of the alphabet is <unk>, and forgotten.
    """

    def __init__(self, alphabet, merges):
        self.tokens = [*SPECIAL, *alphabet, *(left + right for left, right in merges)]
        if odd := [token for token in self.tokens if not isinstance(token, str)]:
            raise ValueError(f"{odd[0]!r:.60} is a token, but no text")
        self._ids = {token: i for i, token in enumerate(self.tokens)}
        self._merged = {tuple(pair): (rank, pair[0] + pair[1]) for rank, pair in enumerate(merges)}

    @classmethod
    def load(cls, path):
        """Read a .tokenizer.json of glassllm's. Raises ValueError for other content."""
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            return cls(stored["alphabet"], stored["merges"])
        except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
            raise ValueError(f"{path} holds no tokenizer of glassllm's: {error}") from error

    @property
    def vocab_size(self):
        """How many ids there are."""
        return len(self.tokens)

    def encode(self, text):
        """text -> list of ids. Letters with accents are taken as one character (NFC)."""
        text = unicodedata.normalize("NFC", text).replace(" ", SPACE)
        return [self._ids.get(token, SPECIAL.index("<unk>")) for piece in PIECE.findall(text)
                for token in apply_merges(list(piece), self._merged)]

    def decode(self, ids):
        """Ids -> text. Raises ValueError for an id outside the vocabulary."""
        return "".join(self.decode_stream(ids))

    def decode_stream(self, ids):
        """Yield the text of ids one after another."""
        written = {token: "" for token in SPECIAL} | {"<unk>": UNKNOWN}
        for i in ids:
            expect_ids("ids", [i], self.vocab_size)
            token = self.tokens[i]
            yield written.get(token, token).replace(SPACE, " ")

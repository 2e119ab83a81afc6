"""Whisper: speech in, text out. An encoder-decoder whose encoder reads sound.

Half a minute of sound -> log-mel spectrogram -> stem -> encoder blocks -> memory; the decoder then
writes the text token by token, as a translator does.
Source: Radford et al. 2022; the weights are those of its tiny English model.
"""

import json
from pathlib import Path

import numpy as np

from minitransformer.functional import softmax_forward
from minitransformer.kv_cache import DecoderBlockKvCache, KvCache
from minitransformer.layers import tied_embeddings_forward
from minitransformer.layers.options import norms_around
from minitransformer.models.blocks import blocks_forward
from minitransformer.models.encoder_decoder import decoder_forward, encoder_decoder_init
from minitransformer.models.translation import EncoderDecoderConfig
from minitransformer.pretrained.byte_level import ByteLevelTokenizer
from minitransformer.pretrained.ctranslate2_file import read_ctranslate2
from minitransformer.pretrained.install import pretrained_file
from minitransformer.pretrained.log_mel import N_FRAMES, N_MELS, N_SAMPLES, RATE, log_mel
from minitransformer.pretrained.names import fill_params, transposed
from minitransformer.pretrained.sound import mono, resample
from minitransformer.pretrained.whisper_stem import whisper_stem_forward, whisper_stem_init
from minitransformer.sampling import sample
from minitransformer.shapes import expect_ids

START, WITHOUT_TIMES, END = "<|startoftranscript|>", "<|notimestamps|>", "<|endoftext|>"
NO_SPEECH, NO_SPEECH_ABOVE = "<|nocaptions|>", 0.8  # silence and noise 0.85 to 0.95, speech to 0.4
ENGLISH_VOCABULARY = 51_864  # of the models that know English alone and take no language
GELU = 3                     # among the activations of the file


class Whisper:
    """Speech to text: parameters {"encoder": {"stem", "blocks", "norm"}, "decoder"}, a tokenizer.

    suppressed: ids that are never written, since speech has no such sign; suppressed_first: nor
    these as the first, since a text does not begin with its end.
    """

    def __init__(self, params, config, tokenizer, *, suppressed, suppressed_first):
        self.params, self.config, self.tokenizer = params, config, tokenizer
        self.suppressed, self.suppressed_first = list(suppressed), list(suppressed_first)
        self.decoder = tied_embeddings_forward(
            params, tied_embeddings=config.tied_embeddings)[0]["decoder"]

    def transcribe(self, samples, rate=RATE):
        """What is said, as text. As transcribe_windows, joined."""
        return " ".join(self.transcribe_windows(samples, rate))

    def transcribe_windows(self, samples, rate=RATE):
        """Yield the text of each 30 s, as soon as it is known; nothing for silence.

        samples: real numbers from -1 to 1, (N,) or (N, channels); rate: samples a second. The model
        hears 30 s at a time, each alone: a word across a boundary may be lost or heard twice.
        Raises ValueError, TypeError for what is no sound (see sound.mono).
        """
        sound = resample(mono(samples, rate), rate, RATE)                     # (N,)
        for start in range(0, len(sound), N_SAMPLES):
            mel = log_mel(sound[start:start + N_SAMPLES])                     # (3000, 80)
            if text := self.write(self.encode(mel[None])).strip():
                yield text

    def encode(self, mel):
        """mel (B, 3000, 80) -> memory (B, 1500, D): what the decoder looks at."""
        encoder = self.params["encoder"]
        x, _ = whisper_stem_forward(encoder["stem"], mel)                     # (B, S, D)
        x, _ = blocks_forward(encoder["blocks"], x, config=self.config)       # (B, S, D)
        norm, _ = norms_around(self.config)
        return norm.forward(encoder["norm"], x)[0]                            # (B, S, D)

    def write(self, memory):
        """memory (1, S, D) -> text, always the likeliest next token (greedy); "" for no speech."""
        return self.tokenizer.decode(self.write_ids(memory))

    def write_ids(self, memory):
        """memory (1, S, D) -> the text's ids, cut off at half of max_seq_len.

        After START, one token means that nobody speaks: none are written where its probability is
        above NO_SPEECH_ABOVE. In silence the model would write what was said in no sound at all.
        """
        special = self.tokenizer.special
        step = self.decoding_step(memory)
        probs, _ = softmax_forward(step(np.array([[special[START]]])))        # (1, V)
        if probs[0, special[NO_SPEECH]] > NO_SPEECH_ABOVE:
            return []
        banned = [*self.suppressed, *self.suppressed_first]

        def allowed_step(ids, rows):
            """ids (1, 1), rows -> logits (1, V), -inf for what is not to be written."""
            nonlocal banned
            logits = step(ids)                                                # (1, V)
            logits[:, banned] = -np.inf
            banned = self.suppressed
            return logits

        return sample(allowed_step, [[special[WITHOUT_TIMES]]], stop=[special[END]], temperature=0,
                      max_new_tokens=self.config.max_seq_len // 2)[0]

    def decoding_step(self, memory):
        """A function of the newest ids (1, T) -> logits (1, V) for the token that follows."""
        src = np.zeros(memory.shape[:2], int)                                 # (1, S) no padding
        kv_cache = [DecoderBlockKvCache(KvCache(), KvCache()) for _ in self.decoder["blocks"]]

        def step(ids):
            logits, _ = decoder_forward(self.decoder, memory, tgt=ids, src=src, config=self.config,
                                        kv_cache=kv_cache)                    # (1, T, V)
            return logits[:, -1]                                              # (1, V)

        return step


def load():
    """Whisper's tiny English model, from the installed package. ModuleNotFoundError without it."""
    return load_folder(pretrained_file("whisper-tiny", "model/model.bin").parent)


def load_folder(folder):
    """The Whisper of a folder in CTranslate2's layout: model.bin, config.json, tokenizer.json.

    Raises FileNotFoundError, or ValueError for files that are damaged or hold another model.
    """
    folder = Path(folder)
    path = folder / "model.bin"
    file = read_ctranslate2(path)
    config = _config(path, file)
    tokenizer = ByteLevelTokenizer.from_json(folder / "tokenizer.json")
    if lacking := {START, WITHOUT_TIMES, END, NO_SPEECH} - tokenizer.special.keys():
        raise ValueError(f"{folder / 'tokenizer.json'} has no token {sorted(lacking)[0]}: it is "
                         f"another model's")
    template = encoder_decoder_init(_Zeros, config=config)
    template["encoder"]["stem"] = whisper_stem_init(
        _Zeros, n_mels=N_MELS, n_positions=N_FRAMES // 2, d_model=config.d_model)
    del template["encoder"]["embedding"]  # its place is the stem's
    params = fill_params(template, file.arrays, _table(config.n_layers), source=path)
    return Whisper(params, config, tokenizer, **_suppressed(folder / "config.json"))


class _Zeros:
    """Stands for a generator where every number is about to be replaced: drawing takes a second."""

    @staticmethod
    def normal(mean, deviation, size):
        return np.zeros(size)

    uniform = normal


def _config(path, file):
    """The configuration that the file's arrays speak of. Raises ValueError for another model's."""
    arrays = file.arrays
    found = {name: int(arrays[name]) for name in (
        "encoder/num_heads", "decoder/num_heads", "decoder/activation", "decoder/pre_norm",
        "decoder/scale_embeddings", "decoder/alibi") if name in arrays and arrays[name].ndim == 0}
    wanted = {"encoder/num_heads": found.get("decoder/num_heads"), "decoder/activation": GELU,
              "decoder/pre_norm": 1, "decoder/scale_embeddings": 0, "decoder/alibi": 0}
    for name, value in wanted.items():
        if found.get(name) != value or value is None:
            raise ValueError(f"{path}: {name} is {found.get(name)}, expected {value}: it is no "
                             f"Whisper, or one of another kind")
    if not all(array.dtype.kind == "f" for array in arrays.values() if array.ndim):
        raise ValueError(f"{path} holds weights in whole numbers: only float32 and float16 are "
                         f"read here")
    names = ("decoder/embeddings/weight", "decoder/position_encodings/encodings",
             "decoder/layer_0/ffn/linear_0/weight")
    sizes = [arrays[name].shape if name in arrays else None for name in names]
    if None in sizes or any(len(shape) != 2 for shape in sizes) or file.kind != "WhisperSpec":
        raise ValueError(f"{path} holds a {file.kind}, expected a WhisperSpec, whole")
    (V, D), (max_seq_len, D_positions), (F, D_feed_forward) = sizes
    if not D == D_positions == D_feed_forward:
        raise ValueError(f"{path}: vectors are {D}, {D_positions} and {D_feed_forward} wide in "
                         f"{', '.join(names)}, expected one width")
    if V != ENGLISH_VOCABULARY:
        raise ValueError(f"{path} has a vocabulary of {V}, expected {ENGLISH_VOCABULARY}: only the "
                         f"models for English are read here")
    n_layers = sum(f"encoder/layer_{i}/ffn/linear_0/weight" in arrays for i in range(len(arrays)))
    return EncoderDecoderConfig(
        src_vocab_size=1, tgt_vocab_size=V, d_model=D, n_heads=found["decoder/num_heads"],
        n_layers=n_layers, d_ff=F, max_seq_len=max_seq_len, dropout=0.0, activation="gelu",
        positions="learned", tied_embeddings="output", scale_embeddings=False, pad_id=-1)


def _table(n_layers):
    """{leaf's name in the tree: how it is found in the file}.

    The file holds w as (outputs, inputs), and those that read the same vectors as one: q, k and v
    of self-attention, k and v of cross-attention. Whisper's keys have no bias, so the file has
    zeros there: q . b is the same for all keys of a query, and a number that is added to all of a
    row's scores changes nothing in their softmax.
    """
    table = {"encoder.stem.positions": "encoder/position_encodings/encodings",
             "decoder.embedding.table": "decoder/embeddings/weight",
             "decoder.embedding.positions": "decoder/position_encodings/encodings"}

    def norm(leaf, name):
        table.update({f"{leaf}.gain": f"{name}/layer_norm/gamma",
                      f"{leaf}.bias": f"{name}/layer_norm/beta"})

    def linear(name, *leaves):
        for n, leaf in enumerate(leaves):
            for part, whole in (("w", f"{name}/weight"), ("b", f"{name}/bias")):
                table[f"{leaf}.{part}"] = _share(whole, n, len(leaves))

    for n, part in ((1, "first"), (2, "second")):
        table[f"encoder.stem.{part}.w"] = transposed(f"encoder/conv{n}/weight")  # (D, C, W) there
        table[f"encoder.stem.{part}.b"] = f"encoder/conv{n}/bias"
    for side, own in (("encoder", "attention"), ("decoder", "self_attention")):
        norm(f"{side}.norm", side)
        for i in range(n_layers):
            leaf, name = f"{side}.blocks.{i}", f"{side}/layer_{i}"
            norm(f"{leaf}.before_{own}", f"{name}/self_attention")
            linear(f"{name}/self_attention/linear_0", *(f"{leaf}.{own}.{part}" for part in "qkv"))
            linear(f"{name}/self_attention/linear_1", f"{leaf}.{own}.out")
            norm(f"{leaf}.before_feed_forward", f"{name}/ffn")
            linear(f"{name}/ffn/linear_0", f"{leaf}.feed_forward.up")
            linear(f"{name}/ffn/linear_1", f"{leaf}.feed_forward.down")
    for i in range(n_layers):
        leaf, name = f"decoder.blocks.{i}", f"decoder/layer_{i}/attention"
        norm(f"{leaf}.before_cross_attention", name)
        linear(f"{name}/linear_0", f"{leaf}.cross_attention.q")
        linear(f"{name}/linear_1", *(f"{leaf}.cross_attention.{part}" for part in "kv"))
        linear(f"{name}/linear_2", f"{leaf}.cross_attention.out")
    return table


def _share(name, n, of):
    """The n-th of equal parts of what stands side by side, as (inputs, outputs) or (outputs,)."""
    def find(arrays):
        whole = arrays[name]
        size = len(whole) // of
        return whole[n * size:(n + 1) * size].T

    return find


def _suppressed(path):
    """The ids that are not to be written, from config.json. FileNotFoundError, ValueError."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        ids = {"suppressed": stored["suppress_ids"],
               "suppressed_first": stored["suppress_ids_begin"]}
        for name, some in ids.items():
            if not isinstance(some, list):
                raise TypeError(f"{name} is {some!r:.60}, expected a list of ids")
            expect_ids(name, np.array(some, dtype=int if not some else None), ENGLISH_VOCABULARY)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} does not say which ids are not to be written: {error}") from error
    return ids

"""Folders as Hugging Face's transformers writes them: BERT, GPT-2 and Llama, config and weights.

A folder holds config.json and model.safetensors. What differs between the three is a function from
its configuration to ours, and a table of names; the model is the package's own.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minitransformer.models import DecoderOnly, DecoderOnlyConfig, EncoderOnly, EncoderOnlyConfig
from minitransformer.pretrained.names import (
    beside, expect_room, fill_params, params_template, transposed)
from minitransformer.tree import tree_map

ACTIVATIONS = {"gelu": "gelu", "gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh",
               "relu": "relu", "silu": "silu"}  # their names: ours
TIED = {False: "none", True: "output"}


def load_huggingface(folder):
    """The model that a folder holds: an EncoderOnly for BERT, a DecoderOnly for GPT-2 and Llama.

    Of BERT the encoder alone: its own heads are left in the file, and the model's scores are those
    of its tied table. All weights are float32, in arrays of their own, ready to be trained.
    Raises FileNotFoundError; ValueError, naming the setting, for a configuration that the package
    has no model for, and for weights that do not fit it.
    """
    folder = Path(folder)
    settings = Settings(folder / "config.json")
    layout = LAYOUTS[settings.expect("model_type", *LAYOUTS)]
    try:
        config = layout.config(settings)
    except ValueError as error:
        words = str(error).removeprefix(f"{settings.path}: ")  # Settings say it, ours do not
        raise ValueError(f"{settings.path}: {words}") from error
    path = folder / "model.safetensors"
    arrays = read_safetensors(path)
    if any(name.startswith(layout.prefix) for name in arrays):
        arrays = {name.removeprefix(layout.prefix): x for name, x in arrays.items()}
    expect_room(config, arrays, path)
    params = fill_params(params_template(layout.model.init, config), arrays, layout.table(config),
                         source=path)
    return layout.model.of(config, tree_map(lambda x: np.array(x, order="C"), params))


def read_safetensors(path):
    """{name: array} of a .safetensors file.

    Raises FileNotFoundError; ModuleNotFoundError, with the command, where the package safetensors
    is missing; ValueError for a file that is damaged or holds types that NumPy has not.
    """
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import load_file
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("files in the format safetensors are read with the package of "
                                  "that name: python -m pip install safetensors") from error
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no {path}; weights that are spread over several files "
                                f"are not read here")
    try:
        return load_file(path)
    except (SafetensorError, TypeError, KeyError) as error:
        raise ValueError(f"{path} cannot be read ({error}): it is damaged, or its numbers are of a "
                         f"type that NumPy has not, such as bfloat16") from error


class Settings:
    """A config.json. What it lacks, and what it asks for in vain, is refused by name."""

    def __init__(self, path):
        self.path = path
        if not path.is_file():
            raise FileNotFoundError(f"there is no {path}: expected a folder with config.json and "
                                    f"model.safetensors")
        try:
            self.values = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path} is no JSON: {error}") from error
        if not isinstance(self.values, dict):
            raise ValueError(f"{path} holds no object with settings")

    def __getitem__(self, name):
        if name not in self.values:
            raise ValueError(f"{self.path}: it does not say {name!r}")
        return self.values[name]

    def get(self, name, default):
        """The setting, or default where it is absent or null."""
        value = self.values.get(name)
        return default if value is None else value

    def count(self, name):
        """The setting, which must be a whole number of at least 1."""
        if not (type(value := self[name]) is int and value > 0):
            raise ValueError(f"{self.path}: {name} is {value!r:.60}, expected a whole number > 0")
        return value

    def number(self, name):
        """The setting, which must be a number above 0 that float32 can hold."""
        if not (type(value := self[name]) in (int, float) and 0 < value < 1e38):
            raise ValueError(f"{self.path}: {name} is {value!r:.60}, expected a number above 0 "
                             f"and below 1e38")
        return value

    def expect(self, name, *choices, default=None):
        """The setting, which must be one of the choices; default where it is absent."""
        value = self.get(name, default)
        if value not in choices:
            raise ValueError(f"{self.path}: {name} is {value!r:.60}, expected "
                             f"{' or '.join(map(repr, choices))}: other models are not served")
        return value


def _bert_config(settings):
    settings.expect("position_embedding_type", "absolute", default="absolute")
    settings.expect("is_decoder", False, default=False)
    return EncoderOnlyConfig(
        settings["vocab_size"], d_model=settings["hidden_size"],
        n_heads=settings["num_attention_heads"], n_layers=settings["num_hidden_layers"],
        d_ff=settings["intermediate_size"], max_seq_len=settings["max_position_embeddings"],
        dropout=settings.get("hidden_dropout_prob", 0.1), embedding_norm=True, pooling="none",
        activation=ACTIVATIONS[settings.expect("hidden_act", *ACTIVATIONS)], norm_placement="post",
        positions="learned", tied_embeddings="output", scale_embeddings=False,
        pad_id=settings.get("pad_token_id", -1), norm_eps=settings.number("layer_norm_eps"))


def _bert_table(config):
    def positions(arrays):  # a text alone is all of type 0, so its row belongs to every place
        return (arrays["embeddings.position_embeddings.weight"]                # (max, D)
                + arrays["embeddings.token_type_embeddings.weight"][0])        # (D,)

    table = {"embedding.table": "embeddings.word_embeddings.weight",
             "embedding.positions": positions, **_norm("embedding_norm", "embeddings.LayerNorm")}
    for i in range(config.n_layers):
        ours, theirs = f"blocks.{i}", f"encoder.layer.{i}"
        for name, word in (("q", "query"), ("k", "key"), ("v", "value")):
            table |= _projection(f"{ours}.attention.{name}", f"{theirs}.attention.self.{word}")
        table |= {**_projection(f"{ours}.attention.out", f"{theirs}.attention.output.dense"),
                  **_norm(f"{ours}.after_attention", f"{theirs}.attention.output.LayerNorm"),
                  **_projection(f"{ours}.feed_forward.up", f"{theirs}.intermediate.dense"),
                  **_projection(f"{ours}.feed_forward.down", f"{theirs}.output.dense"),
                  **_norm(f"{ours}.after_feed_forward", f"{theirs}.output.LayerNorm")}
    return table


def _gpt2_config(settings):
    settings.expect("scale_attn_weights", True, default=True)
    settings.expect("scale_attn_by_inverse_layer_idx", False, default=False)
    settings.expect("add_cross_attention", False, default=False)
    settings.expect("tie_word_embeddings", True, default=True)
    D = settings.count("n_embd")
    return DecoderOnlyConfig(
        settings["vocab_size"], d_model=D, n_heads=settings["n_head"],
        n_layers=settings["n_layer"], d_ff=settings.get("n_inner", 4 * D),
        max_seq_len=settings["n_positions"], dropout=settings.get("resid_pdrop", 0.1),
        norm_eps=settings.number("layer_norm_epsilon"), positions="learned", scale_embeddings=False,
        activation=ACTIVATIONS[settings.expect("activation_function", *ACTIVATIONS)], pad_id=-1)


def _gpt2_table(config):
    D = config.d_model

    def columns(name, i):  # q, k and v stand side by side: third i of the last axis
        return lambda arrays: arrays[name][..., i * D:(i + 1) * D]             # (D, D) or (D,)

    def projection(ours, theirs):  # (inputs, outputs) in their file too: not transposed
        return {f"{ours}.w": f"{theirs}.weight", f"{ours}.b": f"{theirs}.bias"}

    table = {"embedding.table": "wte.weight", "embedding.positions": "wpe.weight",
             **_norm("norm", "ln_f")}
    for i in range(config.n_layers):
        ours, theirs = f"blocks.{i}", f"h.{i}"
        for third, name in enumerate("qkv"):
            table |= {f"{ours}.attention.{name}.w": columns(f"{theirs}.attn.c_attn.weight", third),
                      f"{ours}.attention.{name}.b": columns(f"{theirs}.attn.c_attn.bias", third)}
        table |= {**_norm(f"{ours}.before_attention", f"{theirs}.ln_1"),
                  **projection(f"{ours}.attention.out", f"{theirs}.attn.c_proj"),
                  **_norm(f"{ours}.before_feed_forward", f"{theirs}.ln_2"),
                  **projection(f"{ours}.feed_forward.up", f"{theirs}.mlp.c_fc"),
                  **projection(f"{ours}.feed_forward.down", f"{theirs}.mlp.c_proj")}
    return table


def _llama_config(settings):
    settings.expect("hidden_act", "silu")
    settings.expect("rope_scaling", None)
    settings.expect("attention_bias", False, default=False)
    settings.expect("mlp_bias", False, default=False)
    D, H = settings.count("hidden_size"), settings.count("num_attention_heads")
    settings.expect("head_dim", D // H, default=D // H)
    rope = settings.get("rope_parameters", {})
    if not isinstance(rope, dict):
        raise ValueError(f"rope_parameters is {rope!r:.60}, expected an object")
    if rope.get("rope_type", "default") != "default":
        raise ValueError(f"rope_parameters ask for the type {rope['rope_type']!r}, expected "
                         f"'default': scaled rotary positions are not served")
    return DecoderOnlyConfig(
        settings["vocab_size"], d_model=D, n_heads=H, n_layers=settings["num_hidden_layers"],
        n_kv_heads=settings.get("num_key_value_heads", H), d_ff=settings["intermediate_size"],
        max_seq_len=settings["max_position_embeddings"], dropout=0.0,
        norm="rms", norm_eps=settings.number("rms_norm_eps"), activation="swiglu",
        rope_base=rope.get("rope_theta", settings.get("rope_theta", 10_000.0)),
        positions="rotary", rope_interleaved=False, bias=False, scale_embeddings=False, pad_id=-1,
        tied_embeddings=TIED[settings.expect("tie_word_embeddings", *TIED, default=False)])


def _llama_table(config):
    table = {"embedding.table": "embed_tokens.weight", "norm.gain": "norm.weight",
             "output.w": transposed("lm_head.weight"),
             "output.b": lambda arrays: np.zeros(config.vocab_size)}  # they have none
    for i in range(config.n_layers):
        ours, theirs = f"blocks.{i}", f"layers.{i}"
        for name, word in (("q", "q_proj"), ("k", "k_proj"), ("v", "v_proj"), ("out", "o_proj")):
            table[f"{ours}.attention.{name}.w"] = transposed(f"{theirs}.self_attn.{word}.weight")
        table |= {
            f"{ours}.before_attention.gain": f"{theirs}.input_layernorm.weight",
            f"{ours}.before_feed_forward.gain": f"{theirs}.post_attention_layernorm.weight",
            f"{ours}.feed_forward.up.w": beside(f"{theirs}.mlp.gate_proj.weight",
                                                f"{theirs}.mlp.up_proj.weight"),
            f"{ours}.feed_forward.down.w": transposed(f"{theirs}.mlp.down_proj.weight")}
    return table


def _projection(ours, theirs):
    """The rows of a linear layer, whose matrix they keep as (outputs, inputs)."""
    return {f"{ours}.w": transposed(f"{theirs}.weight"), f"{ours}.b": f"{theirs}.bias"}


def _norm(ours, theirs):
    """The rows of a layer norm."""
    return {f"{ours}.gain": f"{theirs}.weight", f"{ours}.bias": f"{theirs}.bias"}


class Layout(NamedTuple):
    model: type
    config: Callable  # of Settings
    table: Callable   # of our configuration: the table of fill_params
    prefix: str       # of the names in files that hold a head besides


LAYOUTS = {
    "bert": Layout(EncoderOnly, _bert_config, _bert_table, "bert."),
    "gpt2": Layout(DecoderOnly, _gpt2_config, _gpt2_table, "transformer."),
    "llama": Layout(DecoderOnly, _llama_config, _llama_table, "model."),
}

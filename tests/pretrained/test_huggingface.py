"""Folders that transformers wrote, with random weights: the same numbers come out here."""

import json

import numpy as np
import pytest

from minitransformer.models import (
    DecoderOnly, EncoderOnly, blocks_forward, encoder_embedding_forward)
from minitransformer.pretrained.huggingface import LAYOUTS, Settings, load_huggingface

BERT = {"model_type": "bert", "vocab_size": 31, "hidden_size": 24, "num_hidden_layers": 2,
        "num_attention_heads": 4, "intermediate_size": 40, "max_position_embeddings": 20,
        "hidden_act": "gelu", "layer_norm_eps": 1e-3, "hidden_dropout_prob": 0.2,
        "initializer_range": 0.5}
GPT2 = {"model_type": "gpt2", "vocab_size": 31, "n_embd": 24, "n_layer": 2, "n_head": 4,
        "n_positions": 20, "n_inner": None, "activation_function": "gelu_new",
        "layer_norm_epsilon": 1e-3, "initializer_range": 0.2, "bos_token_id": 1, "eos_token_id": 2}
LLAMA = {"model_type": "llama", "vocab_size": 31, "hidden_size": 24, "num_hidden_layers": 2,
         "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 40,
         "max_position_embeddings": 20, "hidden_act": "silu", "rms_norm_eps": 1e-3,
         "tie_word_embeddings": False, "initializer_range": 0.2,
         "rope_parameters": {"rope_type": "default", "rope_theta": 500.0}}
IDS = np.random.default_rng(0).integers(1, 31, (3, 11))


def written(settings, folder, name):
    """A model of transformers with random weights, saved to folder; norms and biases too."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    others = {key: value for key, value in settings.items() if key != "model_type"}
    config = transformers.AutoConfig.for_model(settings["model_type"], **others)
    torch.manual_seed(1)
    model = getattr(transformers, name)(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:  # at first all 0 or all 1
                parameter.add_(0.3 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    return torch, model


def logits_of(torch, model):
    with torch.inference_mode():
        return model(torch.tensor(IDS)).logits.numpy()


@pytest.mark.slow
@pytest.mark.parametrize("settings, name", [
    (GPT2, "GPT2LMHeadModel"), ({**GPT2, "n_inner": 50, "activation_function": "relu"},
                                "GPT2LMHeadModel"),
    (LLAMA, "LlamaForCausalLM"), ({**LLAMA, "tie_word_embeddings": True}, "LlamaForCausalLM"),
    ({**LLAMA, "num_key_value_heads": 4}, "LlamaForCausalLM")])
def test_decoders_give_the_same_logits(tmp_path, settings, name):
    torch, theirs = written(settings, tmp_path, name)
    ours = load_huggingface(tmp_path)
    assert isinstance(ours, DecoderOnly)
    expected = logits_of(torch, theirs)
    logits, _ = ours.forward(IDS)
    assert np.abs(expected).max() > 1 and np.abs(logits - expected).max() < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("name", ["BertModel", "BertForMaskedLM"])
@pytest.mark.parametrize("activation", ["gelu", "gelu_new"])
def test_bert_gives_the_same_vectors(tmp_path, name, activation):
    torch, theirs = written({**BERT, "hidden_act": activation}, tmp_path, name)
    ours = load_huggingface(tmp_path)
    assert isinstance(ours, EncoderOnly) and ours.config.dropout == 0.2
    mask = np.arange(11) < np.array([[11], [4], [7]])
    with torch.inference_mode():
        body = theirs if name == "BertModel" else theirs.bert
        expected = body(torch.tensor(IDS), torch.tensor(mask)).last_hidden_state.numpy()
    keys = {"config": ours.config, "mask": mask[:, None, None]}
    x, _ = encoder_embedding_forward(ours.params, ids=IDS, **keys)
    x, _ = blocks_forward(ours.params["blocks"], x, **keys)
    assert np.abs((x - expected)[mask]).max() < 1e-5


@pytest.mark.slow
def test_a_loaded_model_can_be_trained(tmp_path):
    from minitransformer.data.batching import Batch
    from minitransformer.training import AdamW

    written(LLAMA, tmp_path, "LlamaForCausalLM")
    model = load_huggingface(tmp_path)
    batch = Batch(None, IDS[:, :-1], IDS[:, 1:])
    optimizer, before = AdamW(model.params, lr=1e-2), model.loss(batch)
    for _ in range(5):
        optimizer.step(model.loss_and_grads(batch)[1])
    assert model.loss(batch) < before - 0.1


def config_of(settings, folder):
    (folder / "config.json").write_text(json.dumps(settings))
    return LAYOUTS[settings["model_type"]].config(Settings(folder / "config.json"))


def test_configurations_become_ours(tmp_path):
    bert, gpt2, llama = (config_of(settings, tmp_path) for settings in (BERT, GPT2, LLAMA))
    assert (bert.norm_placement, bert.embedding_norm, bert.pad_id) == ("post", True, -1)
    assert config_of({**BERT, "pad_token_id": 0}, tmp_path).pad_id == 0
    assert (gpt2.d_ff, gpt2.activation, gpt2.positions) == (96, "gelu_tanh", "learned")
    assert (llama.n_kv_heads, llama.rope_base, llama.rope_interleaved) == (2, 500.0, False)
    old = {key: value for key, value in LLAMA.items() if key != "rope_parameters"}
    assert config_of({**old, "rope_theta": 1e5, "rope_scaling": None}, tmp_path).rope_base == 1e5


@pytest.mark.parametrize("settings, message", [
    ({"model_type": "mamba"}, "model_type is 'mamba', expected 'bert' or 'gpt2' or 'llama'"),
    ({}, "model_type is None, expected"),
    ({**BERT, "hidden_act": "quick_gelu"}, "hidden_act is 'quick_gelu', expected 'gelu' or"),
    ({**BERT, "position_embedding_type": "relative_key"}, "position_embedding_type is 'relative"),
    ({**BERT, "is_decoder": True}, "is_decoder is True"),
    ({**GPT2, "scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx is True"),
    ({**GPT2, "scale_attn_weights": False}, "scale_attn_weights is False"),
    ({**GPT2, "tie_word_embeddings": False}, "tie_word_embeddings is False"),
    ({**GPT2, "add_cross_attention": True}, "add_cross_attention is True"),
    ({**LLAMA, "hidden_act": "gelu"}, "hidden_act is 'gelu', expected 'silu'"),
    ({**LLAMA, "rope_scaling": {"factor": 2}}, "rope_scaling is {'factor': 2}"),
    ({**LLAMA, "rope_parameters": {"rope_type": "yarn"}}, "the type 'yarn', expected 'default'"),
    ({**LLAMA, "attention_bias": True}, "attention_bias is True"),
    ({**LLAMA, "mlp_bias": True}, "mlp_bias is True"),
    ({**LLAMA, "head_dim": 8}, "head_dim is 8, expected 6"),
    ({**LLAMA, "num_attention_heads": 0}, "num_attention_heads is 0, expected a whole number"),
    ({**GPT2, "n_embd": "24"}, "n_embd is '24', expected a whole number"),
    ({**LLAMA, "rope_parameters": 5}, "rope_parameters is 5, expected an object"),
    ({**LLAMA, "num_attention_heads": 5}, "config.json: d_model 24 is not divisible by n_heads 5"),
    ({key: x for key, x in BERT.items() if key != "hidden_size"}, "does not say 'hidden_size'")])
def test_what_cannot_be_served_is_refused_by_name(tmp_path, settings, message):
    (tmp_path / "config.json").write_text(json.dumps(settings))
    with pytest.raises(ValueError, match=message):
        load_huggingface(tmp_path)


def test_files_that_are_missing_or_damaged(tmp_path):
    pytest.importorskip("safetensors")
    from safetensors.numpy import save_file

    with pytest.raises(FileNotFoundError, match="config.json: expected a folder with"):
        load_huggingface(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ValueError, match="is no JSON"):
        load_huggingface(tmp_path)
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(ValueError, match="holds no object"):
        load_huggingface(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(GPT2))
    with pytest.raises(FileNotFoundError, match="spread over several files"):
        load_huggingface(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"\xff" * 100)
    with pytest.raises(ValueError, match="model.safetensors cannot be read"):
        load_huggingface(tmp_path)
    save_file({"wte.weight": np.zeros((31, 24), np.float32)}, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="array of 2,304 numbers .* holds 744 numbers in all"):
        load_huggingface(tmp_path)
    save_file({"wte.weight": np.zeros((31, 24), np.float32),
               "other": np.zeros(9999, np.float32)}, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="model.safetensors has no array 'wpe.weight'"):
        load_huggingface(tmp_path)


@pytest.mark.parametrize("name", ["vocab_size", "n_embd", "n_layer", "n_positions", "n_inner"])
def test_absurd_sizes_take_no_memory(tmp_path, name):
    save_file = pytest.importorskip("safetensors.numpy").save_file
    (tmp_path / "config.json").write_text(json.dumps({**GPT2, name: 4 * 10 ** 12}))
    save_file({"wte.weight": np.zeros((31, 24), np.float32)}, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="they do not belong together"):
        load_huggingface(tmp_path)

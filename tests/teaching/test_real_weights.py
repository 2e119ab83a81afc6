"""What lesson 16 keeps of the original: made by the command, and what MiniLM gives here."""

import numpy as np
import pytest

from minitransformer.models import blocks_forward, encoder_embedding_forward
from minitransformer.pretrained import load_pretrained
from minitransformer.pretrained.install import missing
from minitransformer.teaching.real_weights_runs import KEPT, SENTENCES, measure, read_real_weights

STORED = read_real_weights()


@pytest.fixture(scope="module")
def minilm():
    if missing("minilm"):
        pytest.skip("MiniLM is not installed")
    return load_pretrained("minilm")


def test_the_file_is_that_of_the_command():
    assert STORED["sentences"] == list(SENTENCES) and STORED["kept"] == list(KEPT)
    layers = np.array(STORED["layers"])
    assert layers.shape == (7, len(STORED["ids"][0]), len(KEPT))
    np.testing.assert_allclose(np.linalg.norm(STORED["vectors"], axis=1), 1, atol=1e-6)


@pytest.mark.slow
def test_the_vectors_and_the_ids_are_the_originals(minilm):
    ids = [minilm.tokenizer.encode(text) for text in SENTENCES]
    assert ids == STORED["ids"]
    assert np.abs(minilm.encode(SENTENCES) - STORED["vectors"]).max() < 1e-5


@pytest.mark.slow
def test_every_layer_is_the_originals(minilm):
    params, config = minilm.model.params, minilm.model.config
    x, _ = encoder_embedding_forward(params, ids=np.array(STORED["ids"][:1]), config=config)
    for i, expected in enumerate(STORED["layers"]):
        assert np.abs(x[0][:, KEPT] - expected).max() < 1e-5, i
        if i < config.n_layers:
            x, _ = blocks_forward(params["blocks"][i:i + 1], x, config=config)


@pytest.mark.slow
def test_the_command_measures_the_same_again(minilm):
    for package in ("torch", "transformers"):
        pytest.importorskip(package)
    again = measure()
    assert again["ids"] == STORED["ids"]
    np.testing.assert_allclose(again["vectors"], STORED["vectors"], atol=1e-5)
    np.testing.assert_allclose(again["layers"], STORED["layers"], atol=1e-5)

"""MiniLM beside transformers' BertModel, with the same files; and a small encoder by itself."""

import numpy as np
import pytest

from minitransformer.models import EncoderOnly, EncoderOnlyConfig
from minitransformer.pretrained import load_pretrained
from minitransformer.pretrained.install import missing, pretrained_file
from minitransformer.pretrained.minilm import SentenceEncoder, padded
from minitransformer.pretrained.wordpiece import WordPiece

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefgh"]
TEXTS = ["a b c", "h", "", "d e f g h a b", "b a"]


@pytest.fixture
def small():
    """An encoder of random weights that reads at most six tokens."""
    config = EncoderOnlyConfig(len(PIECES), d_model=12, n_heads=3, n_layers=2, d_ff=20,
                               max_seq_len=9, norm_placement="post", positions="learned",
                               embedding_norm=True, tied_embeddings="output", pooling="none")
    return SentenceEncoder(EncoderOnly(config, seed=1), WordPiece(PIECES), max_tokens=6)


def test_vectors_have_length_one_and_the_order_of_the_texts(small):
    vectors = small.encode(TEXTS, batch_size=2)
    assert vectors.shape == (5, 12) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    for text, vector in zip(TEXTS, vectors):  # neighbours and padding do not matter
        np.testing.assert_allclose(small.encode([text])[0], vector, atol=1e-6)


def test_order_matters_and_long_texts_are_cut(small):
    ab, ba, long, cut = small.encode(["a b", "b a", "d e f g h a b", "d e f g"])
    assert np.abs(ab - ba).max() > 1e-3
    np.testing.assert_allclose(long, cut, atol=1e-6)


def test_the_mean_is_over_real_tokens(small):
    ids, mask = padded([[2, 5, 3], [2, 6, 7, 8, 3]])
    assert ids.tolist() == [[2, 5, 3, 0, 0], [2, 6, 7, 8, 3]]
    assert mask[0].tolist() == [True, True, True, False, False]
    mean = small.token_vectors(ids, mask)[0, :3].mean(axis=0)
    np.testing.assert_allclose(small.pooled(ids, mask)[0], mean / np.linalg.norm(mean), atol=1e-6)


def test_nothing_to_encode_and_errors_at_the_door(small):
    assert small.encode([]).shape == (0, 12)
    with pytest.raises(TypeError, match="sentences is one text, expected a list"):
        small.encode("a b")
    with pytest.raises(TypeError, match="expected a text, got NoneType"):
        small.encode(["a", None])
    with pytest.raises(ValueError, match="batch_size is 0"):
        small.encode(["a"], batch_size=0)


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda module: None)
    with pytest.raises(ModuleNotFoundError, match="run.py pretrained minilm"):
        load_pretrained("minilm")


def sentences():
    """A hundred texts of 0 to 80 words, from the Python manual."""
    from pydoc_data.topics import topics

    words = " ".join(topics[name] for name in sorted(topics)).split()
    rng = np.random.default_rng(0)
    lengths = [0, 1, 80, *np.minimum(rng.geometric(0.06, 97), 80)]
    starts = rng.integers(len(words) - 80, size=100)
    return [" ".join(words[start:start + n]) for start, n in zip(starts, lengths)]


@pytest.mark.slow
def test_a_hundred_sentences_in_one_batch_as_transformers():
    torch = pytest.importorskip("torch")
    pytest.importorskip("transformers")
    if missing("minilm"):
        pytest.skip("MiniLM is not installed")
    from tokenizers import Tokenizer
    from transformers import BertModel

    folder, texts = pretrained_file("minilm", "model"), sentences()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(256)  # the limit of the package's sentence_bert_config.json
    tokenizer.enable_padding()
    encodings = tokenizer.encode_batch(texts)
    mask = torch.tensor([encoding.attention_mask for encoding in encodings])
    theirs = BertModel.from_pretrained(folder).eval()
    with torch.inference_mode():
        hidden = theirs(input_ids=torch.tensor([encoding.ids for encoding in encodings]),
                        attention_mask=mask).last_hidden_state
        mean = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        expected = torch.nn.functional.normalize(mean).numpy()

    ours = load_pretrained("minilm")
    ids, real = padded([ours.tokenizer.encode(text, ours.max_tokens) for text in texts])
    np.testing.assert_array_equal(ids, [encoding.ids for encoding in encodings])
    np.testing.assert_array_equal(real, mask.numpy())
    assert np.abs(ours.encode(texts, batch_size=100) - expected).max() < 1e-5
    assert np.abs(ours.encode(texts) - expected).max() < 1e-5  # in batches by length
    long = "word " * 300
    np.testing.assert_array_equal(ours.tokenizer.encode(long, ours.max_tokens),
                                  tokenizer.encode(long).ids)

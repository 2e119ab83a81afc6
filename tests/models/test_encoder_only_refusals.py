"""What an encoder alone cannot be built of, or does not read: each is answered in words."""

import numpy as np
import pytest

from minitransformer.models import EncoderOnly, EncoderOnlyConfig

SIZES = {"d_model": 12, "n_heads": 3, "n_layers": 1, "d_ff": 9, "max_seq_len": 8}
READS = {"features": {"n_features": 4}, "ids": {"vocab_size": 11}}
IDS = np.array([[3, 5, 4, 6, 3, 8], [7, 3, 9, 0, 0, 0], [4, 4, 5, 9, 0, 0]])   # (B, T)
REAL = IDS != 0
FEATURES = np.random.default_rng(3).normal(size=(3, 6, 4))                     # (B, T, C)


@pytest.mark.parametrize("changes, words", [
    ({"n_features": 4}, "vocab_size is 11 and n_features 4, expected one of them"),
    ({"vocab_size": None}, "vocab_size is None and n_features None, expected one of them"),
    ({"vocab_size": None, "n_features": 4, "n_classes": None}, "say how many classes there are"),
    ({"vocab_size": None, "n_features": 0}, "n_features is 0, expected a whole number"),
    ({"n_classes": 2.5}, "n_classes is 2.5, expected a whole number"),
    ({"tied_embeddings": "all", "n_classes": None}, "there is no decoder"),
    ({"tied_embeddings": "output"}, "only scores of the vocabulary .* can share its table"),
    ({"pooling": "max"}, "pooling is 'max', expected one of: mean, none"),
    ({"positions": "rotary", "d_model": 9}, "a head is 3 wide"),
])
def test_what_cannot_be_built_is_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        EncoderOnlyConfig(**{**SIZES, "vocab_size": 11, "n_classes": 5, **changes})


NAN = np.where(np.arange(72).reshape(3, 6, 4) == 30, np.nan, FEATURES)
INFINITE = np.where(np.arange(72).reshape(3, 6, 4) == 71, -np.inf, FEATURES)


@pytest.mark.parametrize("reads, given, error, words", [
    ("features", {"features": NAN}, ValueError, r"features hold nan at .* \[1, 1, 2\]"),
    ("features", {"features": INFINITE, "mask": REAL}, ValueError, r"hold -inf at .* \[2, 5, 3\]"),
    ("features", {"features": FEATURES[..., :3]}, ValueError, r"features has shape \(3, 6, 3\)"),
    ("features", {"features": FEATURES[0]}, ValueError, r"features has shape \(6, 4\)"),
    ("features", {"features": np.ones((1, 9, 4))}, ValueError, "9 tokens, but max_seq_len is 8"),
    ("features", {"ids": IDS}, ValueError, "got ids, but this model reads features"),
    ("features", {}, ValueError, "got neither features nor ids, but this model reads features"),
    ("features", {"features": FEATURES, "ids": IDS}, ValueError, "got features and ids, but"),
    ("features", {"features": FEATURES, "mask": REAL * 1}, TypeError, "mask must be boolean"),
    ("features", {"features": FEATURES, "mask": REAL[:, :1]}, ValueError, "mask has shape"),
    ("features", {"features": FEATURES[0, 0]}, ValueError, "features has shape"),
    ("features", {"features": FEATURES, "mask": REAL[:1]}, ValueError, r"mask has shape \(1, 6\)"),
    ("features", {"features": FEATURES, "mask": REAL[:, :1]}, ValueError, r"shape \(3, 1\)"),
    ("ids", {"features": FEATURES}, ValueError, "got features, but this model reads ids"),
    ("ids", {"features": FEATURES, "ids": IDS}, ValueError, "got features and ids, but"),
    ("ids", {"ids": IDS + 2}, ValueError, "ids holds the id 11, but there are 11 entries"),
    ("ids", {"ids": IDS - 1}, ValueError, "the id -1"),
    ("ids", {"ids": IDS[0]}, ValueError, r"ids has shape \(6,\)"),
    ("ids", {"ids": IDS * 1.0}, TypeError, "ids must be integers"),
    ("ids", {"ids": np.ones((1, 9), int)}, ValueError, "9 tokens, but max_seq_len is 8"),
])
def test_errors_at_the_door(reads, given, error, words):
    with pytest.raises(error, match=words):
        EncoderOnly(EncoderOnlyConfig(**SIZES, **READS[reads], n_classes=5)).forward(**given)


def test_a_mask_of_another_shape_is_refused_where_nothing_is_pooled():
    model = EncoderOnly(EncoderOnlyConfig(**SIZES, vocab_size=11, n_classes=5, pooling="none"))
    with pytest.raises(ValueError, match=r"mask has shape \(1, 6\)"):  # which would fit any text
        model.forward(ids=IDS, mask=REAL[:1])

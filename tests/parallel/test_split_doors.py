"""What a split model and its loss refuse, before anything is sent; Alone stands for a process."""

import numpy as np
import pytest

from minitransformer.models import (
    DecoderOnly, DecoderOnlyConfig, EncoderDecoder, EncoderDecoderConfig)
from minitransformer.parallel.processes import Alone
from minitransformer.parallel.split_models import (
    split_decoder_only_forward, split_encoder_decoder_forward)
from minitransformer.parallel.vocabulary import vocabulary_cross_entropy_forward

SIZES = {"d_model": 4, "n_heads": 2, "n_layers": 1, "d_ff": 3}
IDS = np.array([[3, 4, 5], [6, 3, 0]])                                  # (B, T)


def loss(targets, **options):
    return vocabulary_cross_entropy_forward(np.zeros((2, 3, 7)), targets=targets, first=0,
                                            vocab_size=7, comm=Alone(), **options)[0]


@pytest.mark.parametrize("changes, words", [
    ({"ids": IDS[0]}, "ids has shape"), ({"ids": IDS + 2}, "ids holds the id 8")])
def test_a_decoder_wants_ids_of_its_vocabulary(changes, words):
    model = DecoderOnly(DecoderOnlyConfig(7, **SIZES))
    with pytest.raises(ValueError, match=words):
        split_decoder_only_forward(model.params, **{"ids": IDS, **changes}, config=model.config,
                                   comm=Alone())


@pytest.mark.parametrize("changes, words", [
    ({"tgt": IDS[0]}, "tgt has shape"), ({"tgt": IDS[None]}, "tgt has shape"),
    ({"src": IDS[:1]}, "src has shape")])
def test_an_encoder_and_decoder_want_pairs(changes, words):
    model = EncoderDecoder(EncoderDecoderConfig(7, 7, **SIZES))
    with pytest.raises(ValueError, match=words):
        split_encoder_decoder_forward(model.params, **{"src": IDS, "tgt": IDS, **changes},
                                      config=model.config, comm=Alone())


def test_label_smoothing_is_a_fraction():
    with pytest.raises(ValueError, match="label_smoothing"):
        loss(IDS, label_smoothing=1.5)


def test_where_no_target_counts_there_is_no_loss():
    assert loss(np.zeros((2, 3), int), ignore_index=0) == 0

"""What data-parallel training refuses, before a message is sent; no MPI is needed."""

from types import SimpleNamespace

import pytest

from minitransformer.models import EncoderDecoder, EncoderDecoderConfig
from minitransformer.parallel import DataParallelTrainer
from minitransformer.training import AdamW


@pytest.mark.parametrize("norm, settings, words", [
    ("layer", {"accumulate": 6}, "accumulate is 6, which 4 processes cannot share evenly"),
    ("batch", {}, 'norm is "batch"'),
    ("layer", {"watch": True}, "train with one and accumulate=4"),
])
def test_refusals(norm, settings, words):
    config = EncoderDecoderConfig(7, 7, d_model=4, n_heads=1, n_layers=1, d_ff=4, norm=norm)
    model = EncoderDecoder(config)
    with pytest.raises(ValueError, match=words):
        DataParallelTrainer(model, AdamW(model.params), None,
                            comm=SimpleNamespace(rank=1, size=4), **settings)

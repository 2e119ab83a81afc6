"""What training by several processes refuses, before the first step; no MPI is needed."""

from types import SimpleNamespace

import numpy as np
import pytest

from minitransformer.models import EncoderDecoder, EncoderDecoderConfig
from minitransformer.parallel import TensorParallel
from minitransformer.parallel.command import WAYS
from minitransformer.training import AdamW
from minitransformer.tree import freeze

FOUR = SimpleNamespace(rank=1, size=4, bcast=lambda x: x)


def model(norm="layer"):
    return EncoderDecoder(EncoderDecoderConfig(7, 7, d_model=6, n_heads=2, n_layers=1, d_ff=4,
                                               norm=norm))


@pytest.mark.parametrize("way, norm, settings, words", [
    ("data", "layer", {"accumulate": 6}, "accumulate is 6, which 4 processes cannot share evenly"),
    *((way, "batch", {}, 'norm is "batch"') for way in WAYS),
    ("data", "layer", {"watch": True}, "train with one and accumulate=4"),
    ("tensor", "layer", {"watch": True}, "train with one and accumulate=1"),
    ("sequence", "layer", {"watch": True, "accumulate": 3}, "train with one and accumulate=3"),
    ("tensor", "layer", {"threads": 2, "accumulate": 2}, "threads is 2, but processes"),
    ("sequence", "layer", {"threads": 2, "accumulate": 2}, "threads is 2, but processes"),
    ("tensor", "layer", {}, "n_heads is 2, which 4 processes cannot share evenly"),
])
def test_refusals(way, norm, settings, words):
    made = model(norm)
    with pytest.raises(ValueError, match=words):
        WAYS[way](made, AdamW(made.params), None, comm=FOUR, **settings)


def test_tensor_parallel_wants_plain_models_that_are_alike():
    two = SimpleNamespace(rank=1, size=2, bcast=lambda x: model().params)
    with pytest.raises(ValueError, match='norm is "batch"'):
        TensorParallel(model("batch"), comm=two)
    made = model()
    made.params["encoder"]["norm"] = freeze(made.params["encoder"]["norm"])
    with pytest.raises(ValueError, match="'encoder.norm.gain' is frozen"):
        TensorParallel(made, comm=two)
    made = model()
    made.params["decoder"]["output"]["b"] = np.ones(7)
    with pytest.raises(ValueError, match="'decoder.output.b' differs from that of process 0"):
        TensorParallel(made, comm=two)

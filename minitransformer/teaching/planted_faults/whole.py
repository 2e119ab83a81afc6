"""The whole as one pair: parameters in, the loss out; and a small model to prove it on."""

from typing import NamedTuple

import numpy as np

from minitransformer import functional, models  # by attribute, so that what is swapped is seen
from minitransformer.checks.case import randomize
from minitransformer.data.batching import Batch
from minitransformer.data.tokenizers import PAD
from minitransformer.models import EncoderDecoderConfig
from minitransformer.tree import tree_map

# Sizes that all differ: H 2, K 3, B 4, T 5, D 6, S 7, F 8; vocabularies 10 and 11.
CONFIG = EncoderDecoderConfig(10, 11, d_model=6, n_heads=2, n_layers=2, d_ff=8, max_seq_len=9,
                              dropout=0.2, tied_embeddings="output")
BATCH = Batch(  # ids repeat, and the last two rows of each side are padded
    src=np.array([[3, 5, 4, 3, 8, 9, 7], [6, 6, 9, 4, 3, 5, 8], [7, 3, 9, 3, 0, 0, 0],
                  [5, 8, 5, 4, 9, 0, 0]]),
    tgt=np.array([[1, 4, 3, 9, 10], [1, 5, 5, 7, 3], [1, 8, 8, 0, 0], [1, 6, 4, 3, 0]]),
    targets=np.array([[4, 3, 9, 10, 2], [5, 5, 7, 3, 2], [8, 8, 2, 0, 0], [6, 4, 3, 2, 0]]))
POINT = 36  # of the seeds 0 to 59, the one whose weakest array has the largest part of the gradient


class WholeCache(NamedTuple):
    model: NamedTuple
    loss: NamedTuple


def whole_forward(params, *, batch, config, label_smoothing=0.1, dropout_seed=(0, 1)):
    """params -> loss (scalar), cache: the encoder-decoder, and the loss behind its logits."""
    logits, model_cache = models.encoder_decoder_forward(
        params, src=batch.src, tgt=batch.tgt, config=config,
        dropout_seed=dropout_seed)                                            # (B, T, V)
    loss, loss_cache = functional.cross_entropy_forward(
        logits, targets=batch.targets, ignore_index=PAD,
        label_smoothing=label_smoothing)                                      # scalar
    return loss, WholeCache(model_cache, loss_cache)


def whole_backward(dloss, cache):
    """dloss (scalar) -> dparams, built like params."""
    dlogits = functional.cross_entropy_backward(dloss, cache.loss)            # (B, T, V)
    return models.encoder_decoder_backward(dlogits, cache.model)


def fresh_params(seed=0, config=CONFIG, dtype=np.float64):
    """The parameters of a new model: gains 1, biases 0, the rest random."""
    return models.encoder_decoder_init(np.random.default_rng(seed), config=config, dtype=dtype)


def random_params(seed=POINT, config=CONFIG):
    """The same with random gains and biases: nothing is 0 or 1."""
    rng = np.random.default_rng(seed)
    return randomize(rng, models.encoder_decoder_init(rng, config=config, dtype=np.float64))


def astype(params, dtype):
    """A copy of the tree in another type."""
    return tree_map(lambda w: w.astype(dtype), params)

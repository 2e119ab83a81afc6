"""What training says of a fault: overfitting a small batch, and a short run beside the right one.

The task is lesson 00's, cut down to the numbers below 1000.
"""

import functools
from typing import NamedTuple

import numpy as np

from minitransformer.data.batching import BatchStream, make_batch
from minitransformer.data.number_words import number_pairs
from minitransformer.data.tokenizers import CharacterTokenizer, WordTokenizer
from minitransformer.models import EncoderDecoder, EncoderDecoderConfig
from minitransformer.teaching.planted_faults.fault import planted
from minitransformer.teaching.planted_faults.whole import astype, whole_backward, whole_forward
from minitransformer.training.optimizer import AdamW
from minitransformer.tree import tree_items

STEPS, BATCH_SIZE, LEARNING_RATE, SMOOTHING = 300, 16, 1e-2, 0.1
OVERFIT_STEPS, OVERFIT_PAIRS = 150, 8
LAST = 50                       # the end of a curve: the mean of so many steps


class Task(NamedTuple):
    pairs: list                     # of (source ids, target ids)
    config: EncoderDecoderConfig


@functools.cache
def number_task():
    """The thousand numbers below 1000, and a model of 45,000 parameters for them."""
    pairs = number_pairs(range(1000))
    words = WordTokenizer.from_texts(english for english, _ in pairs)
    letters = CharacterTokenizer.from_texts(german for _, german in pairs)
    config = EncoderDecoderConfig(words.vocab_size, letters.vocab_size, d_model=32, n_heads=4,
                                  n_layers=2, d_ff=64, max_seq_len=40, dropout=0.1,
                                  tied_embeddings="output")
    return Task([(words.encode(a), letters.encode(b)) for a, b in pairs], config)


def train(fault=None, seed=0, steps=STEPS):
    """The loss of every step, and the trained model: Adam, dropout and label smoothing on.

    Raises ValueError where a gradient does not fit its parameter.
    """
    pairs, config = number_task()
    model, stream = EncoderDecoder(config, seed=seed), BatchStream(
        pairs, batch_size=BATCH_SIZE, seed=seed)
    optimizer, losses = AdamW(model.params, lr=LEARNING_RATE, betas=(0.9, 0.98)), []
    with planted(fault):
        for step in range(steps):
            loss, grads = model.loss_and_grads(stream.batch(step), label_smoothing=SMOOTHING,
                                               dropout_seed=(seed, step))
            optimizer.step(grads, lr=LEARNING_RATE * min(1, (step + 1) / 50,
                                                         2 * (steps - step) / steps))
            losses.append(loss)
    return np.array(losses), model


def overfit(fault=None, steps=OVERFIT_STEPS):
    """The losses on one small batch, again and again, without dropout and smoothing.

    Raises ValueError where a gradient does not fit its parameter.
    """
    pairs, config = number_task()
    model, batch = EncoderDecoder(config, seed=0), make_batch(pairs[500:500 + OVERFIT_PAIRS])
    optimizer, losses = AdamW(model.params, lr=LEARNING_RATE), []
    with planted(fault):
        for _ in range(steps):
            loss, grads = model.loss_and_grads(batch)
            optimizer.step(grads)
            losses.append(loss)
    return np.array(losses)


def gradients_at(model, fault=None):
    """The gradient of one batch's loss in float64, as training computes it, and with the fault."""
    pairs, config = number_task()
    params = astype(model.params, np.float64)
    batch = BatchStream(pairs, batch_size=64, seed=0).batch(0)
    _, cache = whole_forward(params, batch=batch, config=config, label_smoothing=SMOOTHING)
    right = whole_backward(1.0, cache)
    with planted(fault):
        return right, whole_backward(1.0, cache)


def angle(a, b):
    """The angle between two gradients of one shape, each seen as one long vector, in degrees."""
    a, b = (np.concatenate([x.ravel() for _, x in tree_items(tree)]) for tree in (a, b))
    cosine = a @ b / (np.linalg.norm(a) * np.linalg.norm(b))
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))

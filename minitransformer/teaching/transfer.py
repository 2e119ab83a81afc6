"""Four ways to a classifier of texts: a head on a pretrained body, LoRA, all of it, from scratch.

The body is that of a BERT such as MiniLM, the head one projection of the mean over the tokens. What
learns is said by the parameter tree: all else in it is frozen.
"""

import dataclasses
import functools
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from minitransformer.data.labelled import LabelledStream, make_text_batch
from minitransformer.functional import cross_entropy_backward, cross_entropy_forward
from minitransformer.layers import projection_backward, projection_forward, projection_init
from minitransformer.models import EncoderOnly
from minitransformer.training import AdamW, Trainer
from minitransformer.training.schedule import linear_decay
from minitransformer.tree import freeze, thaw, tree_items
from minitransformer.variants.adapters import lora

TOKENS = 16                             # of a text are read, [CLS] and [SEP] included
ADAPTED = ("attention.q", "attention.v")
RANK, ALPHA = 8, 16
SMALL = {"d_model": 64, "n_heads": 4, "n_layers": 2, "d_ff": 128}
BATCH_SIZE, WARMUP, CLIP = 8, 0.1, 1.0  # warm-up: a part of the steps


class Trained(NamedTuple):
    """What a training gives."""

    predict: Callable     # a list of rows of ids -> their classes (N,)
    seconds: float        # processor time of the training, and of the vectors it needs
    learning: int         # numbers that learn
    curve: list           # [(seconds so far, what watch(predict) gave), ...]


def encode(encoder, examples):
    """Examples (text, label) -> (ids, label), by the encoder's tokenizer."""
    return [(encoder.tokenizer.encode(text, TOKENS), label) for text, label in examples]


def classifier_config(config, n_classes, **changes):
    """The configuration of a body with a head for classes: of the mean over the tokens."""
    return dataclasses.replace(config, n_classes=n_classes, pooling="mean",
                               tied_embeddings="none", **changes)


def new_head(config, *, seed, dtype=np.float32):
    """A projection from the width of the model to the classes."""
    return projection_init(np.random.default_rng([seed, 18]), d_in=config.d_model,
                           d_out=config.n_classes, dtype=dtype)


def on_body(encoder, way, n_classes, *, seed, rank=RANK, alpha=ALPHA):
    """An EncoderOnly on the encoder's body; way: "head", "LoRA" or "full" says what learns.

    The encoder's own arrays are never changed: what is frozen is shared with it, the rest copied.
    """
    body = {key: part for key, part in encoder.model.params.items() if key != "output"}
    config = classifier_config(encoder.model.config, n_classes)
    if way == "full":
        body = thaw(body)
    elif way == "LoRA":
        body = lora(body, ADAPTED, rank=rank, rng=np.random.default_rng([seed, 8]), alpha=alpha)
    elif way == "head":
        body = freeze(body)
    else:
        raise ValueError(f'way is {way!r}, expected "head", "LoRA" or "full"')
    return with_params(config, {**body, "output": new_head(config, seed=seed)})


def from_scratch(config, n_classes, *, seed, **changes):
    """An EncoderOnly of a body's shape, or a changed one, that has seen nothing yet."""
    return EncoderOnly(classifier_config(config, n_classes, **changes), seed=seed)


def with_params(config, params):
    """An EncoderOnly of this configuration that holds these parameters, without drawing others."""
    model = EncoderOnly.__new__(EncoderOnly)
    model.config, model.params = config, params
    model.state = model.init_state(config=config, dtype=np.float32)
    return model


def train(model, examples, *, steps, peak, seed, watch=None, times=1):
    """Train the model on examples (ids, label): a Trained. watch is asked `times` times, evenly."""
    schedule = functools.partial(linear_decay, peak=peak, warmup=max(1, round(WARMUP * steps)),
                                 steps=steps)
    stream = LabelledStream(examples, batch_size=BATCH_SIZE, seed=seed, make=make_text_batch)
    start = time.process_time()
    trainer = Trainer(model, AdamW(model.params, weight_decay=0.01), stream, schedule=schedule,
                      clip_norm=CLIP, seed=seed, print_every=0)
    predict, seconds, curve = functools.partial(predicted, model), 0.0, []
    for part in range(1, times + 1):
        trainer.train(round(steps * part / times))
        seconds += time.process_time() - start
        if watch is not None:
            curve.append((seconds, watch(predict)))
        start = time.process_time()
    return Trained(predict, seconds, learning_numbers(model.params), curve)


def train_head(model, examples, *, steps, peak, seed, watch=None, vectors=None):
    """As train, of the head alone: the body's vectors are computed once, and then only read.

    vectors: a function of rows of ids that gives their vectors (N, D), where they are known
    already; the time that they would take is not counted then.
    """
    vectors = functools.partial(mean_vectors, model) if vectors is None else vectors
    start = time.process_time()
    x = vectors([ids for ids, _ in examples])                                 # (N, D)
    labels = np.array([label for _, label in examples])                       # (N,)
    head = model.params["output"]
    optimizer = AdamW(head, weight_decay=0.01)
    order = LabelledStream(list(zip([[i] for i in range(len(x))], labels)), batch_size=64,
                           seed=seed, make=make_text_batch)
    for step in range(1, steps + 1):
        chosen = order.batch(step - 1).ids[:, 0]                              # (B,)
        logits, cache = projection_forward(head, x[chosen])                   # (B, n)
        _, loss_cache = cross_entropy_forward(logits, targets=labels[chosen])
        grads, _ = projection_backward(cross_entropy_backward(1.0, loss_cache), cache)
        optimizer.step(grads, lr=linear_decay(step, peak=peak, warmup=1, steps=steps))

    def predict(rows):
        return np.argmax(projection_forward(head, vectors(rows))[0], axis=-1)  # (N,)

    seconds = time.process_time() - start
    return Trained(predict, seconds, learning_numbers(model.params),
                   [] if watch is None else [(seconds, watch(predict))])


def in_batches(function, rows, batch_size=16):
    """function(ids (B, T), mask (B, T)) over rows of ids, texts of like length together."""
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    results = [None] * len(rows)
    for start in range(0, len(rows), batch_size):
        chosen = order[start:start + batch_size]
        batch = make_text_batch([(rows[i], 0) for i in chosen])
        for i, result in zip(chosen, function(batch.ids, batch.mask)):
            results[i] = result
    return np.array(results)


def predicted(model, rows):
    """The class of each row of ids: (N,)."""
    return in_batches(lambda ids, mask: model.predict(ids=ids, mask=mask), rows)


def mean_vectors(model, rows):
    """What the head reads of each row of ids: (N, D)."""
    def pooled(ids, mask):
        _, cache = model.forward(ids=ids, mask=mask)
        return cache.head.output.x                                            # (B, D)

    return in_batches(pooled, rows)


def share_right(predict, examples):
    """The share of the examples (ids, label) whose class is found."""
    return float(np.mean(predict([ids for ids, _ in examples]) == [label for _, label in examples]))


def learning_numbers(params):
    """How many numbers of a tree learn: those of arrays that are not frozen."""
    return sum(x.size for _, x in tree_items(params) if x.flags.writeable)

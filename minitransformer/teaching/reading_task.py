"""Lesson 19's models: one with a known answer, and one that writes.

A text of the first is a row of letters with one mark among them, and its class is the letter behind
the mark. So two tokens decide, the mark and that letter, and all others could be anything. The
second, a decoder, writes German numbers letter by letter.
"""

import functools
from typing import NamedTuple

import numpy as np

from minitransformer.data.batching import Batch, pad_rows
from minitransformer.data.labelled import LabelledBatch
from minitransformer.data.number_words import german_words
from minitransformer.data.tokenizers import END, START, CharacterTokenizer
from minitransformer.models import DecoderOnly, DecoderOnlyConfig, EncoderOnly, EncoderOnlyConfig
from minitransformer.training import AdamW, Trainer, linear_decay

LETTERS = "abcdefgh"
FIRST = 3                      # the id of "a"
MARK = FIRST + len(LETTERS)    # that of the mark
LENGTH, BATCH_SIZE, STEPS = 12, 64, 400
SIZES = {"d_model": 32, "n_heads": 4, "n_layers": 2, "d_ff": 64, "max_seq_len": LENGTH,
         "dropout": 0.0, "positions": "rotary"}


class MarkedTexts(NamedTuple):
    """ids (B, T), places (B,) of the marks, classes (B,): the letters behind them, 0 for "a"."""

    ids: np.ndarray
    places: np.ndarray
    classes: np.ndarray

    def relevant(self):
        """(B, T) bool: True at the mark and the letter behind it."""
        t = np.arange(self.ids.shape[1])                                     # (T,)
        return (t == self.places[:, None]) | (t == self.places[:, None] + 1)


def draw_marked_texts(rng, count, length=LENGTH):
    """Random MarkedTexts, count of them."""
    ids = FIRST + rng.integers(len(LETTERS), size=(count, length))           # (B, T)
    places = rng.integers(length - 1, size=count)                            # (B,)
    classes = ids[np.arange(count), places + 1] - FIRST                      # (B,)
    ids[np.arange(count), places] = MARK
    return MarkedTexts(ids, places, classes)


class MarkedStream(NamedTuple):
    """What a Trainer asks for: the batch of each step."""

    seed: int

    def batch(self, step):
        """The LabelledBatch of a step, counted from 0."""
        texts = draw_marked_texts(np.random.default_rng([self.seed, step]), BATCH_SIZE)
        return LabelledBatch(None, texts.ids, np.ones(texts.ids.shape, bool), texts.classes)


def train_marked(seed, *, steps=STEPS):
    """An EncoderOnly that has learned the task from texts drawn anew in each step, silently."""
    config = EncoderOnlyConfig(MARK + 1, n_classes=len(LETTERS), **SIZES)
    model = EncoderOnly(config, seed=seed)
    schedule = functools.partial(linear_decay, peak=3e-3, warmup=min(50, steps),
                                 steps=steps)
    Trainer(model, AdamW(model.params), MarkedStream(seed), seed=seed, clip_norm=1.0,
            schedule=schedule, print_every=0).train(steps)
    return model


def spelled(ids):
    """Ids (T,) -> a list of letters; the mark is "*"."""
    return [(LETTERS + "*")[i - FIRST] for i in ids]


WRITER_SIZES = {"d_model": 64, "n_heads": 4, "n_layers": 4, "d_ff": 128, "max_seq_len": 80,
                "dropout": 0.0, "positions": "rotary"}
WRITER_STEPS = 200


class NumberStream(NamedTuple):
    """Batches of German number words below one million, new ones in each step."""

    tokenizer: CharacterTokenizer
    seed: int

    def batch(self, step):
        """The Batch of a step, counted from 0, without a source."""
        numbers = np.random.default_rng([self.seed, step]).integers(1_000_000, size=24)
        rows = [self.tokenizer.encode(german_words(int(number))) for number in numbers]
        return Batch(None, pad_rows([[START, *row] for row in rows]),
                     pad_rows([[*row, END] for row in rows]))


def train_writer(seed=0, *, steps=WRITER_STEPS):
    """(a DecoderOnly that writes German numbers, its tokenizer), trained silently."""
    tokenizer = CharacterTokenizer.from_texts(german_words(number) for number in range(1000))
    model = DecoderOnly(DecoderOnlyConfig(tokenizer.vocab_size, **WRITER_SIZES), seed=seed)
    schedule = functools.partial(linear_decay, peak=5e-3, warmup=min(30, steps),
                                 steps=steps)
    Trainer(model, AdamW(model.params), NumberStream(tokenizer, seed), seed=seed, clip_norm=1.0,
            schedule=schedule, print_every=0).train(steps)
    return model, tokenizer

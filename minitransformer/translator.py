"""The translator: an encoder-decoder that reads words and writes characters.

It learns number words, English to German, or any file of pairs. The settings were chosen on the
validation numbers; every run reports the test numbers, so they have been looked at often.
"""

import functools
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minitransformer.data.batching import BatchStream, make_batch, pad_rows
from minitransformer.data.number_words import number_pairs, split_numbers
from minitransformer.data.pairs import read_pairs
from minitransformer.data.tokenizers import CharacterTokenizer, WordTokenizer
from minitransformer.models import EncoderDecoder, EncoderDecoderConfig
from minitransformer.training.checkpoint import open_trained, read_tokenizer
from minitransformer.training.optimizer import AdamW
from minitransformer.training.schedule import linear_decay
from minitransformer.training.trainer import Trainer
from minitransformer.tree import tree_size

SIZES = {"d_model": 128, "n_heads": 4, "n_layers": 2, "d_ff": 512, "dropout": 0.1}
STEPS, BATCH_SIZE, PEAK, WARMUP, CLIP_NORM = 1000, 64, 2e-3, 100, 1.0
HELD_OUT = 500       # pairs to validate on, and as many to test on
FILE = "translator.npz"


class Pairs(NamedTuple):
    """Three lists of (source, target); no source is in two of them."""

    train: list
    validation: list
    test: list


def number_word_pairs():
    """20,000 numbers below one million to learn from, 500 to validate on and 500 to test on."""
    return Pairs(*map(number_pairs, split_numbers(
        train=20_000, validation=HELD_OUT, test=HELD_OUT, round_numbers=2_500)))


def split_pairs(pairs, *, seed=0):
    """Hold out a tenth of the sources for validation and a tenth for testing, at most 500 each.

    Raises ValueError for fewer than ten different sources.
    """
    sources = sorted({source for source, _ in pairs})
    if len(sources) < 10:
        raise ValueError(f"the pairs have {len(sources)} different sources, expected at least 10: "
                         f"some are held out to see how well others are translated")
    shuffled = np.random.default_rng(seed).permutation(len(sources))
    size = min(HELD_OUT, len(sources) // 10)
    part = {sources[i]: (place >= size) + (place >= 2 * size) for place, i in enumerate(shuffled)}
    validation, test, train = ([pair for pair in pairs if part[pair[0]] == n] for n in range(3))
    return Pairs(train, validation, test)


class Translator(NamedTuple):
    """A model and the tokenizers of its two sides."""

    model: EncoderDecoder
    source: WordTokenizer
    target: CharacterTokenizer

    @classmethod
    def untrained(cls, pairs, *, seed=0):
        """A translator with the vocabulary of the pairs, for texts no longer than theirs."""
        source = WordTokenizer.from_texts([text for text, _ in pairs])
        target = CharacterTokenizer.from_texts([text for _, text in pairs])
        longest = max(max(len(source.split(a)), len(b) + 1) for a, b in pairs)  # START or END: 1
        config = EncoderDecoderConfig(source.vocab_size, target.vocab_size, max_seq_len=longest,
                                      **SIZES)
        return cls(EncoderDecoder(config, seed=seed), source, target)

    def encode(self, pairs):
        """Pairs of texts -> pairs of lists of ids, for batches."""
        return [(self.source.encode(a), self.target.encode(b)) for a, b in pairs]

    def translate(self, texts, *, beam_size=1):
        """A translation of each text. Raises ValueError for an unknown word or an empty text."""
        src = pad_rows([self.source.encode(text) for text in texts])
        found = self.model.generate(src, max_new_tokens=self.model.config.max_seq_len,
                                    beam_size=beam_size)
        return [self.target.decode(ids) for ids in found]

    def save(self, path):
        """Write the model and its tokenizers to one file."""
        self.model.save(path, source=self.source.to_dict(), target=self.target.to_dict())

    @classmethod
    def load(cls, path):
        """Read what save wrote; path is the file, or the folder that train_translator wrote it to.

        Raises FileNotFoundError when there is none, CheckpointError when it is something else.
        """
        path, metadata = open_trained(path, FILE, "translator", words="tokenizers",
                                      keys=("source", "target"))
        model = EncoderDecoder.load(path)
        return cls(model, read_tokenizer(path, WordTokenizer, metadata["source"],
                                         model.config.src_vocab_size),
                   read_tokenizer(path, CharacterTokenizer, metadata["target"],
                                  model.config.tgt_vocab_size))


def make_trainer(translator, pairs, *, steps, seed=0, trainer=Trainer, **others):
    """A Trainer for `steps` steps on pairs.train, which watches the loss on pairs.validation.

    trainer: Trainer, or one that is made like it. others: its further keywords, such as run_dir,
    resume and evaluate_every.
    """
    model = translator.model
    # Not by length: after 150 steps of fair samples nine in ten validation numbers were right,
    # after 150 steps of equally long ones half, and a step takes only a third longer.
    stream = BatchStream(translator.encode(pairs.train), batch_size=BATCH_SIZE, seed=seed,
                         by_length=False)
    held_out = translator.encode(pairs.validation)
    return trainer(
        model, AdamW(model.params, betas=(0.9, 0.98)), stream, seed=seed, clip_norm=CLIP_NORM,
        validation=[make_batch(held_out[i:i + BATCH_SIZE])  # all at once would take thrice as long
                    for i in range(0, len(held_out), BATCH_SIZE)],
        schedule=functools.partial(linear_decay, peak=PEAK, warmup=min(WARMUP, steps), steps=steps),
        **others)


def train(translator, pairs, *, steps, **others):
    """Train on pairs.train with all that make_trainer takes. Returns the log's rows."""
    return make_trainer(translator, pairs, steps=steps, **others).train(steps)


def exact_match(translator, pairs):
    """(translations of the pairs' sources, how many equal their target)."""
    found = translator.translate([source for source, _ in pairs])
    return found, sum(text == target for text, (_, target) in zip(found, pairs))


def train_translator(folder, *, steps=None, seed=0, pairs_file=None, resume=False,
                     **others):
    """Train a translator, test it on sources that it has not seen, and leave it in folder.

    folder receives translator.npz and what a Trainer writes: checkpoint.npz, log.csv, loss.png.
    steps: None for as many as the number words need. others: further keywords of make_trainer.
    Raises ValueError for fewer than one step; KeyboardInterrupt, like the Trainer, after all of
    that is written.
    """
    folder, steps = Path(folder), STEPS if steps is None else steps
    if steps < 1:
        raise ValueError(f"steps is {steps}, expected at least 1")
    pairs = split_pairs(read_pairs(pairs_file)) if pairs_file else number_word_pairs()
    # The vocabulary is that of all parts, so that a rare word cannot stop the test at its end.
    translator = Translator.untrained([pair for part in pairs for pair in part], seed=seed)
    print(f"{len(pairs.train):,} pairs to learn from, {len(pairs.validation)} to validate on, "
          f"{len(pairs.test)} to test on; {tree_size(translator.model.params):,} parameters")
    try:
        train(translator, pairs, steps=steps, seed=seed, run_dir=folder, resume=resume, **others)
    except KeyboardInterrupt:
        translator.save(folder / FILE)  # half learned, but it can be tried
        raise
    translator.save(folder / FILE)
    found, right = exact_match(translator, pairs.test)
    for (source, target), text in list(zip(pairs.test, found))[:5]:
        print_translation(source, text, target)
    print(f"{right} of {len(found)} unseen texts are translated without a mistake "
          f"({right / len(found):.1%})")
    print(f"The translator is in {folder / FILE}")


def print_translation(source, text, target):
    """One line, marked right or wrong; a wrong one with the right translation."""
    wrong = "" if text == target else f"  (right: {target})"
    print(f"  {'wrong' if wrong else 'right'}  {source} -> {text}{wrong}")

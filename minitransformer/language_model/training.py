"""Training a language model: on the Python manual, or on any text.

The settings were chosen on the manual's validation part. The test part is what every run reports.
"""

import functools
import hashlib
from dataclasses import fields
from pathlib import Path

from minitransformer.data.batching import Batch
from minitransformer.data.byte_pair import BytePairTokenizer
from minitransformer.data.manual import python_manual
from minitransformer.data.text import WindowStream, read_texts, split_texts, windows
from minitransformer.data.tokenizers import CharacterTokenizer
from minitransformer.language_model.settings import read_settings, with_settings, write_settings
from minitransformer.language_model.writer import FILE, KINDS, ROWS, LanguageModel
from minitransformer.language_model.yardsticks import gzip_bits, ngram_bits
from minitransformer.models import DecoderOnlyConfig
from minitransformer.training.checkpoint import CheckpointError
from minitransformer.training.optimizer import AdamW
from minitransformer.training.schedule import linear_decay
from minitransformer.training.trainer import Trainer
from minitransformer.tree import tree_size

CONFIG = "config.json"
SETTINGS = {  # what config.json holds
    "text": {"path": None, "sha256": None},  # None: the Python manual; the run's own text, to know
    "tokenizer": {"kind": "byte pairs", "vocab_size": 1024},
    "model": {**{field.name: field.default for field in fields(DecoderOnlyConfig)
                 if field.name != "vocab_size"},
              "d_model": 128, "n_heads": 4, "n_layers": 4, "d_ff": 512, "max_seq_len": 128},
    "training": {"steps": 1000, "batch_size": 8, "peak": 3e-3, "warmup": 50, "weight_decay": 0.1,
                 "clip_norm": 1.0},
}


def read_split(path=None):
    """The TextSplit of a file or a folder, or of the Python manual when path is None."""
    if path is None:
        return python_manual()
    texts, left_out = read_texts(path)
    if left_out:
        print(f"{len(left_out)} files are empty or no UTF-8 text and are left out: "
              f"{', '.join(left_out[:3])}{' ...' if len(left_out) > 3 else ''}")
    return split_texts(texts)


def make_tokenizer(split, *, kind, vocab_size):
    """The tokenizer of a TextSplit: merges are learned from split.train alone.

    Characters are those of all parts, so that a rare one cannot stop the test at its end.
    Raises ValueError for an unknown kind.
    """
    if kind not in KINDS:
        raise ValueError(f"the tokenizer's kind is {kind!r}, expected one of {', '.join(KINDS)}")
    if kind == "characters":
        return CharacterTokenizer.from_texts(split)
    return BytePairTokenizer.train(split.train, vocab_size)


def make_trainer(language_model, split, *, steps, batch_size, peak, warmup, weight_decay,
                 clip_norm, seed=0, trainer=Trainer, **others):
    """A Trainer for `steps` steps on split.train, which watches the loss on split.validation.

    trainer: Trainer, or one that is made like it. others: its further keywords, such as run_dir,
    resume and evaluate_every.
    """
    model, length = language_model.model, language_model.model.config.max_seq_len
    stream = WindowStream(language_model.encode(split.train), batch_size=batch_size, length=length,
                          seed=seed)
    validation = language_model.encode(split.validation)
    tgt, targets = windows(validation, min(length, len(validation)))
    return trainer(
        model, AdamW(model.params, betas=(0.9, 0.98), weight_decay=weight_decay), stream,
        seed=seed, clip_norm=clip_norm,
        validation=[Batch(None, tgt[i:i + ROWS], targets[i:i + ROWS])
                    for i in range(0, len(tgt), ROWS)],
        schedule=functools.partial(linear_decay, peak=peak, warmup=min(warmup, steps), steps=steps),
        **others)


def train_language_model(folder, *, text=None, config=None, vocab=None, steps=None, seed=0,
                         resume=False, **others):
    """Train a language model, test it on text that it has not seen, and leave it in folder.

    text: a file or folder of UTF-8 text, None for that of config or the Python manual. config: a
    file of settings like the config.json that is left in folder. vocab: the size of the byte-pair
    vocabulary, or "characters". steps: how many updates in all. A resumed run has its own settings.
    others: further keywords of make_trainer.
    folder receives language_model.npz, config.json and what a Trainer writes.
    Raises ValueError for settings out of range, CheckpointError when a resumed run has another
    text or when folder holds a run; KeyboardInterrupt after all of that is written.
    """
    folder = Path(folder)
    settings = choose_settings(folder, text=text, config=config, vocab=vocab, steps=steps,
                               resume=resume)
    split = read_split(settings["text"]["path"])
    digest = hashlib.sha256("\0".join(split).encode("utf-8")).hexdigest()
    if resume and digest != settings["text"]["sha256"]:
        raise CheckpointError(f"the text is not the one that the run in {folder} learns from: give "
                              f"that one with --text, or start anew in another folder")
    settings["text"]["sha256"] = digest
    tokenizer = make_tokenizer(split, **settings["tokenizer"])
    language_model = LanguageModel.untrained(tokenizer, seed=seed, **settings["model"])
    trainer = make_trainer(language_model, split, **settings["training"], seed=seed,
                           run_dir=folder, resume=resume, **others)
    write_settings(folder / CONFIG, settings)
    print(f"{len(split.train):,} characters to learn from, {len(split.validation):,} to validate "
          f"on, {len(split.test):,} to test on; a vocabulary of {tokenizer.vocab_size}; "
          f"{tree_size(language_model.model.params):,} parameters")
    try:
        trainer.train(settings["training"]["steps"])
    except KeyboardInterrupt:
        language_model.save(folder / FILE)  # half learned, but it can be tried
        raise
    language_model.save(folder / FILE)
    print_comparison(language_model, split)
    print(f"The language model is in {folder / FILE}")


def choose_settings(folder, *, text, config, vocab, steps, resume):
    """The settings of a run: those of the resumed run, or config's, changed by what is given."""
    if resume:
        if config is not None or vocab is not None:
            raise ValueError(f"a resumed run has its own configuration, {folder / CONFIG}: leave "
                             f"--config and --vocab out, or start a new run in another folder")
        config = folder / CONFIG
        if not config.is_file():
            raise FileNotFoundError(f"there is no run in {folder} to resume: it has no {CONFIG}")
    settings = with_settings(SETTINGS, {}) if config is None else read_settings(config, SETTINGS)
    if text is not None:
        settings["text"]["path"] = str(text)
    if vocab == "characters":
        settings["tokenizer"]["kind"] = vocab
    elif vocab is not None:
        settings["tokenizer"] = {"kind": "byte pairs", "vocab_size": vocab}
    if steps is not None:
        settings["training"]["steps"] = steps
    if settings["training"]["steps"] < 1:
        raise ValueError(f"steps is {settings['training']['steps']}, expected at least 1")
    return settings


def print_comparison(language_model, split):
    """A table: bits per character of the model, a trigram model and gzip on both held-out parts."""
    rows = {"this model": [language_model.bits_per_character(part) for part in split[1:]],
            "trigrams of characters": ngram_bits(split, 3),
            "gzip -9, alone": [gzip_bits(part) for part in split[1:]],
            "gzip -9, after the training text": [gzip_bits(part, after=split.train)
                                                 for part in split[1:]]}
    print(f"\n{'bits per character':<34}validation    test")
    for name, (validation, test) in rows.items():
        print(f"{name:<34}{validation:10.3f}{test:8.3f}")
    print()

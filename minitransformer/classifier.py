"""The classifier: an encoder that reads vectors, and says who is speaking or which digit it sees.

The settings were chosen by cross-validation within what may be learned from (ClassData's train and
validation parts). A training run learns from all of that, and sees the test part once, at its end.
"""

import functools
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minitransformer.data.classes import digits, from_patches, japanese_vowels, to_patches
from minitransformer.data.labelled import LabelledStream, make_labelled_batch
from minitransformer.models import EncoderOnly, EncoderOnlyConfig
from minitransformer.shapes import expect_shape
from minitransformer.training.checkpoint import CheckpointError, open_trained
from minitransformer.training.optimizer import AdamW
from minitransformer.training.schedule import linear_decay
from minitransformer.training.trainer import Trainer
from minitransformer.tree import tree_size

WARMUP, CLIP_NORM, LABEL_SMOOTHING = 50, 1.0, 0.1
FILE = "classifier.npz"


def moved_image(patches, rng):
    """Half of the time the image moved by at most one point each way, zeros moving in."""
    if rng.random() < 0.5:
        return patches
    image = np.pad(from_patches(patches), 1)                                  # (R + 2, C + 2)
    (down, right), (rows, columns) = rng.integers(3, size=2), np.array(image.shape) - 2
    return to_patches(image[down:down + rows, right:right + columns])


class Task(NamedTuple):
    """What is learned, and with which settings."""

    load: Callable          # () -> ClassData
    sizes: dict             # of the model
    steps: int
    batch_size: int
    peak: float             # the highest learning rate
    noise: float            # the spread of what is added to each standardized number in training
    change: Callable = lambda features, rng: features  # other features of the same class


TASKS = {
    "vowels": Task(japanese_vowels, {"d_model": 128, "n_heads": 8, "n_layers": 2, "d_ff": 256,
                                     "max_seq_len": 32, "dropout": 0.2, "positions": "learned"},
                   steps=600, batch_size=32, peak=2e-3, noise=0.3),
    "digits": Task(digits, {"d_model": 64, "n_heads": 4, "n_layers": 2, "d_ff": 128,
                            "max_seq_len": 16, "dropout": 0.1, "positions": "learned"},
                   steps=2500, batch_size=32, peak=3e-3, noise=0.0, change=moved_image),
}


class Classifier(NamedTuple):
    """A model, the names of its classes, and the scale on which it reads each feature."""

    model: EncoderOnly
    classes: tuple
    mean: np.ndarray  # (C,) of each feature, over all vectors that were learned from
    std: np.ndarray   # (C,)

    @classmethod
    def untrained(cls, examples, classes, *, seed=0, **sizes):
        """A classifier for examples like these. sizes: further settings of EncoderOnlyConfig."""
        vectors = np.concatenate([features for features, _ in examples])      # (N, C)
        config = EncoderOnlyConfig(n_features=vectors.shape[1], n_classes=len(classes), **sizes)
        return cls(EncoderOnly(config, seed=seed), tuple(classes), np.mean(vectors, axis=0),
                   np.std(vectors, axis=0))

    def standardize(self, features):
        """features (..., C), each less its mean and divided by its spread."""
        return (features - self.mean) / self.std

    def batch(self, examples):
        """A LabelledBatch of examples, standardized."""
        return make_labelled_batch([(self.standardize(features), label)
                                    for features, label in examples])

    def predict(self, examples):
        """The class found for each example (features, anything): (N,)."""
        batch = self.batch(examples)
        return self.model.predict(batch.features, mask=batch.mask)

    def save(self, path):
        """Write the model, the classes and the scale to one file."""
        self.model.save(path, classes=list(self.classes), mean=[float(x) for x in self.mean],
                        std=[float(x) for x in self.std])

    @classmethod
    def load(cls, path):
        """Read what save wrote; path is the file, or the folder that train_classifier wrote it to.

        Raises FileNotFoundError when there is none, CheckpointError when it is something else.
        """
        path, metadata = open_trained(path, FILE, "classifier", words="classes",
                                      keys=("classes", "mean", "std"))
        model = EncoderOnly.load(path)
        try:
            classes = tuple(metadata["classes"])
            mean, std = (np.array(metadata[name], np.float32) for name in ("mean", "std"))
            expect_shape("mean", mean, "C", C=model.config.n_features)
            expect_shape("std", std, "C", C=model.config.n_features)
            if len(classes) != model.config.n_classes or not np.isfinite([mean, std]).all():
                raise ValueError(f"{len(classes)} classes for {model.config.n_classes} scores, or "
                                 f"a scale that is not finite")
        except (TypeError, ValueError) as error:
            raise CheckpointError(f"{path} holds no usable classes and scale ({error}): train the "
                                  f"model again") from error
        return cls(model, classes, mean, std)


def make_trainer(classifier, task, examples, *, steps=None, seed=0, trainer=Trainer, **others):
    """A Trainer for examples with the settings of a Task; steps None for as many as it says.

    trainer: Trainer, or one that is made like it. others: its further keywords, such as run_dir,
    resume and validation.
    """
    def augment(features, rng):
        features = classifier.standardize(task.change(features, rng))         # (T, C)
        noise = rng.normal(0, task.noise, features.shape)                     # (T, C)
        return (features + noise).astype(features.dtype)

    model, steps = classifier.model, task.steps if steps is None else steps
    stream = LabelledStream(examples, batch_size=task.batch_size, seed=seed, augment=augment)
    schedule = functools.partial(linear_decay, peak=task.peak, warmup=min(WARMUP, steps),
                                 steps=steps)
    return trainer(model, AdamW(model.params), stream, seed=seed, schedule=schedule,
                   clip_norm=CLIP_NORM, label_smoothing=LABEL_SMOOTHING, **others)


def train_classifier(folder, *, data, steps=None, seed=0, resume=False, **others):
    """Train a classifier, test it on examples that it has not seen, and leave it in folder.

    data: a key of TASKS. folder receives classifier.npz and what a Trainer writes: checkpoint.npz,
    log.csv, loss.png. steps: None for as many as the task says. others: further keywords of
    make_trainer.
    Raises ValueError for fewer than one step, ModuleNotFoundError where the data are not installed;
    KeyboardInterrupt, like the Trainer, after all of that is written.
    """
    folder, task = Path(folder), TASKS[data]
    steps = task.steps if steps is None else steps
    if steps < 1:
        raise ValueError(f"steps is {steps}, expected at least 1")
    parts = task.load()
    examples = parts.train + parts.validation
    classifier = Classifier.untrained(examples, parts.classes, seed=seed, **task.sizes)
    print(f"{len(examples):,} examples to learn from, {len(parts.test)} to test on; "
          f"{tree_size(classifier.model.params):,} parameters")
    trainer = make_trainer(classifier, task, examples, steps=steps, seed=seed, run_dir=folder,
                           resume=resume, **others)
    try:
        trainer.train(steps)
    except KeyboardInterrupt:
        classifier.save(folder / FILE)  # half learned, but it can be tried
        raise
    classifier.save(folder / FILE)
    found, labels = classifier.predict(parts.test), [label for _, label in parts.test]
    right = int(np.sum(found == labels))
    taken = Counter((parts.classes[label], parts.classes[guess])
                    for guess, label in zip(found, labels) if guess != label)
    for (label, guess), count in taken.most_common(5):
        print(f"  {label} taken for {guess}: {count}")
    print(f"{right} of {len(found)} unseen examples are classified correctly "
          f"({right / len(found):.1%})")
    print(f"The classifier is in {folder / FILE}")

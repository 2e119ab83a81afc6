"""What the models' objects share: parameters, loss, gradients, saving and loading."""

import math
from dataclasses import asdict

import numpy as np

from minitransformer.functional import cross_entropy_backward, cross_entropy_forward
from minitransformer.training.checkpoint import (
    CheckpointError, expect_same_settings, load_arrays, save_arrays, take_tree)
from minitransformer.tree import tree_items, tree_table


class Model:
    """A configuration and its parameters, with the everyday methods: loss, gradients, summary.

    state: what norms remember besides the parameters, a tree; replaced, never changed in place, by
    each loss_and_grads in training. A model gives kind (its name in checkpoints), config_class,
    init, init_state, and logits, gradients and new_state, which the methods here are made of.
    """

    kind = None
    config_class = None

    def __init__(self, config, seed=0, dtype=np.float32):
        if np.dtype(dtype).kind not in "fc":
            raise ValueError(f"dtype is {np.dtype(dtype)}, expected one of real numbers: the "
                             f"weights are such")
        self.config = config
        self.params = self.init(np.random.default_rng(seed), config=config, dtype=dtype)
        self.state = self.init_state(config=config, dtype=dtype)

    @classmethod
    def of(cls, config, params):
        """The model of parameters that are there already: nothing is drawn."""
        model = cls.__new__(cls)
        model.config, model.params = config, params
        dtype = next((x.dtype for _, x in tree_items(params)), np.float32)
        model.state = cls.init_state(config=config, dtype=dtype)
        return model

    @property
    def ignore_index(self):
        """The target that does not count."""
        return self.config.pad_id

    @staticmethod
    def init_state(*, config, dtype):
        """The state of a new model: nothing, unless a norm remembers something."""
        return {}

    def new_state(self, cache):
        """The state that a forward in training has left in its cache."""
        return self.state

    def loss(self, batch):
        """The mean cross-entropy of a batch in nats a counted target, in evaluation: a float."""
        logits, _ = self.logits(batch)                                        # (..., V)
        return float(cross_entropy_forward(logits, targets=batch.targets,
                                           ignore_index=self.ignore_index)[0])

    def loss_and_grads(self, batch, *, label_smoothing=0.0, normalizer=None, dropout_seed=None):
        """(loss as a float, gradients as a tree like params) of a batch.

        normalizer: divide by this many targets instead of the batch's own count (gradient
        accumulation). dropout_seed (seed, step), or None for evaluation.
        """
        logits, cache = self.logits(batch, dropout_seed)                      # (..., V)
        loss, loss_cache = cross_entropy_forward(
            logits, targets=batch.targets, ignore_index=self.ignore_index,
            label_smoothing=label_smoothing, normalizer=normalizer)
        dlogits = cross_entropy_backward(1.0, loss_cache)                     # (..., V)
        del logits, loss_cache  # each as large as dlogits: let backward have their memory
        if dropout_seed is not None:
            self.state = self.new_state(cache)
        return float(loss), self.gradients(dlogits, cache)

    def summary(self):
        """A table of every parameter's name, shape and count, as text."""
        return tree_table(self.params)

    def save(self, path, **others):
        """Write the configuration, the parameters and the state to path: all of it, or nothing.

        others: what else the file's metadata shall hold, such as a tokenizer's to_dict().
        """
        arrays = {**dict(tree_items(self.params, "params")),
                  **dict(tree_items(self.state, "state"))}
        save_arrays(path, arrays, {"model": self.kind, "config": asdict(self.config), **others})

    @classmethod
    def load(cls, path):
        """The model that save, or a Trainer, wrote to path.

        Raises FileNotFoundError when there is none, CheckpointError when it cannot be trusted or
        holds another kind of model.
        """
        arrays, metadata = load_arrays(path)
        expect_same_settings(path, "model", metadata.get("model"), cls.kind)
        try:
            config = cls.config_class(**metadata["config"])
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{path} holds no usable configuration ({error}): it was written "
                                  f"by another version of this package") from error
        dtype = next(iter(arrays.values())).dtype if arrays else np.dtype(np.float32)
        if dtype.kind != "f":
            raise CheckpointError(f"{path} holds weights of type {dtype}, expected real numbers")
        room = _Room(path, sum(array.size for array in arrays.values()))
        model = cls.of(config, cls.init(room, config=config, dtype=dtype))
        model.params = take_tree(path, arrays, "params", model.params)
        model.state = take_tree(path, arrays, "state", model.state)
        return model


class _Room:
    """In the place of a random generator: zeros, no more of them than a file has numbers.

    The parameters will be the file's, so nothing need be drawn; and a configuration that asks for
    terabytes is refused before they are taken. Every layer asks for its matrices first.
    """

    def __init__(self, path, numbers):
        self.path, self.numbers, self.left = path, numbers, numbers

    def normal(self, mean, spread, shape):
        self.left -= math.prod(shape)
        if self.left < 0:
            raise CheckpointError(f"{self.path} has a configuration that asks for more parameters "
                                  f"than the {self.numbers:,} numbers that it holds: it is damaged "
                                  f"or made to mislead, and refused")
        return np.broadcast_to(0.0, shape)

    uniform = normal

"""Places: which of a sequence's tokens a process has, and what a model must know to work on them.

A model's own forward runs on a piece of a sequence when three things are seen to: its tokens stand
at their places in the whole sequence, attention reaches the tokens of the other processes, and
dropout draws what one process would draw.
"""

import functools
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from minitransformer.layers.options import POSITIONS, Pair
from minitransformer.parallel.mean_over_all import mean_over_all_backward, mean_over_all_forward
from minitransformer.parallel.ring_attention import (
    ring_attention_backward, ring_attention_forward)
from minitransformer.shapes import expect_length


class Places(NamedTuple):
    """The places start .. stop - 1 of a sequence of length tokens: those of this process."""

    start: int
    stop: int
    length: int
    comm: Any

    @classmethod
    def of(cls, x, comm):
        """This process's places in x (B, T, ...), the same on all; earlier pieces may be longer."""
        length = x.shape[1]
        each, rest = divmod(length, comm.size)
        start, stop = (rank * each + min(rank, rest) for rank in (comm.rank, comm.rank + 1))
        return cls(start, stop, length, comm)

    def cut(self, x):
        """x (B, T, ...) -> (B, stop - start, ...), a view; None stays None."""
        return None if x is None else x[:, self.start:self.stop]

    def options(self, config, dropout_seed):
        """{"config", "dropout_seed"}: what a model's forward takes of these, for this piece.

        The config is as good as a ModelConfig to all that reads it, and holds, where names stand,
        the entries of options' tables that are meant. Raises ValueError for a sequence longer than
        config.max_seq_len, of which a piece alone would know nothing.
        """
        expect_length(self.length, config.max_seq_len)
        choices = {"positions": self._positions(POSITIONS[config.positions]),
                   "attention": Pair(functools.partial(ring_attention_forward, comm=self.comm),
                                     ring_attention_backward)}
        if getattr(config, "pooling", "none") == "mean":
            choices["pooling"] = Pair(functools.partial(mean_over_all_forward, comm=self.comm),
                                      mean_over_all_backward)
        seed = dropout_seed and (SeedOfPiece(dropout_seed[0], self), *dropout_seed[1:])
        return {"config": SimpleNamespace(**{**vars(config), **choices}), "dropout_seed": seed}

    def _positions(self, positions):
        """The same Positions, counted from the piece's start; on scores, those of the whole."""
        return positions._replace(
            add=lambda params, x, config, start: positions.add(
                params, x, config, self.start + start),
            turn=lambda x, start, **rope: positions.turn(x, self.start + start, **rope),
            on_scores=lambda n_heads, T, S: positions.on_scores(n_heads, self.length, self.length))


class SeedOfPiece(NamedTuple):
    """In the place of a dropout seed: masks are drawn for the whole sequence, and cut."""

    seed: int
    places: Places

    def rng(self, key):
        """The generator of dropout_rng's key, in which this stands for the seed."""
        return GeneratorOfPiece(np.random.default_rng([self.seed, *key[1:]]), self.places)


class GeneratorOfPiece(NamedTuple):
    """The random numbers of a whole sequence, of which it gives those of a process's places.

    All processes draw all numbers. To draw is cheap; to send masks would not be.
    """

    rng: np.random.Generator
    places: Places

    def random(self, shape, dtype):
        """As Generator.random, of shape (B, T, D) with the piece's T."""
        B, _, D = shape
        return self.places.cut(
            self.rng.random((B, self.places.length, D), dtype))               # (B, T, D)

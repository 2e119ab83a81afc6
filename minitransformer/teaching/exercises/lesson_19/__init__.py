"""Exercises of lesson 19: shares of a score, rollout, the logit lens."""

from minitransformer.teaching.exercises.lesson_19 import shares, streams

ITEMS = streams.ITEMS[:1] + shares.ITEMS + streams.ITEMS[1:]

"""Exercises of lesson 11: a step of beam search, what is drawn from, and a step with a cache."""

from minitransformer.teaching.exercises.lesson_11 import cache, draws, search

ITEMS = search.ITEMS + draws.ITEMS + cache.ITEMS

"""Exercises of lesson 10: the optimizer's step, and what a translator's training is made of."""

from minitransformer.teaching.exercises.lesson_10 import batches, steps

ITEMS = steps.ITEMS + batches.ITEMS

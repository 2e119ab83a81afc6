"""Exercises of lesson 06: layer norm, forward and backward."""

from minitransformer.teaching.exercises.lesson_06 import backward, forward

ITEMS = forward.ITEMS + backward.ITEMS

"""Exercises of lesson 05: many heads, from splitting a row to the gradients of the whole layer."""

from minitransformer.teaching.exercises.lesson_05 import backward, forward

ITEMS = (*forward.ITEMS, *backward.ITEMS)

"""Exercises of lesson 23: matrices in parts, a loss in parts, a ring, its price; and trust."""

from minitransformer.teaching.exercises.lesson_23 import matrix_parts, sizes

ITEMS = matrix_parts.ITEMS + sizes.ITEMS

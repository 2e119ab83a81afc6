"""Exercises of lesson 23: matrices in parts, a loss in parts, a ring; and trust."""

from minitransformer.teaching.exercises.lesson_23 import matrix_parts, ring_and_price, sizes

ITEMS = matrix_parts.ITEMS + ring_and_price.ITEMS + sizes.ITEMS

"""Exercises of lesson 21: bytes by formula, sums in parts, attention by tiles."""

from minitransformer.teaching.exercises.lesson_21 import bytes_and_parts, tiles

ITEMS = bytes_and_parts.ITEMS + tiles.ITEMS

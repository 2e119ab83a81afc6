"""Exercises of lesson 07: ReLU, feed-forward, dropout, add and norm, and three broken blocks."""

from minitransformer.teaching.exercises.lesson_07 import block, parts

ITEMS = parts.ITEMS + block.ITEMS

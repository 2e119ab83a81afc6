"""Exercises of lesson 08: the shifted batch, masks, a decoder block, a lost sum, a tied table."""

from minitransformer.teaching.exercises.lesson_08 import batch, block, sums

ITEMS = batch.ITEMS + block.ITEMS + sums.ITEMS

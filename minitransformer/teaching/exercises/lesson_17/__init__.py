"""Exercises of lesson 17."""

from minitransformer.teaching.exercises.lesson_17 import sound, weights

ITEMS = (*weights.ITEMS[:3], *sound.ITEMS, *weights.ITEMS[3:])

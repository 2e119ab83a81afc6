"""Exercises of lesson 15: mean pooling, patches, holes."""

from minitransformer.teaching.exercises.lesson_15 import inputs, pooling

ITEMS = pooling.ITEMS + inputs.ITEMS

"""Exercises of lesson 03: embeddings and positions."""

from minitransformer.teaching.exercises.lesson_03 import embedding, positions

ITEMS = embedding.ITEMS + positions.ITEMS

"""Exercises of lesson 12: byte pairs, windows, the tied table, bits per character."""

from minitransformer.teaching.exercises.lesson_12 import model, pieces

ITEMS = pieces.ITEMS + model.ITEMS

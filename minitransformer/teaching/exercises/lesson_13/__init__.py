"""Exercises of lesson 13: RMS norm and batch norm."""

from minitransformer.teaching.exercises.lesson_13 import columns, rows

ITEMS = rows.ITEMS + columns.ITEMS

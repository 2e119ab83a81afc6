"""Exercises of lesson 09: the directional check, suspects and reports, counting parameters."""

from minitransformer.teaching.exercises.lesson_09 import counting, direction, reports

ITEMS = direction.ITEMS + reports.ITEMS + counting.ITEMS

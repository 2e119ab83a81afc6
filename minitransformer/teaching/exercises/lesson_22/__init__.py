"""Exercises of lesson 22: operations by formula, attention's share, whole numbers, low rank."""

from minitransformer.teaching.exercises.lesson_22 import counting, shrinking

ITEMS = counting.ITEMS + shrinking.ITEMS

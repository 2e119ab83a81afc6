"""Exercises of lesson 17."""

from minitransformer.teaching.exercises.lesson_17 import sound

ITEMS = sound.ITEMS

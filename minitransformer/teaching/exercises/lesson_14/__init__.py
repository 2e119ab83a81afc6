"""Exercises of lesson 14: rotary positions, grouped heads, GELU and SwiGLU."""

from minitransformer.teaching.exercises.lesson_14 import gates, positions_and_heads

ITEMS = positions_and_heads.ITEMS + gates.ITEMS

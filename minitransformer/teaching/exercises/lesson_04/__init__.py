"""Exercises of lesson 04: one head of attention, its masks, and its gradients."""

from minitransformer.teaching.exercises.lesson_04 import backward, forward

ITEMS = forward.ITEMS + backward.ITEMS

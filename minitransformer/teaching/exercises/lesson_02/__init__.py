"""Exercises of lesson 02: softmax and cross-entropy."""

from minitransformer.teaching.exercises.lesson_02 import loss, softmax

ITEMS = softmax.ITEMS + loss.ITEMS

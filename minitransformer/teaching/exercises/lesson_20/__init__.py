"""Exercises of lesson 20: ablation, patching, and the two heads of an induction."""

from minitransformer.teaching.exercises.lesson_20 import changing, inducing

ITEMS = changing.ITEMS + inducing.ITEMS

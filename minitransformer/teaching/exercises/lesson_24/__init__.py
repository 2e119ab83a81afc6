"""Exercises of lesson 24: kinds of sentences, mistakes that say nothing, a mean, a judgement."""

from minitransformer.teaching.exercises.lesson_24 import judging, reading

ITEMS = reading.ITEMS + judging.ITEMS

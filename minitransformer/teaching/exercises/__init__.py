"""The exercises and predictions, one module a lesson, each with a tuple ITEMS."""

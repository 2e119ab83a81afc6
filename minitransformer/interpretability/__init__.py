"""Looking inside a model, by reading its caches and by changing what passes through it."""

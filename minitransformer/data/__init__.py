"""Data: characters to ids, number words, the Python manual, files of pairs, batches."""

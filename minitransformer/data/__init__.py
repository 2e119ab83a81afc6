"""Data: characters and byte pairs to ids, number words, texts, files of pairs, batches."""

"""The sizes of a model small enough to train in a test, and pairs to train it on."""

SIZES = {"d_model": 16, "n_heads": 2, "n_layers": 1, "d_ff": 32, "max_seq_len": 16}


def make_pairs(count=40):
    """Pairs of uneven length: the target is the source reversed."""
    pairs = []
    for i in range(count):
        source = [3 + (i * 7 + j * j) % 9 for j in range(2 + i % 5)]
        pairs.append((source, source[::-1]))
    return pairs

"""Sentences compared by MiniLM's vectors, as text for the command line."""

import json

import numpy as np

from minitransformer.pretrained import load_pretrained


def report(texts, *, query=None, best=10, as_json=False):
    """A table of likeness; with a query, the texts most like it; or, as JSON, the vectors.

    Raises ValueError when there is nothing to compare, or too much for a table.
    """
    if not texts:
        raise ValueError("there is no sentence: give some, or lines on stdin")
    if best < 1:
        raise ValueError(f"--best is {best}, expected at least 1")
    if not as_json and query is None and not 2 <= len(texts) <= 10:
        raise ValueError(f"a table takes 2 to 10 sentences, got {len(texts)}: compare many with "
                         f"one by --query, or print the vectors with --json")
    model = load_pretrained("minilm")
    vectors = model.encode(texts)                                             # (N, D)
    if as_json:
        return json.dumps([[round(float(x), 7) for x in vector] for vector in vectors])
    if query is None:
        return likeness_table(texts, vectors)
    return "\n".join(f"{cosine:5.2f}  {text}" for cosine, text
                     in ranked(texts, vectors @ model.encode([query])[0], best))


def ranked(texts, cosines, best):
    """The best pairs (cosine, text), cosines (N,); of equal ones the first text comes first."""
    order = np.argsort(-cosines, kind="stable")[:best]                        # (best,)
    return [(float(cosines[i]), texts[i]) for i in order]


def likeness_table(texts, vectors):
    """The cosine of each text with each: numbered columns, a row for each text."""
    header = "    " + "".join(f"{i + 1:>7}" for i in range(len(texts)))
    rows = [f"{i + 1:>3} " + "".join(f"{cosine:>7.2f}" for cosine in row) + f"  {text}"
            for i, (text, row) in enumerate(zip(texts, vectors @ vectors.T))]
    return "\n".join([header, *rows])

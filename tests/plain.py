"""The layers once more, head by head and row by row, to compare with: nothing of the package."""

import math

import numpy as np


def plain_project(params, x):
    return np.array([[sum(row[d] * params["w"][d] for d in range(len(row))) + params["b"]
                      for row in rows] for rows in x])


def plain_norm(params, x, eps=1e-5):
    out = np.empty(x.shape)
    for n in np.ndindex(x.shape[:-1]):
        row = x[n]
        mean = sum(row) / len(row)
        variance = sum((value - mean) ** 2 for value in row) / len(row)
        out[n] = params["gain"] * (row - mean) / math.sqrt(variance + eps) + params["bias"]
    return out


def plain_attention(params, x, source, n_heads, allowed):
    """allowed(b, t, s): may query t attend to key s?"""
    q, k, v = (plain_project(params[name], y)
               for name, y in (("q", x), ("k", source), ("v", source)))
    B, T, D = x.shape
    width = D // n_heads
    joined = np.zeros((B, T, D))
    for b, h, t in np.ndindex(B, n_heads, T):
        columns = slice(h * width, (h + 1) * width)
        seen = [s for s in range(source.shape[1]) if allowed(b, t, s)]
        exps = [math.exp(q[b, t, columns] @ k[b, s, columns] / math.sqrt(width)) for s in seen]
        for s, value in zip(seen, exps, strict=True):
            joined[b, t, columns] += value / sum(exps) * v[b, s, columns]
    return plain_project(params["out"], joined)


def plain_feed_forward(params, x):
    hidden = plain_project(params["up"], x)
    return plain_project(params["down"], np.where(hidden > 0, hidden, 0))

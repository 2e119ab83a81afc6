"""Exhibit of lesson 05: heads that are split by reshape alone."""

from minitransformer.functional import attention_backward, attention_forward
from minitransformer.teaching.exercise import call
from minitransformer.teaching.museum import Exhibit


def split_heads_by_reshape(x, n_heads):
    B, T, D = x.shape
    return x.reshape(B, n_heads, T, D // n_heads)                  # (B, H, T, K): no swapaxes


def merge_heads_by_reshape(x):
    B, H, T, K = x.shape
    return x.reshape(B, T, H * K)                                  # (B, T, D): no swapaxes


def heads_by_reshape_forward(q, k, v, *, n_heads, causal=False):
    q, k, v = (split_heads_by_reshape(y, n_heads) for y in (q, k, v))
    heads, cache = attention_forward(q, k, v, causal=causal)       # (B, H, T, K)
    return merge_heads_by_reshape(heads), cache


def heads_by_reshape_backward(dout, cache):
    n_heads = cache.q.shape[1]
    gradients = attention_backward(split_heads_by_reshape(dout, n_heads), cache)
    return tuple(merge_heads_by_reshape(g) for g in gradients)     # (B, T, D) each


EXHIBITS = (
    Exhibit(
        "reshape_heads", "05", "reshape(B, H, T, K): the right shape, the wrong numbers",
        forward=heads_by_reshape_forward,
        backward=heads_by_reshape_backward,
        fault=split_heads_by_reshape,
        inputs=lambda rng: call(*(rng.normal(size=(2, 5, 6)) for _ in range(3)), n_heads=2,
                                causal=True),
        breaks="the text is cut into H pieces, and a token hears nothing outside its own. Merged "
               "by reshape as well, every number is back in its place, and all shapes are right.",
        caught_by=("shuffled tokens",),
        missed_by=("the gradient check", "a check with dout = ones", "a look at the shapes",
                   "a changed future token with small scores", "a falling loss"),
    ),
)

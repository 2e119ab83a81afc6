"""Heads: one wide vector per token, seen as several narrow ones. Each is the other's backward."""

from minitransformer.shapes import expect_shape


def split_heads(x, n_heads):
    """x (B, T, D) -> (B, H, T, K), K = D / H: head h holds columns h K .. (h + 1) K - 1. A view.

    First reshape D to (H, K), then swap T and H. A reshape straight to (B, H, T, K) has the
    right shape and the wrong numbers: it would mix the tokens.
    Raises ValueError when D is not divisible by n_heads.
    """
    expect_shape("x", x, "B T D")
    B, T, D = x.shape
    if n_heads < 1 or D % n_heads:
        raise ValueError(f"d_model {D} is not divisible by n_heads {n_heads}")
    return x.reshape(B, T, n_heads, D // n_heads).swapaxes(1, 2)         # (B, H, T, K)


def merge_heads(x):
    """x (B, H, T, K) -> (B, T, H K): the inverse of split_heads.

    Both only move numbers, and a move's gradient is moved back: the backward of splitting is
    merge_heads(dout), the backward of merging is split_heads(dout, H).
    """
    expect_shape("x", x, "B H T K")
    B, H, T, K = x.shape
    return x.swapaxes(1, 2).reshape(B, T, H * K)                         # (B, T, D)

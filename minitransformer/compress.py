"""A trained model in fewer bytes: whole numbers for weights, fewer heads, thinner matrices.

Plain functions on arrays and on one attention layer's tree; nothing here is trained. Lesson 22
derives each error and measures what it does to a translator.
"""

import math
from typing import NamedTuple

import numpy as np

from minitransformer.shapes import expect_shape
from minitransformer.tree import tree_fill, tree_items, tree_map


class Quantized(NamedTuple):
    codes: np.ndarray  # (D, E) int8, from -(2^(bits - 1) - 1) to the same above 0
    scale: np.ndarray  # (E,): the step of each column
    bits: int          # 2 to 8


def quantize(w, *, bits=8):
    """codes_de = round(w_de / scale_e) with scale_e = max_d |w_de| / (2^(bits - 1) - 1).

    w (D, E) -> Quantized, the scale in w's dtype. Each column has its own step, so that
    x w = (x codes) * scale needs no other weights than the codes. No entry is off by more than
    half a step [quantize.codes]; an entry of x w by about scale / sqrt(12) times the length of x's
    row [quantize.error]. A column of zeros gets the scale 1.
    Raises ValueError for bits outside 2 .. 8, and for weights that are not finite.
    """
    expect_shape("w", w, "D E")
    if bits not in range(2, 9):
        raise ValueError(f"bits is {bits}, expected a whole number from 2 to 8")
    if not np.all(np.isfinite(w)):
        raise ValueError("w holds NaN or infinity: there is no step for it")
    highest = np.max(np.abs(w), axis=0)                        # (E,)
    scale = highest / w.dtype.type(2 ** (bits - 1) - 1)        # (E,)
    scale[scale < np.finfo(w.dtype).tiny] = 1  # of zeros, or of what is too small to be divided
    codes = np.rint(w / scale).astype(np.int8)                 # (D, E)
    return Quantized(codes, scale, bits)


def dequantize(quantized):
    """w_de = codes_de scale_e: Quantized -> w (D, E) in the scale's dtype."""
    return quantized.codes * quantized.scale                   # (D, E)


def pack(quantized):
    """The codes' lowest bits, one code after the other: a uint8 array of size D E bits / 8."""
    bits = np.unpackbits(quantized.codes.view(np.uint8)[..., None], axis=-1)  # (D, E, 8)
    return np.packbits(bits[..., 8 - quantized.bits:])


def unpack(packed, *, shape, bits):
    """The codes (D, E) int8 that pack has packed; shape: (D, E)."""
    low = np.unpackbits(packed, count=math.prod(shape) * bits).reshape(*shape, bits)
    sign = np.repeat(low[..., :1], 8 - bits, axis=-1)          # a negative number begins with 1
    return np.packbits(np.concatenate([sign, low], axis=-1), axis=-1)[..., 0].view(np.int8)


def quantized_bytes(quantized):
    """Bytes of the packed codes and of the scales."""
    return math.ceil(quantized.codes.size * quantized.bits / 8) + quantized.scale.nbytes


def low_rank_factors(w, rank):
    """a (D, rank) and b (rank, E) with a b nearest to w: the largest singular values of w.

    With w = sum_i s_i u_i v_iᵀ, s falling, a holds the columns s_i u_i and b the rows v_iᵀ for
    i < rank; what is left out has the norm sqrt(sum of the other s_i^2) [svd.error].
    Source: Eckart and Young 1936. Raises ValueError for a rank outside 1 .. min(D, E).
    """
    expect_shape("w", w, "D E")
    if not 1 <= rank <= min(w.shape):
        raise ValueError(f"rank is {rank}, but w of shape {w.shape} has ranks 1 to {min(w.shape)}")
    u, s, vt = np.linalg.svd(w, full_matrices=False)           # (D, R), (R,), (R, E)
    return u[:, :rank] * s[:rank], vt[:rank]                   # (D, rank), (rank, E)


def rank_within(shape, share):
    """The largest rank whose two factors of a matrix (D, E) hold at most share D E numbers."""
    D, E = shape
    return int(share * D * E / (D + E))


def silence_heads(params, heads, *, n_heads):
    """One attention layer's tree with zeros in these heads' rows of the output projection.

    out = sum over heads of head_h wo_h + bo, where wo_h are K rows of wo [prune.sum]: with zeros
    there, the head is computed and not heard. params: a tree of multi_head_attention_init.
    Raises ValueError for a head outside 0 .. n_heads - 1.
    """
    rows = _columns_of(params, heads, n_heads)
    silent = tree_map(np.copy, params)
    silent["out"]["w"][rows] = 0                               # (rows, D)
    return silent


def cut_heads(params, heads, *, n_heads):
    """The same without these heads: their columns of wq, wk, wv and rows of wo are gone.

    What is left is a layer of n_heads - len(heads) heads that computes what silence_heads' does.
    The width of a head stays. Raises ValueError for heads that share keys (fewer of k and v).
    """
    kept = np.setdiff1d(np.arange(params["q"]["w"].shape[1]), _columns_of(params, heads, n_heads))
    if params["k"]["w"].shape != params["q"]["w"].shape:
        raise ValueError("these heads share keys and values: one cannot go without the others")
    cut = {name: {key: x[..., kept] for key, x in params[name].items()} for name in "qkv"}
    return {**cut, "out": {**params["out"], "w": params["out"]["w"][kept]}}


def _columns_of(params, heads, n_heads):
    """Which columns of wq, and rows of wo, belong to these heads."""
    if outside := [h for h in heads if not 0 <= h < n_heads]:
        raise ValueError(f"there is no head {outside[0]} among {n_heads}")
    columns = np.arange(params["out"]["w"].shape[0]).reshape(n_heads, -1)    # (H, K)
    return columns[np.unique(np.asarray(heads, int))].reshape(-1)


def is_matrix(name):
    """Whether a parameter of this name, "encoder.blocks.0.feed_forward.up.w", is a weight matrix.

    Tables of embeddings, biases and gains are small or are not multiplied with, and stay.
    """
    return name.endswith(".w")


def with_matrices(params, change):
    """The tree with change(w), of w's shape, in the place of each weight matrix w."""
    return tree_fill(params, {name: change(x) if is_matrix(name) else x
                              for name, x in tree_items(params)})

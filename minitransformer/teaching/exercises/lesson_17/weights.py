"""Lesson 17's exercises on weights: 4-bit numbers, the order of rows, memory and speed."""

import numpy as np

from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, call


def my_dequantize(scale, minimum, packed):
    """packed (N, 16) uint8, scale and minimum (N,) -> (N, 32): a block in each row."""
    low, high = packed & 15, packed >> 4                                    # (N, 16) each
    codes = np.concatenate([low, high], axis=1)                             # (N, 32)
    return scale[:, None] * codes + minimum[:, None]


def blocks(rng):
    for N in (1, 5):
        yield call(rng.uniform(0.1, 2, N), rng.normal(size=N),
                   rng.integers(0, 256, (N, 16), dtype=np.uint8))


def block_mistake(*, codes=lambda low, high: np.concatenate([low, high], axis=1),
                  value=lambda scale, minimum, codes: scale * codes + minimum):
    """my_dequantize with the codes put together, or turned into numbers, otherwise."""
    def dequantize(scale, minimum, packed):
        found = codes(packed & 15, packed >> 4).astype(float)
        return value(scale[:, None], minimum[:, None], found)
    return dequantize


def my_neighbours(K):
    """The order in which a head's K entries stand when i and i + K / 2 are put side by side."""
    half = K // 2
    return [entry for i in range(half) for entry in (i, i + half)]


def my_kv_bytes(T, L, H, G, D):
    """(bytes of the KV cache with G key/value heads, and with as many as query heads)."""
    K = D // H
    return 4 * 2 * L * G * K * T, 4 * 2 * L * D * T


def cache_sizes(rng):
    for H, G, K in ((9, 3, 64), (8, 2, 16), (5, 1, 6)):
        yield call(int(rng.integers(50, 900)), int(rng.integers(3, 30)), H, G, H * K)


def kv_mistake(*, factor=8, wide=None, layers=True, tokens=1):
    """my_kv_bytes with one of its factors wrong."""
    def kv_bytes(T, L, H, G, D):
        K = D // H
        every = factor * (L if layers else 1) * T ** tokens
        return every * (wide(H, G, K, D) if wide else G * K), every * D
    return kv_bytes


ITEMS = (
    Prediction(
        "17.1", "A block of 32 weights is stored as 32 whole numbers from 0 to 15, a scale and a "
        "minimum, these two in float16. How many bits is that for one weight, all told?",
        answer=5.0,
        because="32 x 4 + 16 + 16 = 160 bits for 32 weights. Four for the number, and one more "
                "for its share of scale and minimum.",
    ),
    Exercise(
        "17.2", "a block of 4-bit numbers", 8,
        solution=my_dequantize,
        cases=blocks,
        results=("The weights",),
        mistakes=(
            Mistake(block_mistake(codes=lambda low, high: np.stack([low, high], axis=2).reshape(
                        len(low), 32)),
                    "The two halves of a byte do not stand side by side: the low halves are the "
                    "first 16 numbers, the high ones the last 16."),
            Mistake(block_mistake(codes=lambda low, high: np.concatenate([high, low], axis=1)),
                    "High and low halves are exchanged: the low four bits are the first 16 "
                    "numbers."),
            Mistake(block_mistake(codes=lambda low, high: np.concatenate([low, high * 16], axis=1)),
                    "The high four bits have to be moved down: a byte's high half is worth 0 to "
                    "15 as well (>> 4)."),
            Mistake(block_mistake(value=lambda scale, minimum, codes: scale * (codes + minimum)),
                    "The minimum is added after the scale: scale * code + minimum."),
            Mistake(block_mistake(value=lambda scale, minimum, codes: scale * codes),
                    "The minimum is missing: code 0 is the smallest weight, not zero."),
            Mistake(block_mistake(value=lambda scale, minimum, codes: scale * (codes - 8)),
                    "This is the kind without a minimum, in which code 8 is zero. Here a block "
                    "has a minimum of its own."),
            Mistake(block_mistake(value=lambda scale, minimum, codes: minimum * codes + scale),
                    "Scale and minimum are exchanged."),
        ),
        hints=("First the codes, whole numbers from 0 to 15, (N, 32); then the weights: "
               "scale * code + minimum.",
               "packed & 15 are the low four bits of each byte, packed >> 4 the high four.",
               "np.concatenate([packed & 15, packed >> 4], axis=1), and scale[:, None] to reach "
               "every number of its row."),
    ),
    Exercise(
        "17.3", "side by side", 8,
        solution=my_neighbours,
        cases=lambda rng: [call(2), call(8), call(int(2 * rng.integers(5, 20)))],
        results=("The order",),
        mistakes=(
            Mistake(lambda K: list(range(K)),
                    "Nothing has moved: the entry after 0 has to be K / 2, its partner."),
            Mistake(lambda K: [entry for i in range(K // 2) for entry in (i + K // 2, i)],
                    "The partners are exchanged: i comes before i + K / 2, or the pair would turn "
                    "the other way."),
            Mistake(lambda K: [*range(0, K, 2), *range(1, K, 2)],
                    "This is the way back, from neighbours to halves. Asked is which entries "
                    "stand side by side: 0, K / 2, 1, K / 2 + 1, ..."),
            Mistake(lambda K: [entry for i in range(K // 2) for entry in (i, K - 1 - i)],
                    "The partner of entry i is i + K / 2, not the one that is as far from the "
                    "end."),
        ),
        hints=("Where should entry 0 stand, and which entry belongs beside it?",
               "0, K / 2, 1, K / 2 + 1, 2, ...: two for each i from 0 to K / 2 - 1.",
               "[entry for i in range(K // 2) for entry in (i, i + K // 2)]"),
    ),
    Exercise(
        "17.5", "the bytes of a cache with shared heads", 8,
        solution=my_kv_bytes,
        cases=cache_sizes,
        results=("The bytes with G heads", "The bytes with H heads"),
        mistakes=(
            Mistake(kv_mistake(factor=4),
                    "Keys and values: two arrays in each block."),
            Mistake(kv_mistake(factor=2),
                    "These are numbers, not bytes: four bytes each in float32."),
            Mistake(kv_mistake(layers=False),
                    "Every block has a cache of its own: L of them."),
            Mistake(kv_mistake(wide=lambda H, G, K, D: D),
                    "With G heads a key is G K wide, not D. (The result with the G heads that "
                    "there are comes first.)"),
            Mistake(kv_mistake(wide=lambda H, G, K, D: G * D),
                    "A head is K = D / H wide, not D."),
            Mistake(kv_mistake(wide=lambda H, G, K, D: D // G),
                    "G heads of K = D / H entries each: G D / H, not D / G."),
            Mistake(kv_mistake(tokens=2),
                    "A key and a value for each token, not for each pair of tokens."),
        ),
        hints=("For one token in one block: a key and a value, each G K numbers wide.",
               "K = D / H; a number is four bytes; times L blocks and T tokens.",
               "4 * 2 * L * G * (D // H) * T, and for the second G = H, so that G K = D."),
    ),
    Prediction(
        "17.6", "A model has 0.54 GB of weights. The machine reads 10 GB a second from its memory, "
        "and can multiply much faster than it can read. For each new token every weight is read "
        "once. How many tokens a second, at most?",
        answer=18.5,
        because="10 / 0.54 = 18.5. It hardly matters how fast the machine multiplies.",
    ),
)

"""Exercises 5.1 to 5.4: splitting, merging, and the forward of multi-head attention."""

import numpy as np

from minitransformer.checks.case import randomize
from minitransformer.functional import attention_forward, merge_heads, split_heads
from minitransformer.layers import multi_head_attention_init
from minitransformer.layers.multi_head_attention import MultiHeadAttentionCache
from minitransformer.layers.projection import projection_forward
from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, call


def my_split_heads(x, n_heads):
    """x (B, T, D) -> (B, H, T, K)."""
    B, T, D = x.shape
    return x.reshape(B, T, n_heads, D // n_heads).swapaxes(1, 2)


def my_merge_heads(x):
    """x (B, H, T, K) -> (B, T, D)."""
    B, H, T, K = x.shape
    return x.swapaxes(1, 2).reshape(B, T, H * K)


def my_multi_head_attention_forward(params, x, memory=None, *, n_heads, mask=None, causal=False):
    """params, x (B, T, D), memory (B, S, D) or None -> out (B, T, D), cache."""
    source = x if memory is None else memory                            # (B, S, D)
    q, q_cache = projection_forward(params["q"], x)                     # (B, T, D)
    k, k_cache = projection_forward(params["k"], source)                # (B, S, D)
    v, v_cache = projection_forward(params["v"], source)                # (B, S, D)
    q, k, v = (split_heads(y, n_heads) for y in (q, k, v))              # (B, H, ., K)
    heads, attention_cache = attention_forward(q, k, v, mask=mask, causal=causal)
    out, out_cache = projection_forward(params["out"], merge_heads(heads))
    return out, MultiHeadAttentionCache(q_cache, k_cache, v_cache, attention_cache, out_cache,
                                        memory is not None)


def reshape_split(x, n_heads):
    return x.reshape(x.shape[0], n_heads, x.shape[1], -1)


def reshape_merge(x):
    return x.reshape(x.shape[0], x.shape[2], -1)


def layer_inputs(rng):
    """To a memory, to itself, causal, and masked. The keys have no bias: its gradient is zero."""
    params = randomize(rng, multi_head_attention_init(rng, d_model=12, dtype=np.float64))
    del params["k"]["b"]
    x, memory = rng.normal(size=(2, 5, 12)), rng.normal(size=(2, 7, 12))
    real = np.array([[True] * 7, [True] * 4 + [False] * 3])[:, None, None]
    yield call(params, x, memory, n_heads=3)
    yield call(params, x, None, n_heads=3, causal=True)
    yield call(params, x, memory, n_heads=4, mask=real)


def forward_mistake(*, split=split_heads, merge=merge_heads, project=projection_forward,
                    sources=lambda x, memory: (x, memory, memory), hide=lambda mask, causal: {
                        "mask": mask, "causal": causal}):
    """my_multi_head_attention_forward with one of its steps replaced by a wrong one."""
    def forward(params, x, memory=None, *, n_heads, mask=None, causal=False):
        of_q, of_k, of_v = sources(x, x if memory is None else memory)
        q, q_cache = projection_forward(params["q"], of_q)
        k, k_cache = projection_forward(params["k"], of_k)
        v, v_cache = projection_forward(params["v"], of_v)
        heads, attention_cache = attention_forward(
            *(split(y, n_heads) for y in (q, k, v)), **hide(mask, causal))
        out, out_cache = project(params["out"], merge(heads))
        return out, MultiHeadAttentionCache(q_cache, k_cache, v_cache, attention_cache, out_cache,
                                            memory is not None)
    return forward


ITEMS = (
    Prediction(
        "5.1", "Each token must hand over two random vectors of variance 1, with one row of "
        "weights for both. What is the smallest mean squared error per number?",
        answer=0.5,
        because="What one of the two gains, the other loses: the two errors always add up to at "
                "least 1, so their mean is at least 1/2.",
    ),
    Exercise(
        "5.2", "splitting a row into heads", 8,
        solution=my_split_heads,
        builds="split_heads",
        results=("heads",),
        cases=lambda rng: [call(rng.normal(size=(2, 5, 12)), 3),
                           call(rng.normal(size=(3, 4, 10)), 2)],
        mistakes=(
            Mistake(reshape_split,
                    "The shape is right, the numbers are not: reshape never moves a number. Cut "
                    "the last axis only, to (B, T, H, K), and then exchange the axes T and H."),
            Mistake(lambda x, n_heads: x.reshape(*x.shape[:2], n_heads, -1),
                    "The row is cut rightly. Now exchange the axes T and H."),
            Mistake(lambda x, n_heads: x.reshape(*x.shape[:2], n_heads, -1).swapaxes(0, 1),
                    "These are the axes of a single text. With B in front, T and H are the axes "
                    "1 and 2."),
            Mistake(lambda x, n_heads: x.reshape(*x.shape[:2], -1, n_heads).transpose(0, 3, 1, 2),
                    "Head h holds every H-th column. It should hold K neighbours: reshape to "
                    "(B, T, H, K), with H before K."),
            Mistake(lambda x, n_heads: x.swapaxes(1, 2).reshape(x.shape[0], n_heads, -1,
                                                                x.shape[1]),
                    "The right numbers, but the axes stand as (B, H, K, T): exchange the last "
                    "two."),
            Mistake(lambda x, n_heads: np.array(np.split(x, n_heads, axis=-1)),
                    "The axis of the heads stands first. It belongs behind the batch: "
                    "np.stack(..., axis=1)."),
            Mistake(lambda x, n_heads: x.reshape(*x.shape[:2], n_heads, -1).T,
                    ".T turns round all four axes: swapaxes(1, 2) exchanges T and H alone."),
        ),
        hints=("reshape may cut one axis into two neighbours without harm: D becomes (H, K).",
               "x.reshape(B, T, H, K) has the axes T and H in the wrong order: swapaxes(1, 2).",),
    ),
    Exercise(
        "5.3", "merging the heads", 5,
        solution=my_merge_heads,
        builds="merge_heads",
        results=("merged",),
        cases=lambda rng: [call(rng.normal(size=(2, 3, 5, 4))),
                           call(rng.normal(size=(3, 2, 6, 5)))],
        mistakes=(
            Mistake(reshape_merge,
                    "The shape is right, the numbers are not: before T and D can be formed, the "
                    "axes H and T must be exchanged."),
            Mistake(lambda x: x.reshape(x.shape[0], -1, x.shape[2]).swapaxes(1, 2),
                    "This reshape joins H and K across T, which stands between them: first "
                    "exchange the axes H and T, then reshape."),
            Mistake(lambda x: x.swapaxes(1, 2),
                    "The axes are exchanged. Now join the last two, H and K, with reshape."),
            Mistake(lambda x: x.transpose(0, 2, 3, 1).reshape(x.shape[0], x.shape[2], -1),
                    "Neighbouring columns come from different heads: the axes must stand as "
                    "(B, T, H, K) before the last two are joined."),
            Mistake(lambda x: np.concatenate(list(x.swapaxes(0, 1)), axis=1),
                    "The heads stand below each other, as if the text were H times as long: they "
                    "belong side by side, along the last axis."),
        ),
        hints=("Undo the steps of 5.2 in reversed order.",
               "x.swapaxes(1, 2) has the shape (B, T, H, K); reshape joins its last two axes.",),
    ),
    Exercise(
        "5.4", "the forward of multi-head attention", 15,
        solution=my_multi_head_attention_forward,
        builds="multi_head_attention_forward",
        cases=layer_inputs,
        results=("out", "cache"),
        mistakes=(
            Mistake(forward_mistake(split=reshape_split),
                    "Splitting by reshape alone mixes the tokens: use split_heads."),
            Mistake(forward_mistake(merge=reshape_merge),
                    "Merging by reshape alone mixes the tokens: use merge_heads."),
            Mistake(forward_mistake(split=reshape_split, merge=reshape_merge),
                    "Split and merged by reshape: all shapes are right, and the heads are pieces "
                    "of the text. Use split_heads and merge_heads."),
            Mistake(forward_mistake(split=lambda x, n_heads: split_heads(x, 1)),
                    "This is one wide head: n_heads is not used."),
            Mistake(forward_mistake(sources=lambda x, memory: (x, x, x)),
                    "The memory is not used: keys and values come from it."),
            Mistake(forward_mistake(sources=lambda x, memory: (memory, x, x)),
                    "Turned round: x asks (queries), the memory is asked (keys and values)."),
            Mistake(forward_mistake(sources=lambda x, memory: (memory, memory, memory)),
                    "The queries come from x, memory or not: it is x that asks."),
            Mistake(forward_mistake(sources=lambda x, memory: (x, x, memory)),
                    "Keys and values belong together: both come from the memory."),
            Mistake(forward_mistake(sources=lambda x, memory: (x, memory, x)),
                    "Keys and values belong together: both come from the memory."),
            Mistake(forward_mistake(project=lambda p, x: (x, projection_forward(p, x)[1])),
                    "The output projection is missing: params[\"out\"], after merging."),
            Mistake(forward_mistake(hide=lambda mask, causal: {"mask": mask}),
                    "causal is not handed on to attention_forward."),
            Mistake(forward_mistake(hide=lambda mask, causal: {"causal": causal}),
                    "mask is not handed on to attention_forward."),
        ),
        hints=("source = x if memory is None else memory. Then q from x, k and v from source.",
               "Seven steps: three projections, three times split_heads, attention_forward, "
               "merge_heads, and the projection params[\"out\"].",
               "The cache: MultiHeadAttentionCache(q_cache, k_cache, v_cache, attention_cache, "
               "out_cache, memory is not None)."),
    ),
)

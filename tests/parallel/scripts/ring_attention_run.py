"""On every process: the ring shift and ring attention, against one process and by complex step."""

import tracemalloc
import warnings

import numpy as np

from minitransformer.functional import attention_backward, attention_forward
from minitransformer.gradient_check import assert_gradients
from minitransformer.parallel import (
    ending_together, ring_attention_backward, ring_attention_forward, ring_shift_backward,
    ring_shift_forward, world)
from minitransformer.variants import alibi_bias, blockwise_attention_forward

comm = world()
rank, size = comm.rank, comm.size
rng = np.random.default_rng(3)  # the same draws on all processes
B, H, G, T, K = 2, 6, 3, 7, 4


def cut(x, axis=2, ends=None):
    """This process's piece of a whole array."""
    pieces = np.array_split(x, size, axis) if ends is None else np.split(x, ends, axis)
    return pieces[rank]


def joined(x, axis=2):
    """The whole array of all processes' pieces."""
    return np.concatenate(comm.allgather(x), axis)


def shifts():
    """<P x, y> = <x, Pᵀ y>; there and back is the identity; pieces may differ in their shape."""
    shapes = [(2 + r, 3) for r in range(size)]
    xs = [rng.normal(size=shape) for shape in shapes]
    ys = [rng.normal(size=shapes[r - 1]) for r in range(size)]
    y, cache = ring_shift_forward(xs[rank], shape=shapes[rank - 1], comm=comm)
    assert np.array_equal(y, xs[rank - 1])
    dx = ring_shift_backward(ys[rank], cache)
    assert np.array_equal(dx, ys[(rank + 1) % size])
    left, right = (comm.allreduce(float(np.sum(a * b))) for a, b in ((y, ys[rank]), (xs[rank], dx)))
    assert abs(left - right) < 1e-12
    assert np.array_equal(ring_shift_backward(y, cache), xs[rank])
    turned, _ = ring_shift_forward(1j * xs[0].T[::2], comm=comm)  # not contiguous, complex
    assert np.array_equal(turned, 1j * xs[0].T[::2])

    def forward(x):
        y, cache = ring_shift_forward(cut(x, 1), comm=comm)
        return joined(y, 1), cache

    def backward(dout, cache):
        return joined(ring_shift_backward(cut(dout, 1), cache), 1)

    assert_gradients(forward, backward, rng.normal(size=(3, 2 * size)))


def whole_ring(ends=None, key_ends=None, mask=None, **options):
    """The pair as a function of whole arrays: cut, ring attention, joined."""
    def forward(q, k, v):
        own_mask = None if mask is None else cut(mask, 3, key_ends)
        out, cache = ring_attention_forward(
            cut(q, ends=ends), cut(k, ends=key_ends), cut(v, ends=key_ends), mask=own_mask,
            comm=comm, **options)
        return joined(out), cache

    def backward(dout, cache):
        return tuple(joined(x) for x in ring_attention_backward(cut(dout, ends=ends), cache))

    return forward, backward


def padding(S, without=None):
    """(B, 1, 1, S): each sequence of another length; one of them may have no token at all."""
    lengths = np.array([S - 2, 0 if without else S])
    return (np.arange(S) < lengths[:, None])[:, None, None]


def bias(t, t_end, s, s_end):
    return alibi_bias(H, T, T, slice(t, t_end), slice(s, s_end))


CASES = {  # options of the ring; queries, keys; where they are cut
    "nothing": ({}, T, T, None, None),
    "causal": ({"causal": True}, T, T, None, None),
    "causal, small tiles": ({"causal": True, "block_size": 2}, 4 * size + 1, 4 * size + 1,
                            None, None),
    "padding": ({"mask": padding(T)}, T, T, None, None),
    "causal, padding, bias": ({"causal": True, "mask": padding(T), "score_bias": bias}, T, T,
                              None, None),
    "an empty sequence": ({"mask": padding(T, without=True)}, T, T, None, None),
    "more keys than queries": ({"mask": padding(2 * T)}, T, 2 * T, None, None),
    "fewer keys than processes": ({}, T, 1, None, None),
    "fewer queries than processes": ({}, 1, T, None, None),
    "causal, fewer tokens than processes": ({"causal": True}, 1, 1, None, None),
    "pieces of any length": ({"causal": True, "mask": padding(T)}, T, T,
                             *2 * ([5, 5, 6, 7][:size - 1],)),
}


def against_one_process(name, options, queries, keys, ends, key_ends):
    sizes = (B, H, queries, K), (B, G, keys, K), (B, G, keys, K)
    q, k, v = (rng.normal(size=shape) for shape in sizes)
    dout = rng.normal(size=q.shape)
    plain = {x: y for x, y in options.items() if x != "block_size"}
    if "score_bias" in plain:
        plain["score_bias"] = plain["score_bias"](0, queries, 0, keys)
    expected, plain_cache = attention_forward(q, k, v, **plain)
    forward, backward = whole_ring(ends, key_ends, **options)
    for array in (q, k, v, dout):
        array.setflags(write=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out, cache = forward(q, k, v)
        gradients = backward(dout, cache)
    for what, mine, other in zip(("out", "dq", "dk", "dv"), (out, *gradients),
                                 (expected, *attention_backward(dout, plain_cache)), strict=True):
        assert np.abs(mine - other).max() < 1e-13, (name, what, np.abs(mine - other).max())
    again = backward(dout, cache)
    assert all(np.array_equal(x, y) for x, y in zip(gradients, again)), name
    log_total = joined(cache.log_total)
    _, blockwise = blockwise_attention_forward(q, k, v, **plain)
    finite = np.isfinite(blockwise.log_total)
    assert np.array_equal(finite, np.isfinite(log_total)), name
    gap = np.abs(log_total[finite] - blockwise.log_total[finite]).max()
    assert gap < 1e-13, (name, gap)
    out32, cache32 = forward(*(x.astype(np.float32) for x in (q, k, v)))
    kinds = {x.dtype for x in (out32, *backward(dout.astype(np.float32), cache32))}
    assert kinds == {np.dtype(np.float32)} and np.abs(out32 - out).max() < 1e-5, name
    return q, k, v, forward, backward


def scores_far_apart():
    """The highest score stands in any piece; what is left behind must vanish, not overflow."""
    for order in range(4):
        scores = np.roll([4000.0, -300, 10, 200], order)
        v = np.roll(np.arange(4.0), order).reshape(1, 1, 4, 1)
        forward, _ = whole_ring()
        out, _ = forward(np.ones((1, 1, 4, 1)), scores.reshape(1, 1, 4, 1), v)
        assert np.array_equal(out, np.zeros((1, 1, 4, 1)))


def no_later_key_changes_an_earlier_output():
    q, k, v = rng.normal(size=(3, B, H, 9, K))
    forward, _ = whole_ring(causal=True)
    before, _ = forward(q, k, v)
    k[:, :, 4:], v[:, :, 4:] = 1e6, -1e6
    assert np.array_equal(forward(q, k, v)[0][:, :, :4], before[:, :, :4])


def memory_grows_with_the_length():
    """A process's peak grows with T, not with its square: a small part of one array of scores."""
    peaks = []
    for length in (512, 1024):
        q, k, v, dout = (cut(x) for x in rng.normal(size=(4, 1, 2, length, 8)).astype(np.float32))
        tracemalloc.start()
        _, cache = ring_attention_forward(q, k, v, comm=comm, causal=True, block_size=64)
        ring_attention_backward(dout, cache)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    peaks = np.array(comm.allgather(peaks)).max(axis=0)
    assert peaks[1] < 2.2 * peaks[0], peaks
    assert peaks[1] < 0.3 * 4 * 2 * 1024 * 1024 / size, peaks
    return peaks[1]


def refusals():
    q, k, v = rng.normal(size=(3, B, H, 3, K))
    for error, words, changes in [
            (ValueError, "v has shape", {"v": v[:, :, :2]}),
            (ValueError, "k has shape", {"k": k[..., :3]}),
            (ValueError, "6 query heads cannot share 4", {"k": k[:, :4], "v": v[:, :4]}),
            (ValueError, "no process has a key", {"k": k[:, :, :0], "v": v[:, :, :0]}),
            (ValueError, "(B, H, G, K) are (2, 6, 6, 4), (1, 6, 6, 4)",
             {"q": q[:2 - rank], "k": k[:2 - rank], "v": v[:2 - rank]} if rank < 2 else {}),
            (ValueError, "queries and keys at the same places, but their numbers on the processes "
             "are (2,", {"q": q[:, :, :2 + (rank > 0)], "causal": True}),
            (TypeError, "score_bias must be a function", {"score_bias": np.zeros((3, 3 * size))}),
            (TypeError, "mask must be boolean", {"mask": np.ones((B, 1, 1, 3))}),
            (ValueError, "mask has shape", {"mask": np.ones((B, 1, 3, 3), bool)}),
            (ValueError, "block_size is 0", {"block_size": 0})]:
        if "(B, H, G, K)" in words and size == 1:
            continue
        given = {"q": q, "k": k, "v": v, "comm": comm, **changes}
        try:
            ring_attention_forward(given.pop("q"), given.pop("k"), given.pop("v"), **given)
        except error as found:
            assert words in str(found), found
        else:
            raise AssertionError(f"accepted: {words}")


with ending_together(comm):
    shifts()
    for name, case in CASES.items():
        q, k, v, forward, backward = against_one_process(name, *case)
        assert_gradients(forward, backward, q, k, v, method="directional")
        if name == "causal, padding, bias":
            assert_gradients(forward, backward, q, k, v, max_coordinates=64)
    scores_far_apart()
    no_later_key_changes_an_earlier_output()
    peak = memory_grows_with_the_length()
    refusals()
    comm.Barrier()  # all have come so far
    if rank == 0:
        print(f"peak of a process at T = 1024: {peak / 2**20:.2f} MiB, one array of scores "
              f"{4 * 2 * 1024 * 1024 / 2**20:.0f} MiB", flush=True)
        print("ok", flush=True)

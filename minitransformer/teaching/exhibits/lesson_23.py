"""Exhibits of lesson 23: a mean of means, a bias and a sum taken too often, an open ring.

Each is one function from outside: whole arrays go in and come out, size processes work inside.
"""

import numpy as np

from minitransformer.functional import (
    cross_entropy_backward, cross_entropy_forward, linear_backward, linear_forward)
from minitransformer.parallel.collectives import sum_over_all_forward, total
from minitransformer.parallel.ring_attention import ring_attention_forward
from minitransformer.parallel.ring_shift import ring_shift_backward
from minitransformer.teaching.exercise import call
from minitransformer.teaching.museum import Exhibit
from minitransformer.teaching.thread_processes import together
from minitransformer.variants import BlockwiseAttentionCache, blockwise_attention_backward


def mean_of_means_forward(logits, *, targets, size):
    def work(comm):
        mine = range(comm.rank, len(logits), size)                     # its texts of the batch
        loss, cache = cross_entropy_forward(logits[mine], targets=targets[mine], ignore_index=0)
        return total(loss, comm) / size, cache                         # each by its own count

    losses, caches = zip(*together(size, work))
    return losses[0], (caches, np.shape(logits))


def mean_of_means_backward(dout, cache):
    caches, shape = cache
    dlogits = np.empty(shape)                                          # (B, T, V)
    for rank, own in enumerate(caches):
        dlogits[rank::len(caches)] = cross_entropy_backward(dout / len(caches), own)
    return dlogits


def forward_with_bias_in_each_part(x, w, b, *, size):
    def work(comm):
        rows = np.array_split(np.arange(len(w)), size)[comm.rank]
        part, cache = linear_forward(x[:, rows], w[rows], b)           # b, on every process
        return sum_over_all_forward(part, comm=comm)[0], cache

    outs, caches = zip(*together(size, work))
    return outs[0], caches


def backward_of_the_parts(dout, caches):
    """Right for b after the sum: dout (B, E) -> dx (B, D), dw (D, E), db (E,)."""
    parts = [linear_backward(dout, cache) for cache in caches]
    return (np.concatenate([dx for dx, _, _ in parts], axis=1),
            np.concatenate([dw for _, dw, _ in parts]), parts[0][2])


def forward_with_bias_after_the_sum(x, w, b, *, size):
    """What is right: x (B, D), w (D, E), b (E,) -> x w + b (B, E), the caches of the parts."""
    out, caches = forward_with_bias_in_each_part(x, w, np.zeros_like(b), size=size)
    return out + b, caches


def backward_that_sums_again(dout, caches):
    def work(comm):
        dpart = total(dout, comm)                                      # dout is whole already
        dx, dw, _ = linear_backward(dpart, caches[comm.rank])
        return dx, dw

    dxs, dws = zip(*together(len(caches), work))
    return np.concatenate(dxs, axis=1), np.concatenate(dws), np.sum(dout, axis=0)


def ring_forward(q, k, v, *, size):
    """Right: q, k, v (B, H, T, K) in pieces of size processes -> out (B, H, T, K), their caches."""
    def work(comm):
        mine = (np.array_split(x, size, axis=2)[comm.rank] for x in (q, k, v))
        return ring_attention_forward(*mine, comm=comm, causal=True)

    outs, caches = zip(*together(size, work))
    return np.concatenate(outs, axis=2), caches


def backward_that_leaves_gradients(dout, caches):
    def work(comm):
        q, held, out, log_total, meetings = caches[comm.rank]
        mine = np.array_split(dout, comm.size, axis=2)[comm.rank]
        dq, dheld = np.zeros_like(q), np.zeros_like(held)
        for shift, tiles in reversed(meetings):
            if tiles is not None:
                meeting = BlockwiseAttentionCache(q, *held, out, log_total, tiles)
                dq_part, *dheld_part = blockwise_attention_backward(mine, meeting)
                dq, dheld = dq + dq_part, dheld + dheld_part
            if shift is not None:
                held = ring_shift_backward(held, shift)
                dheld = np.zeros_like(held)                            # the gradients stay behind
        return dq, *dheld

    return tuple(np.concatenate(parts, axis=2) for parts in zip(*together(len(caches), work)))


def uneven_texts(rng):
    """Two processes' texts, with 0 for padding: five real tokens and two."""
    return call(rng.normal(size=(2, 5, 4)), targets=np.array([[1, 3, 2, 1, 3], [2, 3, 0, 0, 0]]),
                size=2)


def split_linear(rng):
    return call(rng.normal(size=(3, 6)), rng.normal(size=(6, 4)), rng.normal(size=4), size=2)


def short_text(rng):
    return call(*rng.normal(size=(3, 2, 1, 6, 4)), size=3)


EXHIBITS = (
    Exhibit(
        "mean_of_means", "23", "a mean of means",
        forward=mean_of_means_forward,
        backward=mean_of_means_backward,
        fault=mean_of_means_forward,
        inputs=uneven_texts,
        breaks="a token's share in the loss depends on how many others its process has. Where all "
               "have equally many, nothing is wrong.",
        caught_by=("one process's gradients",),
        missed_by=("the gradient check", "a check with dout = ones", "a look at the shapes",
                   "a falling loss"),
    ),
    Exhibit(
        "bias_in_each_part", "23", "a bias that every process adds",
        forward=forward_with_bias_in_each_part,
        backward=backward_of_the_parts,
        fault=forward_with_bias_in_each_part,
        inputs=split_linear,
        breaks="the sum over N processes holds the bias N times. Training makes the bias N times "
               "smaller; only a model that was trained on another number of processes is wrong.",
        caught_by=("the gradient check", "a check with dout = ones", "one process's gradients"),
        missed_by=("a look at the shapes", "a falling loss"),
    ),
    Exhibit(
        "summed_twice", "23", "a gradient that is summed once more",
        forward=forward_with_bias_after_the_sum,
        backward=backward_that_sums_again,
        fault=backward_that_sums_again,
        inputs=split_linear,
        breaks="the gradients of x and w are N times too large, that of b is right. Adam, which "
               "divides a gradient by its own size, makes nearly the same steps.",
        caught_by=("the gradient check", "a check with dout = ones", "one process's gradients"),
        missed_by=("a look at the shapes", "a falling loss"),
    ),
    Exhibit(
        "gradients_left_behind", "23", "gradients that do not come home",
        forward=ring_forward,
        backward=backward_that_leaves_gradients,
        fault=backward_that_leaves_gradients,
        inputs=short_text,
        breaks="each process keeps what its own queries say of its own keys and values; what the "
               "others found is lost. dq is right; in a causal model so are dk and dv of the last "
               "piece.",
        caught_by=("the gradient check", "a check with dout = ones", "one process's gradients"),
        missed_by=("a look at the shapes", "a falling loss"),
    ),
)

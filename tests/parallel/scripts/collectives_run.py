"""On every process: the two collectives against what they stand for, and by complex step."""

import numpy as np

from minitransformer.functional import linear_backward, linear_forward, relu_backward, relu_forward
from minitransformer.gradient_check import assert_gradients
from minitransformer.parallel import (
    copy_to_all_backward, copy_to_all_forward, ending_together, sum_over_all_backward,
    sum_over_all_forward, world)

comm = world()
rank, size = comm.rank, comm.size
rng = np.random.default_rng(3)  # the same draws on all processes


def transposes():
    """<copy x, y> = <x, sum y> over the long vectors: each is the other's transpose."""
    x, ys = rng.normal(size=(3, 5)), rng.normal(size=(size, 3, 5))
    copied, copy_cache = copy_to_all_forward(x, comm=comm)
    summed, sum_cache = sum_over_all_forward(ys[rank], comm=comm)
    assert np.allclose(summed, ys.sum(axis=0), rtol=1e-14)
    left = comm.allreduce(float(np.sum(copied * ys[rank])))
    assert abs(left - np.sum(x * summed)) < 1e-12
    assert np.array_equal(copy_to_all_backward(ys[rank], copy_cache), summed)
    assert np.array_equal(sum_over_all_backward(x, sum_cache), x)
    turned, _ = sum_over_all_forward(1j * ys[rank], comm=comm)
    assert turned.dtype == complex and np.allclose(turned, 1j * summed)
    assert sum_over_all_forward(np.float32(2.5), comm=comm)[0] == 2.5 * size
    strided, _ = sum_over_all_forward(ys[rank].T[::2], comm=comm)
    assert np.array_equal(strided, summed.T[::2])


def two_layers(x, w_in, w_out):
    """y = relu(x w_in) w_out, the inner width split: an input and an output as one process's."""
    mine = slice(rank * w_in.shape[1] // size, (rank + 1) * w_in.shape[1] // size)
    x, c1 = copy_to_all_forward(x, comm=comm)
    hidden, c2 = linear_forward(x, w_in[:, mine])
    hidden, c3 = relu_forward(hidden)
    part, c4 = linear_forward(hidden, w_out[mine])
    y, c5 = sum_over_all_forward(part, comm=comm)
    return y, (c1, c2, c3, c4, c5)


def two_layers_backward(dout, cache):
    c1, c2, c3, c4, c5 = cache
    dhidden, dw_out, _ = linear_backward(sum_over_all_backward(dout, c5), c4)
    dx, dw_in, _ = linear_backward(relu_backward(dhidden, c3), c2)
    dx = copy_to_all_backward(dx, c1)
    return dx, np.concatenate(comm.allgather(dw_in), axis=1), np.concatenate(comm.allgather(dw_out))


with ending_together(comm):
    transposes()
    assert_gradients(two_layers, two_layers_backward, rng.normal(size=(3, 5)),
                     rng.normal(size=(5, 8)), rng.normal(size=(8, 7)))
    comm.Barrier()  # all have come so far
    if comm.rank == 0:
        print("ok", flush=True)

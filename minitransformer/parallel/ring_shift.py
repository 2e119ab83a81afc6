"""The ring shift, a pair: every process hands its array to the next one, the last to the first."""

from typing import Any, NamedTuple

import numpy as np


class RingShiftCache(NamedTuple):
    shape: tuple  # of what was sent
    comm: Any


def ring_shift_forward(x, *, comm, shape=None):
    """y_r = x_{r-1}, and y_0 = x_{N-1}: sends to the next process, receives from the one before.

    x (...), each process's own -> y (shape), cache. shape: of what arrives, where the processes'
    arrays differ in it; None: that of x. The type is the same on all.
    """
    y = _passed_on(x, 1, x.shape if shape is None else shape, comm)         # (shape)
    return y, RingShiftCache(x.shape, comm)


# All processes' arrays behind one another are one long vector, and the forward is a matrix of
# N x N blocks with one I in each row and in each column: a permutation P, here for N = 3
#     (y_0; y_1; y_2) = P (x_0; x_1; x_2),    P = (0 0 I; I 0 0; 0 I 0)
# Row r has its I in column r - 1, so the transpose has in row r an I in column r + 1:
#     dx_r = dy_{r+1}
# the shift the other way round. It also undoes the shift, Pᵀ P = I, as of every permutation.
def ring_shift_backward(dout, cache):
    """dout (...), of y's shape -> dx (...), of x's shape; both each process's own."""
    return _passed_on(dout, -1, cache.shape, cache.comm)                    # (...) [ring_shift.dx]


def _passed_on(x, by, shape, comm):
    """The array, of this shape, of the process that stands `by` places before this one."""
    arrived = np.empty(shape, x.dtype)                                      # (shape)
    comm.Sendrecv(np.ascontiguousarray(x), (comm.rank + by) % comm.size,
                  recvbuf=arrived, source=(comm.rank - by) % comm.size)
    return arrived

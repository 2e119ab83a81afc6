"""Collectives: what all processes compute together, as pairs.

Two are enough, each the other's backward: copy_to_all and sum_over_all, MPI's Allreduce (f and g in
Shoeybi et al. 2019, section 3). All processes' arrays, behind one another, are one long vector, and
a collective a matrix of blocks, each 0 or the identity I: backward multiplies by its transpose.

One agreement decides what a gradient means. An array that is the same on all processes is one
array, and stands for one number of the model each, however many copies of it there are; its
gradient is again the same on all. An array that belongs to a process alone has a gradient of its
own. `copy_to_all` leads from the first kind to the second, `sum_over_all` back.
"""

import sys
from typing import Any, NamedTuple

import numpy as np


def total(x, comm):
    """The sum of all processes' x (...), on every process: no pair, only the operation."""
    return _reduced(x, comm, "SUM")


def largest(x, comm):
    """The largest of all processes' x (...), real, entry by entry, on every process."""
    return _reduced(x, comm, "MAX")


def _reduced(x, comm, name):
    x = np.asarray(x, order="C")                                # (...)
    out = np.empty_like(x)                                      # (...)
    # SUM and MAX stand in the module of the communicator: MPI, or a stand-in such as threads.
    comm.Allreduce(x, out, op=getattr(sys.modules[type(comm).__module__], name))
    return out


class CopyToAllCache(NamedTuple):
    comm: Any


def copy_to_all_forward(x, *, comm):
    """y_r = x for each process r: from one array to N of them, each for a process's own work.

    x (...), the same on all -> y (...), cache. Nothing is sent: every process has x already.
    """
    return x, CopyToAllCache(comm)


# All copies behind one another are one long vector, so the forward is a column of N identities:
#     (y_0; ...; y_{N-1}) = (I; ...; I) x            and its transpose a row of them:
#     dx = (I ... I) (dy_0; ...; dy_{N-1}) = sum_r dy_r
# Process r knows only its own dy_r, how its own work depends on x. The row is sum_over_all's
# forward: x was used N times, and what is used several times adds its gradients.
def copy_to_all_backward(dout, cache):
    """dout (...), each process's own -> dx (...), the same on all."""
    return total(dout, cache.comm)                              # (...) [copy_to_all.dx]


class SumOverAllCache(NamedTuple):
    comm: Any


def sum_over_all_forward(x, *, comm):
    """y = sum_r x_r, on every process.

    x (...), each process's own, of one shape -> y (...), the same on all, cache.
    """
    return total(x, comm), SumOverAllCache(comm)                # (...)


# The row of N identities, and its transpose the column:
#     y = (I ... I) (x_0; ...; x_{N-1}),    (dx_0; ...; dx_{N-1}) = (I; ...; I) dy
# Every summand goes into y with the factor 1, so each gets dy as it is: copy_to_all's forward.
# To sum dy here would count it N times: y is one array, though each process has a copy.
def sum_over_all_backward(dout, cache):
    """dout (...), the same on all -> dx (...), each process's own."""
    return dout                                                 # (...) [sum_over_all.dx]

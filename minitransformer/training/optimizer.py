"""Optimizers: SGD with momentum and AdamW; and clipping by the global norm.

An optimizer holds the parameter tree and changes its arrays in place. Its own memory (momentum,
moments) is trees of the same build, so that a checkpoint stores them like parameters.
A frozen array (tree.freeze) has no memory here; its gradient is None, and it is left alone.
"""

import math

import numpy as np

from minitransformer.shapes import expect_same_shape
from minitransformer.tree import pieces, tree_items, tree_map, tree_norm


class SGD:
    """Stochastic gradient descent. For each array w with gradient g:

        velocity = momentum * velocity + g        (zero before the first step)
        w = w - lr * velocity

    Source: Polyak 1964, in PyTorch's form: the learning rate stands outside the velocity.
    Raises ValueError for lr < 0 or a momentum outside [0, 1).
    """

    def __init__(self, params, *, lr, momentum=0.0):
        _expect_settings(lr=lr, fractions={"momentum": momentum})
        self.params, self.lr, self.momentum = params, lr, momentum
        self.velocity = tree_map(_memory, params) if momentum else None

    def __repr__(self):
        return f"SGD(lr={self.lr}, momentum={self.momentum})"

    def step(self, grads, lr=None):
        """Change the parameters in place. grads is built like them; lr replaces the own lr once."""
        lr = self.lr if lr is None else lr
        _expect_gradients(self.params, grads)

        def plain(w, g):
            if g is not None:
                w -= lr * g

        def with_momentum(w, g, velocity):
            if g is not None:
                velocity *= self.momentum
                velocity += g
                w -= lr * velocity

        if self.momentum:
            tree_map(with_momentum, self.params, grads, self.velocity)
        else:
            tree_map(plain, self.params, grads)

    def state(self):
        """Everything the optimizer remembers, as a tree of its own arrays (copy to keep them)."""
        return {"velocity": self.velocity}

    def load_state(self, tree):
        """Continue from what state() gave. Raises ValueError when the build or a shape differs."""
        _copy_into(self.state(), tree)


class AdamW:
    """Adam with decoupled weight decay. For each array w with gradient g, at step t = 1, 2, ...

        m = beta1 m + (1 - beta1) g               the running mean of the gradients
        v = beta2 v + (1 - beta2) g^2             the running mean of their squares
        m_hat = m / (1 - beta1^t)                 both start at zero, so early means are too small
        v_hat = v / (1 - beta2^t)                 by exactly these factors: the bias correction
        w = w - lr (m_hat / (sqrt(v_hat) + eps) + weight_decay w)

    Sources: Kingma and Ba 2015, algorithm 1; the decay, which m and v never see, Loshchilov and
    Hutter 2019, algorithm 2 (lr multiplies it too, as in PyTorch). The decay acts on arrays with
    two or more axes only: matrices and tables shrink, gains and biases do not.
    Raises ValueError for lr < 0, weight_decay < 0, eps <= 0 or a beta outside [0, 1).
    """

    def __init__(self, params, *, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        _expect_settings(lr=lr, weight_decay=weight_decay,
                         fractions={"betas[0]": betas[0], "betas[1]": betas[1]})
        if not eps > 0:
            raise ValueError(f"eps is {eps}, expected a small positive number such as 1e-8")
        self.params, self.lr, self.betas = params, lr, tuple(betas)
        self.eps, self.weight_decay = eps, weight_decay
        self.steps = np.zeros((), np.int64)           # t, an array so that a checkpoint holds it
        self.first = tree_map(_memory, params)        # m of every array that learns
        self.second = tree_map(_memory, params)       # v of every array that learns

    def __repr__(self):
        return (f"AdamW(lr={self.lr}, betas={self.betas}, eps={self.eps}, "
                f"weight_decay={self.weight_decay})")

    def step(self, grads, lr=None):
        """Change the parameters in place. grads is built like them; lr replaces the own lr once."""
        lr = self.lr if lr is None else lr
        _expect_gradients(self.params, grads)
        self.steps += 1
        beta1, beta2 = self.betas
        correction1 = 1 - beta1 ** int(self.steps)
        correction2 = 1 - beta2 ** int(self.steps)
        # With both corrections taken out of the arrays, and n = sqrt(correction2):
        #     lr m_hat / (sqrt(v_hat) + eps) = (lr n / correction1) m / (sqrt(v) + eps n)
        lr_t = lr * math.sqrt(correction2) / correction1
        eps_t = self.eps * math.sqrt(correction2)

        def update(w, g, m, v):  # four arrays of one shape, and scratch as large for what passes
            scratch = np.empty_like(m)
            m *= beta1
            m += np.multiply(g, 1 - beta1, out=scratch)
            v *= beta2
            v += np.multiply(np.square(g, out=scratch), 1 - beta2, out=scratch)
            if self.weight_decay and w.ndim >= 2:
                w *= 1 - lr * self.weight_decay
            root = np.sqrt(v, out=scratch)
            root += eps_t
            change = np.divide(m, root, out=scratch)
            change *= lr_t
            w -= change

        # Each line above is a pass over its arrays. Run over pieces that the cache holds, all of
        # them take 0.8 of the time at 11 million parameters, and half of it at 160 million.
        def update_in_pieces(w, g, m, v):
            if g is not None:
                for piece in pieces(w, g, m, v):
                    update(*piece)

        tree_map(update_in_pieces, self.params, grads, self.first, self.second)

    def state(self):
        """Everything the optimizer remembers, as a tree of its own arrays (copy to keep them)."""
        return {"steps": self.steps, "first": self.first, "second": self.second}

    def load_state(self, tree):
        """Continue from what state() gave. Raises ValueError when the build or a shape differs."""
        _copy_into(self.state(), tree)


def clip_by_global_norm(grads, max_norm):
    """Shrink a gradient that is longer than max_norm to that length: (grads, norm before).

    norm = sqrt(sum of all squares, over all arrays); where norm > max_norm every array is
    multiplied by max_norm / norm, so the direction stays. A shorter gradient comes back as it is.
    Source: Pascanu, Mikolov and Bengio 2013, algorithm 1. Raises ValueError for max_norm <= 0.
    """
    if not max_norm > 0:
        raise ValueError(f"max_norm is {max_norm}, expected a positive number")
    norm = tree_norm(grads)
    if norm > max_norm and math.isfinite(norm):
        shrink = max_norm / norm
        grads = tree_map(lambda g: g * shrink, grads)
    return grads, norm


def _expect_settings(*, lr, fractions, weight_decay=0.0):
    if not lr >= 0:
        raise ValueError(f"lr is {lr}, expected 0 or more")
    if not weight_decay >= 0:
        raise ValueError(f"weight_decay is {weight_decay}, expected 0 or more")
    for name, value in fractions.items():
        if not 0 <= value < 1:
            raise ValueError(f"{name} is {value}, expected at least 0 and less than 1")


def _memory(x):
    """What an optimizer remembers of an array at first: zeros, or nothing of a frozen one."""
    return np.zeros_like(x) if x.flags.writeable else None


def _expect_gradients(params, grads):
    """Before the first array changes: grads has the build and the shapes of params."""
    names = iter([name for name, _ in tree_items(params)])

    def expect(w, g):
        name = next(names)
        if g is not None and not w.flags.writeable:
            raise ValueError(f"{name!r} is frozen, but it has a gradient: freeze a projection or a "
                             f"norm as a whole, or thaw the array and make the optimizer anew")
        if g is not None:
            expect_same_shape(f"the gradient of {name!r}", g, "the parameter", w)

    tree_map(expect, params, grads)


def _copy_into(target, source):
    tree_map(lambda mine, given: expect_same_shape("the given state", given, "the optimizer's",
                                                   mine), target, source)
    tree_map(np.copyto, target, source)

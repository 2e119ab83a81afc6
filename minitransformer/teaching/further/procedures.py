"""Further exercises 0.F, 9.F and 10.F: procedures, judged by what must be true of their results.

What they work on are objects that know the right answer, and that do only what the task allows.
"""

import numpy as np

from minitransformer.functional import cross_entropy_backward, cross_entropy_forward
from minitransformer.teaching.exercise import call
from minitransformer.teaching.further.task import Further

PAD = 0


class Polynomial:
    """A function of a real number that answers only so often, and knows its own derivative."""

    def __init__(self, coefficients, calls):
        self.polynomial = np.polynomial.Polynomial(coefficients)
        self.calls = calls

    def __call__(self, x):
        if isinstance(x, complex) or np.iscomplexobj(x):
            raise TypeError("this function takes real numbers only")
        if self.calls == 0:
            raise RuntimeError("this function has been asked often enough: four times are allowed")
        self.calls -= 1
        return float(self.polynomial(x))


def exact_slope(f, x, h):
    """The derivative of a Polynomial."""
    return float(f.polynomial.deriv()(x))


def slope_cases(rng):
    for h in (0.5, 0.25, 1.0):  # the term of order 4 is there, so that the h² error is felt
        coefficients = rng.uniform(0.5, 1.5, size=5) * rng.choice([-1, 1], size=5)
        yield call(Polynomial(coefficients, calls=4), float(rng.uniform(0.5, 1.5)), h)


class Gradient:
    """The gradient of 1/2 xᵀ A x + 1/4 sum of c x^4, to be asked once. It takes complex arrays."""

    def __init__(self, matrix, quartic):
        self.matrix, self.quartic, self.calls = matrix, quartic, 1

    def __call__(self, x):
        if self.calls == 0:
            raise RuntimeError("the gradient has been asked a second time: once is allowed")
        self.calls -= 1
        return self.matrix @ x + self.quartic * x ** 3


def exact_hessian_product(gradient, x, v):
    """The second derivatives of Gradient's function, times v."""
    return (gradient.matrix + np.diag(3 * gradient.quartic * x ** 2)) @ v


def hessian_cases(rng):
    for n in (3, 5):
        matrix = rng.normal(size=(n, n))
        yield call(Gradient(matrix + matrix.T, rng.normal(size=n)), *rng.normal(size=(2, n)))


class SmallMachine:
    """Loss and gradient of a bigram model, for batches of at most three rows.

    machine(batch), with batch = (ids (B, T), targets (B, T)), gives the mean loss over the targets
    that are not PAD = 0, and {"w": its gradient (V, V)}.
    """

    rows = 3

    def __init__(self, w):
        self.w = w  # (V, V)

    def __call__(self, batch):
        if len(batch[0]) > self.rows:
            raise MemoryError(f"this machine holds {self.rows} rows, not {len(batch[0])}")
        return self.compute(*batch)

    def compute(self, ids, targets):
        """ids, targets of any one shape -> loss, {"w": gradient}."""
        loss, cache = cross_entropy_forward(self.w[ids], targets=targets, ignore_index=PAD)
        dlogits = cross_entropy_backward(1.0, cache)                         # (..., V)
        dw = np.zeros_like(self.w)                                           # (V, V)
        np.add.at(dw, ids, dlogits)
        return float(loss), {"w": dw}


def all_at_once(machine, batches):
    """Loss and gradient over all targets of all batches, on a machine that holds them."""
    ids, targets = (np.concatenate([part.reshape(-1) for part in parts]) for parts in zip(*batches))
    return machine.compute(ids, targets)


def accumulation_cases(rng):
    for sizes in (((3, 4), (1, 6), (2, 3)), ((2, 5), (2, 5))):
        batches = []
        for at, size in enumerate(sizes):
            ids, targets = rng.integers(1, 6, size=(2, *size))
            targets[:, size[1] - 1 - at % 2:] = PAD      # sentences end early, in each batch
            targets[0, 1 + at:] = PAD                    # and one of them earlier
            batches.append((ids, targets))
        yield call(SmallMachine(rng.normal(size=(6, 6))), batches)


PROCEDURES = (
    Further("0.F", "a derivative of the fourth order", 15, exact_slope, (), (),
            ("The derivative",), slope_cases, tolerance=1e-11),
    Further("9.F", "second derivatives times a vector, from one gradient", 15,
            exact_hessian_product, (), (), ("The product",), hessian_cases, tolerance=1e-12),
    Further("10.F", "a large batch on a small machine", 15, all_at_once, (), (),
            ("loss", "grads"), accumulation_cases, tolerance=1e-11),
)

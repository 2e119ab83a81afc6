"""Exercises 23.1 to 23.3: a mean over processes, two products in parts, a loss in parts."""

import numpy as np

from minitransformer.gradient_check import check_gradients
from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, call


def my_split_backward(dout, x, w, v):
    """Back through y = sum_r relu(x w_r) v_r: w and v are lists, a part for each process.

    dout (B, E), x (B, D), w_r (D, F_r), v_r (F_r, E) -> dw and dv, lists like w and v, dx (B, D).
    """
    dxs, dw, dv = [], [], []
    for w_r, v_r in zip(w, v):                                       # each on its own process
        hidden = x @ w_r                                             # (B, F_r)
        active = np.maximum(hidden, 0)                               # (B, F_r)
        dv.append(active.T @ dout)                                   # (F_r, E)
        dhidden = (dout @ v_r.T) * (hidden > 0)                      # (B, F_r)
        dw.append(x.T @ dhidden)                                     # (D, F_r)
        dxs.append(dhidden @ w_r.T)                                  # (B, D)
    return dw, dv, sum(dxs)                                          # the one sum over all


def split_mistake(*, dx=None, douts=None, gate=True, active=True):
    """my_split_backward with dx(list of parts), the dout of each process, or ReLU made otherwise.
    """
    def backward(dout, x, w, v):
        dout = douts(dout, len(w)) if douts else dout
        dxs, dw, dv = [], [], []
        for w_r, v_r in zip(w, v):
            hidden = x @ w_r
            dhidden = dout @ v_r.T * ((hidden > 0) if gate else 1)
            dv.append((np.maximum(hidden, 0) if active else hidden).T @ dout)
            dw.append(x.T @ dhidden)
            dxs.append(dhidden @ w_r.T)
        return dw, dv, (dx or sum)(dxs)
    return backward


def split_cases(rng):
    for B, D, E, widths in ((3, 5, 7, (2, 4)), (4, 2, 6, (3, 5, 3))):
        yield call(rng.normal(size=(B, E)), rng.normal(size=(B, D)),
                   [rng.normal(size=(D, F)) for F in widths],
                   [rng.normal(size=(F, E)) for F in widths])


def split_proof(answer):
    """The answer, whole, against the complex step."""
    def forward(w, v, x):
        y = sum((x @ w_r * ((x @ w_r).real > 0)) @ v_r for w_r, v_r in zip(w, v))
        return y, (x, w, v)

    (_, x, w, v), _ = next(split_cases(np.random.default_rng(1)))
    report = check_gradients(forward, lambda dout, cache: answer(dout, *cache), w, v, x)
    return f"It agrees with the complex step to {report.worst.error:.0e}."


def my_message(part, first, target, highest):
    """What a process tells the others of its scores part (V_r,), the first of them of id first.

    -> the sum of exp(score - highest), and the target's score - highest, or 0 for another's target.
    """
    shifted = part - highest                                         # (V_r,)
    place = target - first
    mine = 0 <= place < len(part)
    return np.sum(np.exp(shifted)), shifted[place] if mine else 0.0


def message_mistake(*, top=lambda part, highest: highest, target_top=None, otherwise=0.0,
                    place=lambda target, first: target - first, total=np.sum):
    """my_message with another maximum, another place, or another value where there is no target."""
    def message(part, first, target, highest):
        shifted = part - top(part, highest)
        at = place(target, first)
        own = part - target_top(part, highest) if target_top else shifted
        inside = 0 <= target - first < len(part)
        with np.errstate(all="ignore"):
            return total(np.exp(shifted)), own[at] if inside else otherwise
    return message


def wrapped_message(part, first, target, highest):
    """No look at whose the target is: a negative place counts from the end."""
    shifted = part - highest
    return np.sum(np.exp(shifted)), shifted[(target - first) % len(part)]


def message_cases(rng):
    for first, target in ((0, 2), (5, 3), (5, 7), (9, 3)):
        part = 3 * rng.normal(size=5)
        yield call(part, first, target, float(part.max() + rng.uniform(0.5, 2)))
    yield call(900 + rng.normal(size=4), 4, 6, 903.0)                # exp alone would overflow


ITEMS = (
    Prediction(
        "23.1", "Process 0 has three tokens with a loss of 1 each, process 1 has a single one with "
        "a loss of 5. Each takes its mean, and the two means are averaged. How many times the mean "
        "of all four tokens is that?",
        answer=1.5,
        because="The means are 1 and 5, their average is 3. All four losses add up to 8, so the "
                "mean is 2. The one token of process 1 counts as much as the three of process 0.",
    ),
    Exercise(
        "23.2", "the way back through two products in parts", 12,
        solution=my_split_backward,
        results=("dw", "dv", "dx"),
        cases=split_cases,
        proof=split_proof,
        mistakes=(
            Mistake(split_mistake(dx=lambda dxs: dxs[0]),
                    "dx is what process 0's columns say of x. x is used on every process: their "
                    "parts add."),
            Mistake(split_mistake(dx=lambda dxs: dxs[-1]),
                    "dx is what the last process's columns say of x. x is used on every process: "
                    "their parts add."),
            Mistake(split_mistake(dx=lambda dxs: sum(dxs) / len(dxs)),
                    "dx was averaged. What is used several times adds its gradients: a sum."),
            Mistake(split_mistake(douts=lambda dout, n: dout * n),
                    "dout was summed over the processes. It is one array, whole and the same on "
                    "all: each summand gets it as it is."),
            Mistake(split_mistake(douts=lambda dout, n: dout / n),
                    "dout was divided among the processes. Every summand goes into y with the "
                    "factor 1, so each gets all of dout."),
            Mistake(split_mistake(gate=False),
                    "ReLU's own backward is missing: where hidden is not above 0, nothing comes "
                    "back."),
            Mistake(split_mistake(active=False),
                    "dv is made of what was multiplied by v: relu(x w), not x w."),
        ),
        hints=("Each process goes back through its own relu(x w_r) v_r, as lesson 07 did, with the "
               "whole dout. What is left to do for dx?",
               "hidden = x @ w_r; dv_r = relu(hidden).T @ dout; dhidden = dout @ v_r.T where "
               "hidden > 0.",
               "dw_r = x.T @ dhidden, and dx is the sum of dhidden @ w_r.T over all processes."),
    ),
    Exercise(
        "23.3", "what a process tells of its scores", 8,
        solution=my_message,
        results=("The sum of exponentials", "The target's part"),
        cases=message_cases,
        mistakes=(
            Mistake(message_mistake(top=lambda part, highest: np.max(part)),
                    "The process's own maximum was subtracted. The sums of two processes can be "
                    "added only when both are measured against the same number: highest."),
            Mistake(message_mistake(top=lambda part, highest: 0.0,
                                    target_top=lambda part, highest: highest),
                    "highest was not subtracted in the exponent: exp overflows above 709."),
            Mistake(message_mistake(target_top=lambda part, highest: 0.0),
                    "The target's score has to be measured against highest as well, since the "
                    "logarithm of the sum is."),
            Mistake(wrapped_message,
                    "Where the target is another process's, a wrong score was told: a place below "
                    "0 counts from the end. Look whether the place lies in part, and if not, tell "
                    "0."),
            Mistake(message_mistake(otherwise=-np.inf),
                    "The parts of all processes are added: who has no target says 0."),
            Mistake(message_mistake(total=lambda x: np.log(np.sum(x))),
                    "The logarithm comes after the sum over all processes."),
            Mistake(message_mistake(total=np.mean),
                    "This is a mean. Told is the sum."),
        ),
        hints=("shifted = part - highest. Which two numbers of it do the others need?",
               "The target's place in part is target - first. It is this process's only if "
               "0 <= place < len(part).",
               "np.sum(np.exp(shifted)), and shifted[place] or 0.0"),
    ),
)

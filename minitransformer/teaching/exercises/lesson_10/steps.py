"""Lesson 10's exercises on the step: Adam with decay, the learning rate, clipping."""

import math

import numpy as np

from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, call
from minitransformer.training.optimizer import AdamW


def my_adam_step(w, g, m, v, *, step, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
    """One step of Adam for one array: w, m and v after it, as new arrays of w's shape."""
    beta1, beta2 = betas
    m = beta1 * m + (1 - beta1) * g                                # the running mean
    v = beta2 * v + (1 - beta2) * g**2                             # and that of the squares
    m_hat = m / (1 - beta1**step)
    v_hat = v / (1 - beta2**step)
    return w - lr * (m_hat / (np.sqrt(v_hat) + eps) + weight_decay * w), m, v


def my_learning_rate(step, *, peak, warmup, steps):
    """Up in a straight line to peak at step warmup, down in one to 0 at step steps + 1."""
    return peak * min(step / warmup, (steps + 1 - step) / (steps + 1 - warmup))


def my_clip(grads, max_norm):
    """grads: a dict of arrays -> the clipped gradients, a dict like it, and the norm before."""
    norm = math.sqrt(sum(np.sum(g**2) for g in grads.values()))
    shrink = min(1.0, max_norm / norm)
    return {name: g * shrink for name, g in grads.items()}, norm


def adam_inputs(rng):
    """The first step; a later one; with decay; in float32."""
    w, g, m = rng.normal(size=(3, 4, 3))
    v = rng.random((4, 3))
    nothing = np.zeros((4, 3))
    yield call(w, g, nothing, nothing, step=1, lr=0.01)
    yield call(w, 0.001 * g, m, 0.01 * v, step=7, lr=0.1, betas=(0.8, 0.98), eps=1e-3)
    yield call(w, g, m, v, step=3, lr=0.1, weight_decay=0.3)
    yield call(*(x.astype(np.float32) for x in (w, g, m, v)), step=3, lr=0.1, weight_decay=0.3)


def adam_mistake(*, mean=lambda m, g, beta: beta * m + (1 - beta) * g,
                 square=lambda v, g, beta: beta * v + (1 - beta) * g**2,
                 correct=lambda m, v, powers: (m / (1 - powers[0]), v / (1 - powers[1])),
                 change=lambda m, v, eps: m / (np.sqrt(v) + eps), count=lambda step: step,
                 move=lambda w, change, lr, decay: w - lr * (change + decay * w), l2=False,
                 keep=lambda m, v, m_hat, v_hat: (m, v)):
    """my_adam_step with one of its steps replaced by a wrong one."""
    def adam_step(w, g, m, v, *, step, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        if l2:
            g, weight_decay = g + weight_decay * w, 0.0
        m, v = mean(m, g, betas[0]), square(v, g, betas[1])
        with np.errstate(all="ignore"):
            m_hat, v_hat = correct(m, v, [beta ** count(step) for beta in betas])
            w = move(w, change(m_hat, v_hat, eps), lr, weight_decay)
        return w, *keep(m, v, m_hat, v_hat)
    return adam_step


def same_as_the_package(answer):
    """Twenty steps on a matrix beside AdamW, and how far apart they end."""
    rng = np.random.default_rng(0)
    mine = rng.normal(size=(3, 4))
    params = {"w": mine.copy()}
    optimizer = AdamW(params, lr=0.05, weight_decay=0.1)
    m = v = np.zeros((3, 4))
    for step in range(1, 21):
        g = rng.normal(size=(3, 4))
        optimizer.step({"w": g})
        mine, m, v = answer(mine, g, m, v, step=step, lr=0.05, weight_decay=0.1)
    apart = np.max(np.abs(mine - params["w"]))
    return f"After twenty steps it is {apart:.0e} away from the package's AdamW."


def rate_mistake(up=lambda step, warmup, steps: step / warmup,
                 down=lambda step, warmup, steps: (steps + 1 - step) / (steps + 1 - warmup),
                 join=min):
    def learning_rate(step, *, peak, warmup, steps):
        return peak * join(up(step, warmup, steps), down(step, warmup, steps))
    return learning_rate


def rate_inputs(rng):
    return [call(step, peak=peak, warmup=warmup, steps=steps) for step, peak, warmup, steps in (
        (1, 0.002, 100, 1000), (60, 0.002, 100, 1000), (100, 0.002, 100, 1000),
        (101, 0.002, 100, 1000), (1000, 0.002, 100, 1000), (7, 0.5, 3, 12),
        (int(rng.integers(60, 200)), float(rng.uniform(0.1, 1)), 50, 300))]


def gradients(rng, size):
    return {"w": size * rng.normal(size=(3, 4)), "b": size * rng.normal(size=4)}


def clip_mistake(norm=lambda grads: math.sqrt(sum(np.sum(g**2) for g in grads.values())),
                 shrink=lambda norm, max_norm: min(1.0, max_norm / norm), after=False):
    def clip(grads, max_norm):
        length = norm(grads)
        clipped = {name: g * shrink(length, max_norm) for name, g in grads.items()}
        return clipped, norm(clipped) if after else length
    return clip


def clip_each(grads, max_norm):
    norms = {name: np.linalg.norm(g) for name, g in grads.items()}
    clipped = {name: g * min(1.0, max_norm / norms[name]) for name, g in grads.items()}
    return clipped, math.sqrt(sum(norm**2 for norm in norms.values()))


def clip_values(grads, max_norm):
    return ({name: np.clip(g, -max_norm, max_norm) for name, g in grads.items()},
            my_clip(grads, max_norm)[1])


ITEMS = (
    Prediction(
        "10.1", "All gradients of a training are multiplied by 1000, in every step. By how many "
        "times do the steps of Adam become longer?",
        answer=1,
        because="m_hat and the root of v_hat are both 1000 times as large, and their quotient is "
                "what it was. (The eps beside the root counts even less than before.)",
    ),
    Exercise(
        "10.2", "Adam's step, with decay", 12,
        solution=my_adam_step,
        cases=adam_inputs,
        results=("w", "m", "v"),
        proof=same_as_the_package,
        mistakes=(
            Mistake(adam_mistake(keep=lambda m, v, m_hat, v_hat: (m_hat, v_hat)),
                    "Return m and v as they are before the correction: the next step goes on "
                    "from them."),
            Mistake(adam_mistake(correct=lambda m, v, powers: (m, v)),
                    "The bias correction is missing: divide m by 1 - beta1**step, and v by "
                    "1 - beta2**step."),
            Mistake(adam_mistake(correct=lambda m, v, powers: (m / (1 - powers[0]), v)),
                    "v needs the bias correction as well, with beta2."),
            Mistake(adam_mistake(correct=lambda m, v, powers: (m, v / (1 - powers[1]))),
                    "m needs the bias correction as well, with beta1."),
            Mistake(adam_mistake(count=lambda step: step + 1),
                    "The first step is step 1, and its power is beta**1: step, not step + 1."),
            Mistake(adam_mistake(count=lambda step: 1),
                    "The correction is 1 - beta**step: it grows towards 1 from step to step."),
            Mistake(adam_mistake(mean=lambda m, g, beta: beta * m + g),
                    "The new gradient enters the running mean with the factor 1 - beta1."),
            Mistake(adam_mistake(mean=lambda m, g, beta: (1 - beta) * m + beta * g),
                    "The factors are exchanged: beta stands at the old mean, 1 - beta at the new "
                    "gradient."),
            Mistake(adam_mistake(square=lambda v, g, beta: beta * v + (1 - beta) * g),
                    "v is the running mean of the squares: g**2."),
            Mistake(adam_mistake(square=lambda v, g, beta: beta * v + g**2),
                    "The new square enters the running mean with the factor 1 - beta2."),
            Mistake(adam_mistake(change=lambda m, v, eps: m / (v + eps)),
                    "Divide by the root of v_hat: v_hat itself has the size of a square."),
            Mistake(adam_mistake(change=lambda m, v, eps: m / np.sqrt(v + eps)),
                    "eps stands beside the root, not inside."),
            Mistake(adam_mistake(change=lambda m, v, eps: m / np.sqrt(v)),
                    "eps is missing: add it to the root."),
            Mistake(adam_mistake(l2=True),
                    "The decay must not go through the moments: leave g as it is, and subtract "
                    "lr * weight_decay * w at the end."),
            Mistake(adam_mistake(move=lambda w, change, lr, decay: w - lr * change),
                    "The decay is missing: subtract lr * weight_decay * w as well."),
            Mistake(adam_mistake(move=lambda w, change, lr, decay: w - lr * change - decay * w),
                    "The decay is multiplied by lr too."),
            Mistake(adam_mistake(move=lambda w, change, lr, decay: w + lr * (change + decay * w)),
                    "The step goes against the gradient: a minus."),
        ),
        hints=("beta1, beta2 = betas. First the two running means, from the old m and v.",
               "m_hat = m / (1 - beta1**step), and the same for v. They are used in this step and "
               "forgotten.",
               "w - lr * (m_hat / (np.sqrt(v_hat) + eps) + weight_decay * w)."),
    ),
    Exercise(
        "10.3", "warm-up and decay", 6,
        solution=my_learning_rate,
        cases=rate_inputs,
        results=("lr",),
        mistakes=(
            Mistake(rate_mistake(join=max),
                    "Of the two lines the lower one counts: min."),
            Mistake(rate_mistake(join=lambda up, down: up * down),
                    "Of the two lines the lower one counts, not their product."),
            Mistake(rate_mistake(up=lambda step, warmup, steps: (step - 1) / warmup),
                    "The first step is step 1 and should move: step / warmup."),
            Mistake(rate_mistake(down=lambda step, warmup, steps: (steps - step) / (
                        steps - warmup)),
                    "The last step, too, should move: the line reaches 0 at step steps + 1."),
            Mistake(rate_mistake(down=lambda step, warmup, steps: (steps + 1 - step) / steps),
                    "The falling line must begin at peak, at step warmup: divide by "
                    "steps + 1 - warmup."),
            Mistake(rate_mistake(down=lambda step, warmup, steps: 1.0),
                    "After the warm-up the rate should fall again."),
            Mistake(rate_mistake(up=lambda step, warmup, steps: 1.0),
                    "There is no warm-up: where step is below warmup, step / warmup counts."),
            Mistake(lambda step, *, peak, warmup, steps: my_learning_rate(
                        step, peak=1, warmup=warmup, steps=steps),
                    "Multiply by peak: this is the share of it."),
        ),
        hints=("The rising line through (0, 0) and (warmup, peak) is peak * step / warmup.",
               "The falling line through (warmup, peak) and (steps + 1, 0) is peak times "
               "(steps + 1 - step) / (steps + 1 - warmup).",
               "peak * min(first, second)."),
    ),
    Exercise(
        "10.4", "clipping by the global norm", 8,
        solution=my_clip,
        cases=lambda rng: [call(gradients(rng, 5.0), 1.0), call(gradients(rng, 0.1), 1.0),
                           call(gradients(rng, 1.0), 2.5)],
        results=("clipped", "norm"),
        mistakes=(
            Mistake(clip_each,
                    "Each array was clipped by its own norm, which turns the step: take one norm "
                    "of all arrays together, and one factor."),
            Mistake(clip_values,
                    "This clips each number by itself, which turns the step: multiply all arrays "
                    "by one factor."),
            Mistake(clip_mistake(shrink=lambda norm, max_norm: max_norm / norm),
                    "A gradient that is shorter than max_norm stays as it is: the factor is never "
                    "above 1."),
            Mistake(clip_mistake(norm=lambda grads: sum(np.linalg.norm(g)
                                                        for g in grads.values())),
                    "Norms do not add: add the squares of all numbers, then take one root."),
            Mistake(clip_mistake(norm=lambda grads: sum(np.sum(g**2) for g in grads.values())),
                    "The root is missing: the norm is the root of the sum of the squares."),
            Mistake(clip_mistake(norm=lambda grads: max(np.max(np.abs(g))
                                                        for g in grads.values())),
                    "This is the largest entry: the norm is the root of the sum of all squares."),
            Mistake(clip_mistake(shrink=lambda norm, max_norm: 1 / norm if norm > max_norm
                                 else 1.0),
                    "A long gradient gets the length max_norm, not 1."),
            Mistake(clip_mistake(after=True),
                    "Return the norm before the clipping: after it, it says little."),
        ),
        hints=("norm**2 is the sum over all arrays of np.sum(g**2).",
               "One factor for all: min(1, max_norm / norm).",
               "Return a new dict, {name: g * factor for name, g in grads.items()}, and norm."),
    ),
)

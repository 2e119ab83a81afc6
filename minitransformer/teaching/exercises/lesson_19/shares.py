"""Lesson 19's exercises on integrated gradients: with a pencil, and as a function."""

import numpy as np

from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, call


def my_pencil_shares():
    """f = u p on the way from (1, 0) to (3, 2): u = 1 + 2 s, p = 2 s."""
    a_u = 2.0 * 1.0      # (3 - 1) times the mean of df/du = p = 2 s, which is 1
    a_p = 2.0 * 2.0      # (2 - 0) times the mean of df/dp = u = 1 + 2 s, which is 2
    return np.array([a_u, a_p])


def my_integrated_gradients(gradient, x, baseline, steps):
    """x, baseline (T, D) -> each token's share (T,), with the midpoints of `steps` pieces."""
    total = np.zeros_like(x)                                      # (T, D)
    for i in range(steps):
        s = (i + 0.5) / steps
        total += gradient(baseline + s * (x - baseline))          # (T, D)
    return np.sum((x - baseline) * total / steps, axis=1)         # (T,)


def mistake(*, points=lambda n: (np.arange(n) + 0.5) / n, path=lambda b, away, s: b + s * away,
            times=lambda x, b: x - b, mean=True, axis=1):
    """my_integrated_gradients with one of its steps replaced by a wrong one."""
    def integrated_gradients(gradient, x, baseline, steps):
        total = sum(gradient(path(baseline, x - baseline, s)) for s in points(steps))
        return np.sum(times(x, baseline) * total / (steps if mean else 1), axis=axis)
    return integrated_gradients


def without_the_sum(gradient, x, baseline, steps):
    total = sum(gradient(baseline + (i + 0.5) / steps * (x - baseline)) for i in range(steps))
    return (x - baseline) * total / steps


def at_the_end(gradient, x, baseline, steps):
    return np.sum((x - baseline) * gradient(x), axis=1)


def curved(rng):
    """Gradients of scores that are curved, and mix their tokens."""
    for T, D, steps in ((4, 3, 5), (3, 5, 8)):
        mix, x, baseline = rng.normal(size=(T, T)), rng.normal(size=(T, D)), rng.normal(size=(T, D))

        def gradient(z, mix=mix):  # of sum(tanh(mix @ z))
            return mix.T @ (1 - np.tanh(mix @ z) ** 2)

        yield call(gradient, x, baseline, steps)


ITEMS = (
    Exercise(
        "19.2", "shares of a product, with a pencil", 5,
        solution=my_pencil_shares,
        mistakes=(
            Mistake(lambda: np.array([4.0, 2.0]), "The two have changed places: u's share first."),
            Mistake(lambda: np.array([6.0, 6.0]),
                    "This is gradient times input at the end, (3, 2). It adds up to 12, and the "
                    "score has changed by 6."),
            Mistake(lambda: np.array([4.0, 6.0]),
                    "This is the gradient at the end times the distance. The gradient changes on "
                    "the way: take its mean."),
            Mistake(lambda: np.array([0.0, 2.0]),
                    "This is the gradient at the start times the distance. The gradient changes on "
                    "the way: take its mean."),
            Mistake(lambda: np.array([3.0, 4.0]),
                    "The means are right. Multiply u's by the distance 3 - 1, not by 3."),
            Mistake(lambda: np.array([3.0, 3.0]),
                    "This starts from (0, 0). The baseline is (1, 0)."),
            Mistake(lambda: np.array([1.0, 2.0]),
                    "These are the means of the gradients. Each must be multiplied by the distance "
                    "that its token has gone, 2."),
        ),
        hints=("On the way u = 1 + 2 s and p = 2 s. What is df/du there, and df/dp?",
               "df/du = p = 2 s, with the mean 1 over s from 0 to 1; df/dp = u = 1 + 2 s.",
               "Mean times distance: 1 times (3 - 1), and 2 times (2 - 0). The sum must be "
               "f(3, 2) - f(1, 0) = 6."),
    ),
    Exercise(
        "19.3", "integrated gradients", 10,
        solution=my_integrated_gradients,
        cases=curved,
        results=("shares",),
        mistakes=(
            Mistake(at_the_end, "This uses the gradient at x alone. Take its mean over points on "
                                "the way from the baseline."),
            Mistake(mistake(times=lambda x, b: x),
                    "The mean gradient is right. It belongs to the step x - baseline, not to x."),
            Mistake(mistake(mean=False), "Divide by the number of steps: the mean, not the sum."),
            Mistake(mistake(points=lambda n: np.arange(n) / n),
                    "These are the left ends of the pieces. The midpoints are (i + 0.5) / steps."),
            Mistake(mistake(points=lambda n: (np.arange(n) + 1) / n),
                    "These are the right ends of the pieces. The midpoints are (i + 0.5) / steps."),
            Mistake(mistake(path=lambda b, away, s: s * away),
                    "The way begins at the baseline: baseline + s * (x - baseline)."),
            Mistake(mistake(path=lambda b, away, s: s * (b + away)),
                    "This goes from zero to x. The way begins at the baseline."),
            Mistake(mistake(times=lambda x, b: b - x), "The sign is wrong: x - baseline."),
            Mistake(mistake(axis=0), "This adds up the tokens. Add up the D numbers of each."),
            Mistake(without_the_sum,
                    "Right up to the last step: a token's share is the sum over its D numbers."),
        ),
        hints=("For i in range(steps): the point s = (i + 0.5) / steps of the way.",
               "total += gradient(baseline + s * (x - baseline)), and then total / steps is the "
               "mean gradient.",
               "np.sum((x - baseline) * total / steps, axis=1)"),
    ),
    Prediction(
        "19.4", "Five encoders, trained alike from five seeds, always name the letter behind the "
        "mark. In each, which token do the heads of the last block look at most, in the mean over "
        "heads and queries?",
        answer="it depends on the seed",
        choices=("the letter, in all five", "the mark, in all five", "it depends on the seed"),
        because="Training asks for right answers, and there are several ways to them. In one model "
                "the last block looks at the letter itself. In another it looks at the mark, which "
                "has fetched the letter in the block before. Nobody chose.",
    ),
)

"""Lesson 11's exercises on drawing a token: the cut of top-p, temperature and penalty."""

import numpy as np

from minitransformer.functional import softmax_forward
from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, call


def my_top_p(probs, p):
    """probs (V,) -> (V,): the fewest that together reach p, scaled to add up to 1."""
    order = np.argsort(-probs)                                     # (V,) the likeliest first
    before = np.cumsum(probs[order]) - probs[order]                # (V,) what stands before each
    kept = order[before < p]
    cut = np.zeros_like(probs)                                     # (V,)
    cut[kept] = probs[kept]
    return cut / cut.sum()


def my_next_probs(logits, temperature, penalty, seen):
    """logits (V,) -> (V,): ids in seen penalized once each, then the softmax at a temperature."""
    z = np.array(logits)                                           # (V,) a copy
    for i in set(seen):
        z[i] = z[i] / penalty if z[i] > 0 else z[i] * penalty
    return softmax_forward(z / temperature)[0]                     # (V,)


def distributions(rng):
    """Whole numbers, shuffled: p reached to the bit; the first alone is more; crossed."""
    for weights, p in (([8, 4, 2, 1, 1], 0.75), ([16, 9, 4, 1], 0.4), ([5, 4, 3, 2, 1, 1], 0.7)):
        probs = np.array(rng.permutation(weights)) / sum(weights)
        yield call(probs, p)
    yield call(softmax_forward(2 * rng.normal(size=9))[0], 0.8)


def top_p_mistake(keep, scale=lambda cut, p: cut / cut.sum()):
    """keep(sorted probs, p) -> bool, of the sorted ones."""
    def top_p(probs, p):
        order = np.argsort(-probs)
        kept = order[keep(probs[order], p)]
        cut = np.zeros_like(probs)
        cut[kept] = probs[kept]
        with np.errstate(all="ignore"):
            return scale(cut, p)
    return top_p


def top_p_unsorted(probs, p):
    cut = np.where(np.cumsum(probs) - probs < p, probs, 0.0)
    return cut / cut.sum()


def top_p_unlikeliest(probs, p):
    order = np.argsort(probs)                                      # (V,) the unlikeliest first
    kept = order[np.cumsum(probs[order]) - probs[order] < p]
    cut = np.zeros_like(probs)
    cut[kept] = probs[kept]
    return cut / cut.sum()


def softmax_of_kept(cut, p):
    return softmax_forward(np.where(cut > 0, cut, -np.inf))[0]


def penalized(rng):
    """Logits above and below 0 that were seen, one of them several times."""
    for temperature, penalty in ((1.0, 2.0), (0.7, 1.3), (1.8, 1.5)):
        logits = rng.permutation(np.linspace(-2.1, 2.6, 8)) + 0.1 * rng.random(8)
        low, high = (int(i) for i in (np.argmin(logits), np.argmax(logits)))
        yield call(logits, temperature, penalty, [high, low, high, 3, high])


def penalty_mistake(*, change=lambda z, r: z / r if z > 0 else z * r, once=set,
                    draw=lambda z, temperature: softmax_forward(z / temperature)[0]):
    """my_next_probs with one of its steps replaced by a wrong one."""
    def next_probs(logits, temperature, penalty, seen):
        z = np.array(logits)
        for i in once(seen):
            z[i] = change(z[i], penalty)
        return draw(z, temperature)
    return next_probs


def penalty_after(logits, temperature, penalty, seen):
    probs, _ = softmax_forward(logits / temperature)
    probs[list(set(seen))] /= penalty
    return probs / probs.sum()


def penalty_on_the_unseen(logits, temperature, penalty, seen):
    z = np.array(logits)
    for i in range(len(z)):
        if i not in seen:
            z[i] = z[i] / penalty if z[i] > 0 else z[i] * penalty
    return softmax_forward(z / temperature)[0]


def late(z, temperature):
    probs = softmax_forward(z)[0] / temperature
    return probs / probs.sum()


ITEMS = (
    Prediction(
        "11.3", "A model of characters has read 300,000 characters of a manual. It always writes "
        "the likeliest next one. What do 300 characters of its text look like?",
        answer="the same words again and again",
        choices=("the best sentences it can make", "the same words again and again",
                 "letters without sense"),
        because="What it has written brings it to a place where it was before, and from there it "
                "goes the same way once more. A text without a surprise is not a typical text.",
    ),
    Exercise(
        "11.4", "top-p", 8,
        solution=my_top_p,
        cases=distributions,
        results=("The result",),
        mistakes=(
            Mistake(top_p_mistake(lambda s, p: np.cumsum(s) <= p),
                    "The token that crosses p is left out. What is kept has to reach p, so it "
                    "belongs to them; if the first alone is larger than p, nothing would be left."),
            Mistake(top_p_mistake(lambda s, p: np.cumsum(s) < p),
                    "The token with which the sum reaches p is left out. What is kept has to "
                    "reach p, so it belongs to them."),
            Mistake(top_p_mistake(lambda s, p: np.cumsum(s) - s <= p),
                    "One too many is kept where the sum has reached p exactly: a token stays "
                    "while those before it make less than p."),
            Mistake(top_p_mistake(lambda s, p: np.cumsum(s) - s < p, lambda cut, p: cut),
                    "What is kept does not add up to 1: divide by its sum."),
            Mistake(top_p_mistake(lambda s, p: np.cumsum(s) - s < p, lambda cut, p: cut / p),
                    "Divide by the sum of what is kept. It reaches p, but is mostly larger."),
            Mistake(top_p_unsorted,
                    "The sum has to run over the likeliest first: sort before you add up."),
            Mistake(top_p_unlikeliest,
                    "The sum has to begin with the likeliest: argsort begins with the smallest, "
                    "so sort the negative."),
            Mistake(top_p_mistake(lambda s, p: np.cumsum(s) - s < p, softmax_of_kept),
                    "No second softmax: divide what is kept by its sum."),
            Mistake(top_p_mistake(lambda s, p: s >= p),
                    "p is no bound for a single probability: add up the likeliest until their sum "
                    "reaches p."),
            Mistake(top_p_mistake(lambda s, p: np.arange(len(s)) < p * len(s)),
                    "This keeps a share p of the tokens: the sum of their probabilities has to "
                    "reach p, however many they are."),
            Mistake(lambda probs, p: np.sort(top_p_mistake(
                        lambda s, p: np.cumsum(s) - s < p)(probs, p))[::-1],
                    "The result is sorted: each probability has to stay at its token's place."),
        ),
        hints=("order = np.argsort(-probs) are the ids, the likeliest first.",
               "A token stays if those before it make less than p together: "
               "np.cumsum(probs[order]) - probs[order] < p.",
               "Begin with np.zeros_like(probs), fill in the kept ones at their ids, and divide "
               "by the sum."),
    ),
    Exercise(
        "11.5", "temperature and repetition penalty", 8,
        solution=my_next_probs,
        cases=penalized,
        results=("The result",),
        mistakes=(
            Mistake(penalty_mistake(change=lambda z, r: z / r),
                    "Divided by r, a logit below 0 comes nearer to 0, so the token becomes more "
                    "attractive: multiply those."),
            Mistake(penalty_mistake(change=lambda z, r: z * r if z > 0 else z / r),
                    "The two cases are exchanged: this makes what was seen more attractive."),
            Mistake(penalty_mistake(change=lambda z, r: z * r),
                    "Multiplied by r, a logit above 0 grows: divide those."),
            Mistake(penalty_mistake(change=lambda z, r: z - r),
                    "This penalty divides or multiplies; it does not subtract."),
            Mistake(penalty_mistake(once=list),
                    "An id that was seen three times is penalized three times: each id only once."),
            Mistake(penalty_after,
                    "The penalty acts on the logits, before the temperature and the softmax."),
            Mistake(penalty_mistake(change=lambda z, r: z),
                    "Nothing is penalized: change the logit of each id in seen."),
            Mistake(penalty_on_the_unseen,
                    "This penalizes the ids that were not seen."),
            Mistake(penalty_mistake(draw=late),
                    "This is what temperature 1 gives: the temperature is missing, or it divides "
                    "after the softmax, where making the sum 1 again undoes it. Divide the "
                    "logits."),
            Mistake(penalty_mistake(draw=lambda z, temperature:
                                    softmax_forward(z * temperature)[0]),
                    "Divide by the temperature: a high one has to bring the logits together."),
            Mistake(penalty_mistake(draw=lambda z, temperature: z / temperature),
                    "These are logits: probabilities come out of the softmax."),
        ),
        hints=("Work on a copy, z = np.array(logits).",
               "for i in set(seen): each id once. z[i] / penalty above 0, z[i] * penalty below.",
               "Then softmax_forward(z / temperature) returns probabilities and a cache."),
    ),
)

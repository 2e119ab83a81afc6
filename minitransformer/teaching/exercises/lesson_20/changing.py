"""Lesson 20's exercises on changing what passes through: a head's mean, and a map of patches."""

import numpy as np

from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, call


def my_ablate(w, b, head, n_heads, mean):
    """w (D, D), b (D,) of an output projection -> both for a head that always says mean (K,)."""
    K = len(w) // n_heads
    rows = slice(head * K, (head + 1) * K)
    b = b + mean @ w[rows]                                     # (D,)
    w = w.copy()
    w[rows] = 0
    return w, b


def my_patching_map(clean, corrupted, blocks, score):
    """clean, corrupted (T, D) -> (L + 1, T): the share of the score that each vector restores."""
    def answer(x, level):
        for block in blocks[level:]:
            x = block(x)
        return score(x)

    high, low = answer(clean, 0), answer(corrupted, 0)
    shares = np.empty((len(blocks) + 1, len(clean)))
    for level in range(len(blocks) + 1):
        for t in range(len(clean)):
            patched = corrupted.copy()
            patched[t] = clean[t]
            shares[level, t] = (answer(patched, level) - low) / (high - low)
        if level < len(blocks):
            clean, corrupted = blocks[level](clean), blocks[level](corrupted)
    return shares


def projections(rng):
    for D, n_heads, head in ((6, 3, 1), (8, 2, 0), (6, 2, 1)):
        yield call(*(rng.normal(size=shape) for shape in ((D, D), (D,))), head, n_heads,
                   rng.normal(size=D // n_heads))


def ablate_mistake(*, rows=lambda w, head, K, H: slice(head * K, (head + 1) * K), along=0,
                   bias="plus", whole=False):
    """my_ablate with one of its steps wrong."""
    def ablate(w, b, head, n_heads, mean):
        K = len(w) // n_heads
        mine = rows(w, head, K, n_heads)
        silent, said = w.copy(), 0
        if along:
            silent[:, mine] = 0
            said = mean @ w[:, mine].T
        else:
            silent[mine] = 0
            said = mean @ w[mine]
        old = 0 if whole else b
        return silent, {"plus": old + said, "minus": old - said, "none": b}[bias]
    return ablate


def chains(rng):
    """Blocks that are not linear, and mix the positions; T, D and L differ."""
    for T, D, L in ((4, 3, 2), (3, 2, 1)):
        mixes = [(rng.normal(size=(T, T)) / 2, rng.normal(size=(D, D)) / 2) for _ in range(L)]
        blocks = [lambda x, m=mix, w=w: x + np.tanh(m @ x @ w) for mix, w in mixes]
        weights = rng.normal(size=D)
        yield call(*rng.normal(size=(2, T, D)), blocks, lambda x, w=weights: x[-1] @ w)


def map_mistake(*, put="clean", share=lambda now, high, low: (now - low) / (high - low),
                late=0, keep=False, walk=True, places=None):
    """my_patching_map with one of its steps wrong."""
    def patching_map(clean, corrupted, blocks, score):
        def answer(x, level):
            for block in blocks[level:]:
                x = block(x)
            return score(x)

        high, low = answer(clean, 0), answer(corrupted, 0)
        shares = np.empty((len(blocks) + 1, len(clean)))
        for level in range(len(blocks) + 1):
            into, source = (corrupted, clean) if put == "clean" else (clean, corrupted)
            staying = into.copy()
            for t in range(len(clean)):
                patched = staying if keep else into.copy()
                patched[t] = source[t]
                shares[level, t] = share(answer(patched, level + late), high, low)
            if level < len(blocks) and walk:
                clean, corrupted = blocks[level](clean), blocks[level](corrupted)
        return shares
    return patching_map


ITEMS = (
    Prediction(
        "20.1", "A head gives nine tenths of its weight to one token and one tenth to another. "
        "The second token's value is exchanged, or the first one's. Which of the two changes the "
        "answer more?",
        answer="the weights do not say",
        choices=("the first", "the second", "the weights do not say"),
        because="What arrives is weight times value, and what counts of it is the part along the "
                "direction that the rest of the model reads. Here the first token's value has "
                "none of it.",
    ),
    Exercise(
        "20.2", "a head that always says its mean", 8,
        solution=my_ablate,
        cases=projections,
        results=("w", "b"),
        mistakes=(
            Mistake(ablate_mistake(along=1),
                    "These are the head's columns of w. The merged heads are multiplied from the "
                    "left, so a head meets K rows."),
            Mistake(ablate_mistake(rows=lambda w, head, K, H: slice(head, None, H)),
                    "The heads stand one behind the other: head h has the rows h K to "
                    "(h + 1) K - 1."),
            Mistake(ablate_mistake(rows=lambda w, head, K, H: slice(head, head + 1)),
                    "This is one row. A head is K = D / n_heads wide."),
            Mistake(ablate_mistake(bias="none"),
                    "The head is silent, but does not say its mean. That is the same for every "
                    "token, so it belongs into the bias; and the rows that it is multiplied with "
                    "are those before they are set to zero."),
            Mistake(ablate_mistake(bias="minus"),
                    "The head's mean is added to what the others say, not taken from it."),
            Mistake(ablate_mistake(whole=True), "The old bias is still needed."),
        ),
        hints=("K = len(w) // n_heads, and the head's rows are slice(head * K, (head + 1) * K).",
               "What the head adds for every token is mean @ w[rows], a vector (D,).",
               "Work on w.copy(), so that the caller's w stays as it is."),
    ),
    Exercise(
        "20.3", "a map of patches", 12,
        solution=my_patching_map,
        cases=chains,
        results=("The map",),
        mistakes=(
            Mistake(map_mistake(put="corrupted"),
                    "Here a corrupted vector is put into the clean run: that measures what is "
                    "lost, and not what is restored."),
            Mistake(map_mistake(keep=True),
                    "The patches add up: each run has to begin with a fresh copy of the corrupted "
                    "stream."),
            Mistake(map_mistake(walk=False),
                    "At level 1 both streams have passed through block 0: move them on at the end "
                    "of each level."),
            Mistake(map_mistake(late=1),
                    "Level i is what block i reads: the patched stream has to go through blocks[i] "
                    "as well."),
            Mistake(map_mistake(share=lambda now, high, low: now),
                    "This is the score itself: the share is (score - low) / (high - low)."),
            Mistake(map_mistake(share=lambda now, high, low: now - low),
                    "Divide by high - low, what there is to restore."),
            Mistake(map_mistake(share=lambda now, high, low: now / high),
                    "A run that restores nothing should give 0, not low / high."),
            Mistake(map_mistake(share=lambda now, high, low: (high - now) / (high - low)),
                    "This is the share that is still missing."),
        ),
        hints=("Write a small function first: answer(x, level) sends x through blocks[level:] and "
               "takes the score.",
               "For each level and each t: patched = corrupted.copy(); patched[t] = clean[t].",
               "After each level but the last, clean = blocks[level](clean), and corrupted "
               "likewise."),
    ),
)

"""Lesson 19's exercises on what passes from block to block: rollout, and the logit lens."""

import numpy as np

from minitransformer.teaching.exercise import Exercise, Mistake, call


def my_rollout(weights):
    """weights (L, H, T, T) -> the shares of the input tokens behind the last block, (T, T)."""
    T = weights.shape[-1]
    shares = np.eye(T)                                            # (T, T)
    for layer in weights:
        mixed = 0.5 * np.eye(T) + 0.5 * layer.mean(axis=0)        # (T, T)
        shares = mixed @ shares                                   # (T, T)
    return shares


def rollout_mistake(*, mix=lambda eye, A: 0.5 * eye + 0.5 * A, heads=lambda A: A.mean(axis=0),
                    join=lambda mixed, shares: mixed @ shares):
    """my_rollout with one of its steps replaced by a wrong one."""
    def rollout(weights):
        shares = eye = np.eye(weights.shape[-1])
        for layer in weights:
            shares = join(mix(eye, heads(layer)), shares)
        return shares
    return rollout


def mean_of_layers(weights):
    return 0.5 * np.eye(weights.shape[-1]) + 0.5 * weights.mean(axis=(0, 1))


def stacks(rng):
    for L, H, T in ((3, 2, 4), (2, 3, 5)):
        weights = rng.uniform(size=(L, H, T, T)) ** 3
        yield call(weights / weights.sum(axis=-1, keepdims=True))


def my_logit_lens(streams, head):
    """streams (L + 1, T, D), head: (..., D) -> (..., V); the likeliest id at each level: (L + 1,).

    Of the token that follows the last one.
    """
    return np.argmax(head(streams[:, -1]), axis=-1)               # (L + 1,)


def branches_alone(streams, head):
    return np.argmax(head(np.diff(streams[:, -1], axis=0, prepend=0)), axis=-1)


def lenses(rng):
    for L, T, D, V in ((4, 3, 6, 9), (3, 5, 4, 7)):
        w, streams = rng.normal(size=(D, V)), rng.normal(size=(L + 1, T, D))
        yield call(np.cumsum(streams, axis=0), lambda x, w=w: x @ w)


ITEMS = (
    Exercise(
        "19.1", "rollout", 8,
        solution=my_rollout,
        cases=stacks,
        results=("shares",),
        mistakes=(
            Mistake(rollout_mistake(mix=lambda eye, A: A),
                    "Each block hands on what came in as well: mix half of the identity into each "
                    "layer's weights."),
            Mistake(rollout_mistake(mix=lambda eye, A: eye + A),
                    "The rows of I + A sum to 2. Take half of each."),
            Mistake(rollout_mistake(join=lambda mixed, shares: shares @ mixed),
                    "The order of the factors is wrong: a later layer mixes what the earlier ones "
                    "have made, so it stands on the left."),
            Mistake(rollout_mistake(heads=lambda A: A[0]),
                    "This uses the first head alone: take the mean over the heads."),
            Mistake(rollout_mistake(heads=lambda A: A.sum(axis=0)),
                    "Take the mean over the heads, not their sum: a row must sum to 1."),
            Mistake(rollout_mistake(heads=lambda A: A.max(axis=0)),
                    "Take the mean over the heads, not the largest: a row must sum to 1."),
            Mistake(rollout_mistake(join=lambda mixed, shares: mixed * shares),
                    "This multiplies entry by entry. Mixtures of mixtures are a matrix product."),
            Mistake(rollout_mistake(join=lambda mixed, shares: mixed),
                    "This is the last layer alone. Each layer's matrix is multiplied onto what the "
                    "layers before have given."),
            Mistake(mean_of_layers,
                    "This averages the layers. They work one behind the other: multiply."),
        ),
        hints=("One layer: mixed = 0.5 * np.eye(T) + 0.5 * layer.mean(axis=0).",
               "Start with shares = np.eye(T), and go through the layers from the first on.",
               "shares = mixed @ shares: the later layer on the left."),
    ),
    Exercise(
        "19.5", "the logit lens", 4,
        solution=my_logit_lens,
        cases=lenses,
        results=("ids",),
        mistakes=(
            Mistake(lambda streams, head: np.argmax(head(streams[-1, -1])),
                    "This is the model's own answer, behind the last block. Give one for each "
                    "level."),
            Mistake(lambda streams, head: np.argmax(head(streams[-1]), axis=-1),
                    "These are the answers behind the last block, for every token. Take every "
                    "level and the last token: streams[:, -1]."),
            Mistake(lambda streams, head: np.argmax(head(streams[:, 0]), axis=-1),
                    "This reads the first token. The last one knows all that stands before."),
            Mistake(lambda streams, head: np.argmax(head(streams), axis=-1),
                    "Right for every token; only the last is asked for: streams[:, -1]."),
            Mistake(lambda streams, head: np.max(head(streams[:, -1]), axis=-1),
                    "These are the largest logits. Asked for are their ids: np.argmax."),
            Mistake(lambda streams, head: np.argmax(head(streams[:, -1]), axis=0),
                    "The largest must be looked for among the V entries, axis -1."),
            Mistake(branches_alone,
                    "This asks the head about what each block has added. The lens reads the whole "
                    "stream behind it."),
        ),
        hints=("streams[:, -1] is the last token's vector at each level, (L + 1, D).",
               "head makes (L + 1, V) of it.",
               "np.argmax(..., axis=-1) is the number of the largest entry of each row."),
    ),
)

"""Teacher forcing beside free running: what a translator writes when it is corrected at every
character, and when it has to live with what it wrote."""

from typing import NamedTuple

import numpy as np

from minitransformer.data.batching import make_batch
from minitransformer.data.tokenizers import END, PAD, START


def teacher_forced(translator, pairs, *, batch_size=250):
    """For each pair the ids that the model holds likeliest, one a place of the target, END too.

    At place t the model has read the right characters up to t, whatever it would have written.
    """
    found = []
    for start in range(0, len(pairs), batch_size):
        batch = make_batch(translator.encode(pairs[start:start + batch_size]))
        logits, _ = translator.model.forward(batch.src, batch.tgt)            # (B, T, V)
        logits[..., [PAD, START]] = -np.inf  # nothing that decoding may choose either
        likeliest = np.argmax(logits, axis=-1)                                # (B, T)
        found += [[int(i) for i in row[real]] for row, real in zip(likeliest,
                                                                   batch.targets != PAD)]
    return found


def free_running(translator, pairs, *, batch_size=250):
    """For each pair the ids of the model's own translation, END too where it came to an end."""
    found = []
    for start in range(0, len(pairs), batch_size):
        texts = translator.translate([source for source, _ in pairs[start:start + batch_size]])
        found += [[*translator.target.encode(text), END] for text in texts]
    return found


class Shares(NamedTuple):
    """Of some pairs: the share of right characters in both ways, and of faultless translations."""

    forced: float  # characters right under teacher forcing
    free: float    # characters that stand at the right place of the free translation
    exact: float   # translations without a fault


def shares(translator, pairs):
    """The Shares of these pairs. END counts as a character."""
    right = [[*ids, END] for _, ids in translator.encode(pairs)]
    free = free_running(translator, pairs)
    places = sum(map(len, right))
    return Shares(
        forced=_agreements(teacher_forced(translator, pairs), right) / places,
        free=_agreements(free, right) / places,
        exact=sum(a == b for a, b in zip(free, right)) / len(right))


def _agreements(found, right):
    return sum(a == b for mine, theirs in zip(found, right) for a, b in zip(mine, theirs))
